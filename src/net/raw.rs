//! Raw sockets of one address family for a half-open scan: they send SYNs and receive replies. Requires CAP_NET_RAW.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto, sockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::packet::{IcmpError, MAX_PACKET, Segment, icmp_error_v4, icmp_error_v6, segment, v4_payload, write_syn};

/// Buffer size: for replies that arrive while this thread is not scheduled, and for probes that the kernel keeps
/// until it knows the link address of their host, or that there is none.
const BUFFER_BYTES: usize = 16 << 20;
/// The longest IPv4 header with a TCP header, twice: an ICMP message quotes those of its packet.
const MAX_REPLY: usize = 256;

/// ICMP errors: unreachable, hop limit exceeded, header not understood; for IPv4 and IPv6.
const ERROR_TYPES: [[u32; 3]; 2] = [[3, 11, 12], [1, 3, 4]];

/// A reply to a SYN.
#[derive(Clone, Copy, Debug)]
pub(super) enum Datagram {
    /// A segment from that host.
    Segment(IpAddr, Segment),
    /// An ICMP error from a router or the host.
    IcmpError(IcmpError),
}

/// The sockets of one family.
pub(super) struct Raw {
    tcp: Socket,
    icmp: Socket,
    /// The source port of the SYNs. While it is held, no other socket gets it and none listens on it: the kernel
    /// resets segments without a connection, and so takes back each half-open connection.
    port: u16,
    _held: Socket,
}

impl Raw {
    /// Opens the sockets; `None` if this machine does not support the family.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW; otherwise the kernel's.
    pub(super) fn open(v6: bool) -> io::Result<Option<Self>> {
        let (domain, icmp) = if v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
        let tcp = match Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(Protocol::TCP)) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AFNOSUPPORT) => return Ok(None),
            tcp => tcp?,
        };
        if v6 {
            tcp.set_header_included_v6(true)?;
        } else {
            tcp.set_header_included_v4(true)?;
        }

        let icmp = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(icmp))?;

        let held = match reserve_port(domain, v6) {
            // The family is supported but disabled: it has no address.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::ADDRNOTAVAIL) => return Ok(None),
            held => held?,
        };

        let port = held.local_addr()?.as_socket().map_or(0, |address| address.port());
        tcp.attach_filter(&to_port(port, v6))?;
        icmp.attach_filter(&of_kinds(if v6 { &ERROR_TYPES[1] } else { &ERROR_TYPES[0] }, v6))?;
        // Without CAP_NET_ADMIN the machine's limit applies.
        if sockopt::set_socket_recv_buffer_size_force(&tcp, BUFFER_BYTES).is_err() {
            tcp.set_recv_buffer_size(BUFFER_BYTES)?;
        }
        if sockopt::set_socket_send_buffer_size_force(&tcp, BUFFER_BYTES).is_err() {
            tcp.set_send_buffer_size(BUFFER_BYTES)?;
        }
        Ok(Some(Self { tcp, icmp, port, _held: held }))
    }

    /// Sends a SYN from that local address.
    pub(super) fn send(&self, from: IpAddr, to: SocketAddr, sequence: u32) -> Result<(), Errno> {
        let mut packet = [0; MAX_PACKET];
        let length = write_syn(SocketAddr::new(from, self.port), to, sequence, &mut packet);
        // In a raw socket's address the port means the protocol, which is already set.
        let mut to = to;
        to.set_port(0);
        sendto(&self.tcp, &packet[..length], SendFlags::DONTWAIT, &to).map(drop)
    }

    /// Receives at most `most` packets of each type; returns whether there may be more.
    pub(super) fn receive(&self, most: usize, take: &mut dyn FnMut(Datagram)) -> bool {
        let v6 = self.is_v6();
        let segments = each(&self.tcp, most, &mut |from, packet| {
            let tcp = if v6 { Some(packet) } else { v4_payload(packet).map(|(_, tcp)| tcp) };
            if let Some(segment) = tcp.and_then(segment) {
                take(Datagram::Segment(from, segment));
            }
        });

        let errors = each(&self.icmp, most, &mut |_, packet| {
            let error =
                if v6 { icmp_error_v6(packet) } else { v4_payload(packet).and_then(|(_, icmp)| icmp_error_v4(icmp)) };
            if let Some(error) = error {
                take(Datagram::IcmpError(error));
            }
        });

        segments || errors
    }

    /// The descriptors to poll.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.tcp.as_fd(), self.icmp.as_fd()]
    }

    fn is_v6(&self) -> bool {
        self.tcp.domain().is_ok_and(|domain| domain == Domain::IPV6)
    }
}

