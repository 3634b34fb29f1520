//! Raw sockets of one family for a half-open scan: what sends SYNs and hears what they bring. Needs CAP_NET_RAW.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto, sockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::packet::{IcmpError, LONGEST, Segment, complaint_v4, complaint_v6, segment, v4_payload, write_syn};

/// Bytes of answers that may wait to be read, which come while this thread is not let run; and of questions that the kernel
/// keeps until it knows the link address of their host, or that there is none.
const ROOM: usize = 16 << 20;
/// The longest header of IPv4 with that of TCP, twice: an ICMP message holds those of the packet that it is about.
const LONGEST_ANSWER: usize = 256;

/// What says why something did not arrive: unreachable, out of hops, a header not understood; in IPv4 and IPv6.
const COMPLAINTS: [[u32; 3]; 2] = [[3, 11, 12], [1, 3, 4]];

/// What came for a SYN.
#[derive(Clone, Copy, Debug)]
pub(super) enum Datagram {
    /// An answer of that host.
    Segment(IpAddr, Segment),
    /// Word of somebody on the way.
    IcmpError(IcmpError),
}

/// The sockets of one family.
pub(super) struct Raw {
    tcp: Socket,
    icmp: Socket,
    /// Where SYNs come from. Nobody else is given it while it is held, and nobody listens there: the kernel resets what
    /// it knows no connection for, and so takes the second half of each back.
    port: u16,
    _held: Socket,
}

impl Raw {
    /// Opens them; `None` where this machine does not know the family.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW; whatever else the kernel says.
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
        let held = match hold(domain, v6) {
            // The family is there and switched off: no address of it is.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::ADDRNOTAVAIL) => return Ok(None),
            held => held?,
        };
        let port = held.local_addr()?.as_socket().map_or(0, |address| address.port());
        tcp.attach_filter(&to_port(port, v6))?;
        icmp.attach_filter(&of_kinds(if v6 { &COMPLAINTS[1] } else { &COMPLAINTS[0] }, v6))?;
        // Without CAP_NET_ADMIN there is as much as the machine's limit allows.
        if sockopt::set_socket_recv_buffer_size_force(&tcp, ROOM).is_err() {
            tcp.set_recv_buffer_size(ROOM)?;
        }
        if sockopt::set_socket_send_buffer_size_force(&tcp, ROOM).is_err() {
            tcp.set_send_buffer_size(ROOM)?;
        }
        Ok(Some(Self { tcp, icmp, port, _held: held }))
    }

    /// Sends a SYN from that address of this machine.
    pub(super) fn send(&self, from: IpAddr, to: SocketAddr, sequence: u32) -> Result<(), Errno> {
        let mut packet = [0; LONGEST];
        let length = write_syn(SocketAddr::new(from, self.port), to, sequence, &mut packet);
        // In a raw socket's address the port means the protocol, which is known.
        let mut to = to;
        to.set_port(0);
        sendto(&self.tcp, &packet[..length], SendFlags::DONTWAIT, &to).map(drop)
    }

    /// What has come, at most `most` of each kind of packet; whether there may be more.
    pub(super) fn hear(&self, most: usize, hear: &mut dyn FnMut(Datagram)) -> bool {
        let v6 = self.is_v6();
        let segments = each(&self.tcp, most, &mut |from, packet| {
            let tcp = if v6 { Some(packet) } else { v4_payload(packet).map(|(_, tcp)| tcp) };
            if let Some(segment) = tcp.and_then(segment) {
                hear(Datagram::Segment(from, segment));
            }
        });
        let complaints = each(&self.icmp, most, &mut |_, packet| {
            let complaint =
                if v6 { complaint_v6(packet) } else { v4_payload(packet).and_then(|(_, icmp)| complaint_v4(icmp)) };
            if let Some(complaint) = complaint {
                hear(Datagram::IcmpError(complaint));
            }
        });
        segments || complaints
    }

    /// What to wait for.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.tcp.as_fd(), self.icmp.as_fd()]
    }

    fn is_v6(&self) -> bool {
        self.tcp.domain().is_ok_and(|domain| domain == Domain::IPV6)
    }
}

/// Hands each packet that has come to `take`, with who sent it; whether there may be more of them.
pub(super) fn each(socket: &Socket, most: usize, take: &mut dyn FnMut(IpAddr, &[u8])) -> bool {
    let mut buffer = [0_u8; LONGEST_ANSWER];
    for _ in 0..most {
        match recvfrom(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _, from)) => {
                if let Some(from) = from.and_then(|from| SocketAddr::try_from(from).ok()) {
                    take(from.ip(), buffer.get(..length).unwrap_or_default());
                }
            }
            Err(Errno::INTR) => {}
            // Nothing more is there; or the kernel tells of an error of some packet, whose answer will then not come.
            Err(_) => return false,
        }
    }
    true
}

/// A socket that only keeps a port.
fn hold(domain: Domain, v6: bool) -> io::Result<Socket> {
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

/// The address that this machine asks a host from, by its routes.
///
/// # Errors
/// Where no route leads there, or one that forbids it.
pub(super) fn source(to: SocketAddr) -> Result<IpAddr, Errno> {
    let family = if to.is_ipv6() { rustix::net::AddressFamily::INET6 } else { rustix::net::AddressFamily::INET };
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, rustix::net::SocketType::DGRAM, flags, None)?;
    // Nothing is sent by that.
    rustix::net::connect(&socket, &to)?;
    SocketAddr::try_from(rustix::net::getsockname(&socket)?).map(|own| own.ip())
}

/// Classic BPF (`linux/filter.h`): load into X four times the low half of a byte (IPv4's header length); load a half word or a
/// byte, from X on or not; jump if equal; return.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const LOAD_HALF: (u16, u16) = (0x28, 0x48);
const LOAD_BYTE: (u16, u16) = (0x30, 0x50);
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const WHOLE: u32 = 0xffff;

/// Lets only segments to that port in. A packet of IPv4 begins with its IP header, one of IPv6 does not.
fn to_port(port: u16, v6: bool) -> Vec<SockFilter> {
    only(LOAD_HALF, 2, &[port.into()], v6)
}

/// Lets only ICMP messages of these kinds in.
pub(super) fn of_kinds(kinds: &[u32], v6: bool) -> Vec<SockFilter> {
    only(LOAD_BYTE, 0, kinds, v6)
}

/// Lets in what has one of these values at that place behind the IP header.
fn only((at, behind): (u16, u16), place: u32, values: &[u32], v6: bool) -> Vec<SockFilter> {
    let mut program = Vec::new();
    if !v6 {
        program.push(SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0));
    }
    program.push(SockFilter::new(if v6 { at } else { behind }, 0, 0, place));
    for (left, value) in (0..values.len()).rev().zip(values) {
        // Over the other comparisons and the refusal.
        let over = u8::try_from(left + 1).unwrap_or_default();
        program.push(SockFilter::new(JUMP_IF_EQUAL, over, 0, *value));
    }
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program.push(SockFilter::new(RETURN, 0, 0, WHOLE));
    program
}
