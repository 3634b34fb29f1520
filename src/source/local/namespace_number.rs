//! The number that the kernel gives another network namespace in one's own (`man 7 rtnetlink`, RTM_GETNSID): interfaces whose other
//! end is elsewhere have it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::dump::{attributes, next_message};

const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NLM_F_REQUEST: u16 = 1;
/// `struct nlmsghdr`, a `struct rtgenmsg` with its padding, and one attribute.
const LENGTH: usize = 16 + 4 + 8;
const RTGENMSG: usize = 4;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// The kernel replies at once; this only prevents a hang if it is broken.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of the namespace of an open file; `None`: it has none here.
///
/// # Errors
/// The kernel's.
pub(super) fn read(namespace: impl AsFd) -> io::Result<Option<i32>> {
    // Protocol 0 is `NETLINK_ROUTE`.
    let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(REPLY_TIMEOUT))?;
    let mut request = [0; LENGTH];
    request[0..4].copy_from_slice(&u32::try_from(LENGTH).unwrap_or_default().to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETNSID.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    request[20..22].copy_from_slice(&8_u16.to_ne_bytes());
    request[22..24].copy_from_slice(&NETNSA_FD.to_ne_bytes());
    request[24..28].copy_from_slice(&namespace.as_fd().as_raw_fd().to_ne_bytes());
    rustix::net::sendto(&fd, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;

    let mut buffer = vec![0; 1024];
    let (_, length) = rustix::net::recv(&fd, buffer.as_mut_slice(), RecvFlags::empty())?;
    match next_message(buffer.get(..length).unwrap_or_default()) {
        Some((RTM_NEWNSID, _, message, _)) => Ok(number(message)),
        _ => Err(io::Error::other("the kernel does not number the namespace")),
    }
}

fn number(message: &[u8]) -> Option<i32> {
    let (_, value) = attributes(message.get(RTGENMSG..)?).find(|(kind, _)| *kind == NETNSA_NSID)?;
    // -1 means that it has none.
    value.try_into().ok().map(i32::from_ne_bytes).filter(|number| *number >= 0)
}
