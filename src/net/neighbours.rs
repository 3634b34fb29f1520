//! Hosts on this machine's links: the kernel's neighbour table through netlink (`man 7 rtnetlink`), which needs no
//! permission.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::model::HardwareAddress;

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// `NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE`: the host has replied for its address, now or a while ago.
const CONFIRMED: u16 = 0x02 | 0x04 | 0x08 | 0x10;
/// `struct nlmsghdr`, and `struct ndmsg` after it.
const HEADER: usize = 16;
const NDMSG: usize = 12;
/// The kernel fills at most 32 KiB per read of a dump.
const BUFFER: usize = 64 * 1024;
/// The kernel replies at once; this only prevents a hang if it is broken.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// The addresses that a host has replied for (ARP, neighbor discovery), and its network card where that is an Ethernet one.
///
/// # Errors
/// The kernel's.
pub(crate) fn neighbours() -> io::Result<BTreeMap<IpAddr, Option<HardwareAddress>>> {
    let flags = SocketFlags::CLOEXEC;
    // Protocol 0 is `NETLINK_ROUTE`.
    let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
    sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(REPLY_TIMEOUT))?;

    let mut request = [0; HEADER + NDMSG];
    request[0..4].copy_from_slice(&28_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETNEIGH.to_ne_bytes());
    request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    rustix::net::sendto(&fd, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let (mut found, mut buffer) = (BTreeMap::new(), vec![0; BUFFER]);
    loop {
        let (_, length) = rustix::net::recv(&fd, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = &buffer[..length];
        while let Some((kind, message, next)) = first_message(rest) {
            match kind {
                NLMSG_DONE => return Ok(found),
                NLMSG_ERROR => return Err(io::Error::other("the kernel did not list its neighbors")),
                RTM_NEWNEIGH => found.extend(neighbour(message)),
                _ => {}
            }
            rest = next;
        }
    }
}

/// The first message: its type, its content, and the messages after it.
fn first_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let message = bytes.get(HEADER..length)?;
    Some((u16_at(bytes, 4)?, message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The addresses of an entry, if a host has replied for it.
fn neighbour(message: &[u8]) -> Option<(IpAddr, Option<HardwareAddress>)> {
    if u16_at(message, 8)? & CONFIRMED == 0 {
        return None;
    }

    let (mut ip, mut mac) = (None, None);
    let mut attributes = message.get(NDMSG..)?;
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let length = usize::from(length).max(4);
        let Some(value) = attributes.get(4..length) else { break };
        match kind {
            NDA_DST => ip = address(value),
            NDA_LLADDR => mac = value.try_into().ok().filter(|bytes| *bytes != [0; 6]).map(HardwareAddress),
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some((ip?, mac))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).map(IpAddr::from)).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: u16, address: &[u8]) -> Vec<u8> {
        let mut message = vec![0; NDMSG];
        message[8..10].copy_from_slice(&state.to_ne_bytes());
        // A hardware address before it, which is no multiple of four long.
        message.extend([10_u16.to_ne_bytes(), 2_u16.to_ne_bytes()].as_flattened());
        message.extend([1, 2, 3, 4, 5, 6, 0, 0]);
        let length = u16::try_from(4 + address.len()).unwrap();
        message.extend([length.to_ne_bytes(), NDA_DST.to_ne_bytes()].as_flattened());
        message.extend(address);
        message
    }

    #[test]
    fn only_confirmed_entries_are_neighbours() {
        let mac = Some(HardwareAddress([1, 2, 3, 4, 5, 6]));
        assert_eq!(neighbour(&entry(0x02, &[10, 0, 0, 5])), Some(("10.0.0.5".parse().unwrap(), mac)));
        let v6: Ipv6Addr = "2001:db8::7".parse().unwrap();
        assert_eq!(neighbour(&entry(0x08, &v6.octets())), Some((v6.into(), mac)));
        for state in [0x01, 0x20, 0x40, 0x80] {
            assert_eq!(neighbour(&entry(state, &[10, 0, 0, 5])), None, "{state:#x}");
        }
    }

    #[test]
    fn truncated_entries_are_skipped() {
        let whole = entry(0x02, &[10, 0, 0, 5]);
        for length in 0..whole.len() {
            assert_eq!(neighbour(&whole[..length]), None);
        }
        assert!(neighbours().is_ok());
    }
}
