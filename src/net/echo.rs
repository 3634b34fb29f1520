//! ICMP echo (RFC 792, RFC 4443): whether a host is up. Uses datagram sockets if this user may open them
//! (`net.ipv4.ping_group_range`), raw ones with CAP_NET_RAW, and nothing otherwise.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{SendFlags, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use super::packet::{checksum, v4_payload};
use super::raw::{each, of_kinds};

/// Message types of IPv4 and IPv6.
const REQUEST: [u8; 2] = [8, 128];
const REPLY: [u8; 2] = [0, 129];
/// The header, the caller's number for the host, and a proof that the request was ours.
const LENGTH: usize = 8 + 4 + 8;
/// Replies read at a time.
const READS: usize = 512;

/// Sockets for both families, as far as permitted.
pub(crate) struct Echo {
    sockets: [Option<Socket>; 2],
    key: RandomState,
}

impl Echo {
    /// Opens the sockets that this user may open; there may be none.
    pub(crate) fn open() -> Self {
        Self { sockets: [open(false), open(true)].map(io::Result::ok), key: RandomState::new() }
    }

    /// Sends a request to a host; `host` is the caller's number for it. A request that fails gets no reply.
    pub(crate) fn send(&self, host: u32, to: SocketAddr) {
        let v6 = to.is_ipv6();
        let Some(socket) = &self.sockets[usize::from(v6)] else { return };
        let mut packet = [0; LENGTH];
        packet[0] = REQUEST[usize::from(v6)];
        packet[8..12].copy_from_slice(&host.to_be_bytes());
        packet[12..].copy_from_slice(&self.proof(host, to.ip()));
        // For IPv6 the kernel computes it, because it knows the source address.
        let sum = if v6 { 0 } else { checksum(&packet) };
        packet[2..4].copy_from_slice(&sum.to_be_bytes());

        let mut to = to;
        to.set_port(0);
        let _ = sendto(socket, &packet, SendFlags::DONTWAIT, &to);
    }

    /// The hosts that replied, by the caller's numbers; `address` returns the address of each.
    pub(crate) fn replies(&self, address: &dyn Fn(u32) -> Option<IpAddr>) -> Vec<u32> {
        let mut there = Vec::new();
        for (v6, socket) in [false, true].into_iter().zip(&self.sockets) {
            let Some(socket) = socket else { continue };
            let raw = socket.r#type().is_ok_and(|kind| kind == Type::RAW);
            each(socket, READS, &mut |from, packet| {
                let icmp = if raw && !v6 { v4_payload(packet).map(|(_, icmp)| icmp) } else { Some(packet) };
                let host = icmp
                    .and_then(|icmp| parse_reply(icmp, v6))
                    .filter(|(host, proof)| address(*host) == Some(from) && *proof == self.proof(*host, from));
                there.extend(host.map(|(host, _)| host));
            });
        }

        there
    }

    fn proof(&self, host: u32, to: IpAddr) -> [u8; 8] {
        self.key.hash_one((host, to)).to_be_bytes()
    }
}

/// The number of the host and the proof, as sent in the request.
fn parse_reply(icmp: &[u8], v6: bool) -> Option<(u32, [u8; 8])> {
    let host = u32::from_be_bytes(icmp.get(8..12)?.try_into().ok()?);
    let proof = icmp.get(12..LENGTH)?.try_into().ok()?;
    (*icmp.first()? == REPLY[usize::from(v6)]).then_some((host, proof))
}

fn open(v6: bool) -> io::Result<Socket> {
    let (domain, protocol) = if v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
    if let Ok(socket) = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(protocol)) {
        return Ok(socket);
    }
    let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    socket.attach_filter(&of_kinds(&[REPLY[usize::from(v6)].into()], v6))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    /// The address of each of the two hosts.
    fn address(host: u32) -> Option<IpAddr> {
        (host < 2).then(|| IpAddr::from([127, 0, 0, 1 + u8::try_from(host).unwrap()]))
    }

    #[test]
    fn a_reply_identifies_its_host() {
        let echo = Echo::open();
        let socket = echo.sockets[0].as_ref();
        let socket = socket.expect("this test needs root, or a group in net.ipv4.ping_group_range");
        for (at, ip) in [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])].into_iter().enumerate() {
            echo.send(u32::try_from(at).unwrap(), SocketAddr::new(ip, 80));
        }

        let (begin, mut there) = (Instant::now(), Vec::new());
        while there.len() < 2 && begin.elapsed() < Duration::from_mins(1) {
            there.extend(echo.replies(&address));
        }

        there.sort_unstable();
        assert_eq!(there, [0, 1]);

        // The same reply from another host is ignored.
        echo.send(0, SocketAddr::new([127, 0, 0, 1].into(), 80));
        let mut waits = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
        assert_eq!(poll(&mut waits, Some(&Timespec { tv_sec: 60, tv_nsec: 0 })), Ok(1), "it does come");
        assert_eq!(echo.replies(&|_| Some([127, 0, 0, 9].into())), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), v6: bool) {
            let _ = parse_reply(&bytes, v6);
        }
    }
}