/// Passes each received packet and its sender to `take`; returns whether there may be more.
pub(super) fn each(socket: &Socket, most: usize, take: &mut dyn FnMut(IpAddr, &[u8])) -> bool {
    let mut buffer = [0_u8; MAX_REPLY];
    for _ in 0..most {
        match recvfrom(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _, from)) => {
                if let Some(from) = from.and_then(|from| SocketAddr::try_from(from).ok()) {
                    take(from.ip(), buffer.get(..length).unwrap_or_default());
                }
            }
            Err(Errno::INTR) => {}
            // No more packets; or the kernel reports an error of an earlier packet, whose reply will not come.
            Err(_) => return false,
        }
    }

    true
}

/// A socket that only reserves a port.
fn reserve_port(domain: Domain, v6: bool) -> io::Result<Socket> {
    let held = Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    let any: IpAddr = if v6 {
        held.set_only_v6(true)?;
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    held.bind(&SocketAddr::new(any, 0).into())?;
    Ok(held)
}

/// The source address that this machine uses for a host, by its routes.
///
/// # Errors
/// If no route leads there, or the route forbids it.
pub(super) fn source(to: SocketAddr) -> Result<IpAddr, Errno> {
    let family = if to.is_ipv6() { rustix::net::AddressFamily::INET6 } else { rustix::net::AddressFamily::INET };
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, rustix::net::SocketType::DGRAM, flags, None)?;
    // This sends nothing.
    rustix::net::connect(&socket, &to)?;
    SocketAddr::try_from(rustix::net::getsockname(&socket)?).map(|own| own.ip())
}

/// Classic BPF (`linux/filter.h`): load four times the low half of a byte into X (IPv4's header length); load a half
/// word or a byte, from X on or not; jump if equal; return.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const LOAD_HALF: (u16, u16) = (0x28, 0x48);
const LOAD_BYTE: (u16, u16) = (0x30, 0x50);
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const WHOLE: u32 = 0xffff;

/// Accepts only segments to that port. A received IPv4 packet begins with its IP header, an IPv6 packet does not.
fn to_port(port: u16, v6: bool) -> Vec<SockFilter> {
    only(LOAD_HALF, 2, &[port.into()], v6)
}

/// Accepts only ICMP messages of these types.
pub(super) fn of_kinds(kinds: &[u32], v6: bool) -> Vec<SockFilter> {
    only(LOAD_BYTE, 0, kinds, v6)
}

/// Accepts packets with one of these values at that offset after the IP header.
fn only((at, behind): (u16, u16), place: u32, values: &[u32], v6: bool) -> Vec<SockFilter> {
    let mut program = Vec::new();
    if !v6 {
        program.push(SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0));
    }

    program.push(SockFilter::new(if v6 { at } else { behind }, 0, 0, place));
    for (left, value) in (0..values.len()).rev().zip(values) {
        // Skips the other comparisons and the rejection.
        let over = u8::try_from(left + 1).unwrap_or_default();
        program.push(SockFilter::new(JUMP_IF_EQUAL, over, 0, *value));
    }

    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program.push(SockFilter::new(RETURN, 0, 0, WHOLE));
    program
}
