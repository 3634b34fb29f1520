//! The interfaces of a network namespace as the kernel lists its links: also those without an address (`man 7 rtnetlink`).

use std::fs;
use std::io;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::dump::{attributes, next_message};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `struct nlmsghdr`, and `struct ifinfomsg` after it.
const HEADER: usize = 16;
const IFINFOMSG: usize = 16;
const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_LOWER_UP: u32 = 0x1_0000;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINK_NETNSID: u16 = 37;
/// Not present, down, or waiting for the layer below.
const OPERSTATES_DOWN: [u8; 3] = [1, 2, 3];
/// The kernel fills at most 32 KiB per read of a dump.
const BUFFER: usize = 64 * 1024;
/// The kernel replies at once; this only prevents a hang if it is broken.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// The interface that it is a port of, such as a bridge or a VRF; 0 for none.
    pub(super) master: u32,
    pub(super) is_loopback: bool,
    /// Whether packets from elsewhere can come in: it is up and not known to have no carrier.
    pub(super) receives: bool,
    /// The kernel's number for the namespace of its other end, if it has one there.
    pub(super) peer_namespace: Option<i32>,
    /// It takes packets for 127.0.0.0/8 (`route_localnet`); `None`: unknown.
    pub(super) routes_localnet: Option<bool>,
}

/// The links of the calling thread's namespace.
///
/// # Errors
/// The kernel's, or a sandbox's.
pub(super) fn read() -> io::Result<Vec<Link>> {
    let flags = SocketFlags::CLOEXEC;
    // Protocol 0 is `NETLINK_ROUTE`.
    let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
    sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(REPLY_TIMEOUT))?;

    let mut request = [0; HEADER + IFINFOMSG];
    request[0..4].copy_from_slice(&32_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    rustix::net::sendto(&fd, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let (mut links, mut buffer) = (Vec::new(), vec![0; BUFFER]);
    loop {
        let (_, length) = rustix::net::recv(&fd, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = &buffer[..length];
        while let Some((kind, _, message, next)) = next_message(rest) {
            match kind {
                NLMSG_DONE => {
                    read_localnet(&mut links);
                    return Ok(links);
                }
                NLMSG_ERROR => return Err(io::Error::other("the kernel did not list its interfaces")),
                RTM_NEWLINK => links.extend(parse(message)),
                _ => {}
            }
            rest = next;
        }
    }
}

fn parse(message: &[u8]) -> Option<Link> {
    let word = |at: usize| message.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let (index, flags) = (word(4)?, word(8)?);
    let mut link = Link { index, is_loopback: flags & IFF_LOOPBACK != 0, ..Link::default() };
    let mut is_down = false;

    for (kind, value) in attributes(message.get(IFINFOMSG..)?) {
        match kind {
            IFLA_IFNAME => {
                let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            IFLA_LINK_NETNSID => link.peer_namespace = value.try_into().ok().map(i32::from_ne_bytes),
            IFLA_MASTER => link.master = value.try_into().map_or(0, u32::from_ne_bytes),
            IFLA_OPERSTATE => is_down = value.first().is_some_and(|state| OPERSTATES_DOWN.contains(state)),
            _ => {}
        }
    }

    // The state of operation follows the carrier after a moment.
    let has_carrier = flags & IFF_LOWER_UP != 0 || !is_down;
    link.receives = flags & IFF_UP != 0 && has_carrier && !link.is_loopback;
    Some(link)
}

/// Reads which links take packets for 127.0.0.0/8. The setting of all interfaces and that of each one are joined by "or".
fn read_localnet(links: &mut [Link]) {
    let all = setting("all");
    for link in links.iter_mut().filter(|link| link.receives) {
        link.routes_localnet = match all {
            Some(false) => setting(&link.name),
            other => other,
        };
    }
}

fn setting(interface: &str) -> Option<bool> {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{interface}/route_localnet")).ok()?;
    Some(text.trim() != "0")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(flags: u32, state: u8) -> Vec<u8> {
        let mut message = vec![0; IFINFOMSG];
        message[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        message[8..12].copy_from_slice(&flags.to_ne_bytes());
        message.extend([9_u16.to_ne_bytes(), IFLA_IFNAME.to_ne_bytes()].as_flattened());
        message.extend(b"eth0\0\0\0\0");
        message.extend([5_u16.to_ne_bytes(), IFLA_OPERSTATE.to_ne_bytes()].as_flattened());
        message.extend([state, 0, 0, 0]);
        message
    }

    #[test]
    fn a_link_receives_unless_it_is_known_not_to() {
        let link = parse(&message(IFF_UP | IFF_LOWER_UP, 6)).unwrap();
        assert_eq!((link.index, link.name.as_str(), link.receives), (7, "eth0", true));
        for (flags, state, receives) in [
            (IFF_UP, 2, false),
            (IFF_UP, 3, false),
            (IFF_UP, 0, true),
            (IFF_UP | IFF_LOWER_UP, 2, true),
            (IFF_LOWER_UP, 6, false),
            (IFF_UP | IFF_LOWER_UP | IFF_LOOPBACK, 0, false),
        ] {
            assert_eq!(parse(&message(flags, state)).unwrap().receives, receives, "{flags:#x} {state}");
        }
    }

    proptest! {
        #[test]
        fn no_message_causes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
