//! The kernel's socket tables through `sock_diag` netlink (`man 7 sock_diag`, `linux/inet_diag.h`,
//! `linux/unix_diag.h`): the state filter runs in the kernel, and a message states more about a socket than
//! `/proc/net`, without any privilege.

use std::hash::BuildHasher;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use foldhash::fast::FixedState;
use rustix::net::netlink;

use super::connections::LocalEnd;
use super::dump::{NetlinkDump, attributes, request, u16_at, u32_at};
use super::socket::{ConnectedSocket, Socket, SocketQuery, UnixKind, UnixName};
use crate::clean::Untrusted;
use crate::model::{Address, ConnectionState, SocketState, Transport};

const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_UDPLITE: u8 = 136;

const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_SENT: u8 = 2;
const TCP_FIN_WAIT1: u8 = 4;
const TCP_FIN_WAIT2: u8 = 5;
const TCP_CLOSE: u8 = 7;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LAST_ACK: u8 = 9;
const TCP_LISTEN: u8 = 10;
const TCP_CLOSING: u8 = 11;
/// The states of connections. TIME_WAIT is none: no process holds it any more.
const CONNECTED: [u8; 7] =
    [TCP_ESTABLISHED, TCP_SYN_SENT, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING];

/// The older request (`struct inet_diag_req`): for TCP only, but for both address families in one pass through the
/// kernel's table, which costs less than two.
const TCPDIAG_GETSOCK: u16 = 18;
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;

const INET_DIAG_SKV6ONLY: u16 = 11;
/// The request for `INET_DIAG_INFO`.
const INFO: u8 = 2;
/// What is layered on the socket: its name.
const INET_DIAG_ULP_INFO: u16 = 19;
const ULP_MPTCP: (u16, &[u8]) = (1, b"mptcp\0");
const INET_DIAG_CGROUP_ID: u16 = 21;
/// `struct inet_diag_sockopt`, since Linux 5.10; of its first byte, the bit of `transparent`.
const INET_DIAG_SOCKOPT: u16 = 22;
const TRANSPARENT: u8 = if cfg!(target_endian = "little") { 0x20 } else { 0x04 };
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_RQLEN: u16 = 4;
const UNIX_DIAG_UID: u16 = 7;
const UDIAG_SHOW_NAME: u32 = 0x01;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UDIAG_SHOW_UID: u32 = 0x40;

const INET_MSG: usize = 72;
/// `idiag_rqueue` and `idiag_wqueue`: the queued bytes, which change all the time. For a listener the second one is the
/// limit of its backlog.
const QUEUES: Range<usize> = 56..64;
const LISTEN_QUEUE: Range<usize> = 56..60;
const UNIX_MSG: usize = 16;

/// A connection to the kernel's socket tables, in the network namespace of the thread that opens it.
pub(super) struct SockDiag {
    netlink: NetlinkDump,
}

impl SockDiag {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { netlink: NetlinkDump::open(netlink::SOCK_DIAG, usize::MAX)? })
    }

    /// Every TCP or UDP socket in a wanted state, of both address families.
    pub(super) fn inet(&mut self, transport: Transport, wanted: &SocketQuery, out: &mut Vec<Socket>) -> io::Result<()> {
        for request in inet_requests(transport, wanted) {
            self.dump(&request, out, |message, out| out.extend(parse_inet(transport, message)))?;
        }
        Ok(())
    }

    /// The local ends of all established TCP connections.
    pub(super) fn established(&mut self, out: &mut Vec<LocalEnd>) -> io::Result<()> {
        self.dump(&tcp_request(1 << TCP_ESTABLISHED, 0), out, |message, out| {
            out.extend(local_end(message).map(|(ip, port)| LocalEnd {
                ip: ip.to_canonical(),
                port,
                device: u32_at(message, 40),
            }));
        })
    }

    /// Every TCP or UDP socket with a peer.
    pub(super) fn connected(&mut self, transport: Transport, out: &mut Vec<ConnectedSocket>) -> io::Result<()> {
        let requests = match transport {
            Transport::Udp => {
                [AF_INET, AF_INET6].map(|family| udp_request(IPPROTO_UDP, family, 1 << TCP_ESTABLISHED)).to_vec()
            }
            _ => vec![tcp_request(CONNECTED.iter().fold(0, |states, state| states | 1 << state), 0)],
        };
        for request in requests {
            self.dump(&request, out, |message, out| out.extend(parse_connected(transport, message)))?;
        }
        Ok(())
    }

    /// Every Unix-domain socket that listens, and every datagram socket with a name.
    pub(super) fn unix(&mut self, wanted: &SocketQuery, out: &mut Vec<Socket>) -> io::Result<()> {
        let show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
        self.dump(&unix_request(wanted, show), out, |message, out| out.extend(parse_unix(message)))
    }

    /// A number that stays the same as long as the wanted sockets are the same ones in the same states. No socket is stored,
    /// so a thousand of them cost little more than the kernel's own work.
    ///
    /// # Errors
    /// As for reading the sockets.
    pub(super) fn fingerprint(&mut self, wanted: &SocketQuery) -> io::Result<u64> {
        let mut fingerprints = Vec::new();
        let tables = [
            (Transport::Tcp, wanted.tcp, LISTEN_QUEUE),
            (Transport::Udp, wanted.udp, QUEUES),
            (Transport::UdpLite, wanted.udplite, QUEUES),
        ];
        for (transport, _, queues) in tables.into_iter().filter(|(_, wanted, _)| *wanted) {
            for request in inet_requests(transport, wanted) {
                self.dump(&request, &mut fingerprints, |message, fingerprints| {
                    fingerprints.push(fingerprint_of(message, &queues));
                })?;
            }
        }

        if wanted.unix {
            let request = unix_request(wanted, UDIAG_SHOW_NAME | UDIAG_SHOW_UID);
            self.dump(&request, &mut fingerprints, |message, fingerprints| {
                fingerprints.push(fingerprint_of(message, &(0..0)));
            })?;
        }

        // The kernel lists them in no stable order.
        Ok(fingerprints.into_iter().fold(0, u64::wrapping_add))
    }

    /// The kernel replies with messages of the request's own type.
    pub(super) fn dump<T>(
        &mut self,
        request: &[u8],
        out: &mut Vec<T>,
        take: impl Fn(&[u8], &mut Vec<T>),
    ) -> io::Result<()> {
        self.netlink.dump(request, u16_at(request, 4).unwrap_or_default(), out, take)
    }
}

/// The requests for the wanted states; none if no state is wanted.
fn inet_requests(transport: Transport, wanted: &SocketQuery) -> Vec<Vec<u8>> {
    match transport {
        Transport::Tcp if wanted.listen => {
            // What is layered on a socket comes with its other figures, which take time.
            vec![tcp_request(1 << TCP_LISTEN, if wanted.connections { INFO } else { 0 })]
        }
        Transport::Udp | Transport::UdpLite if wanted.unconnected || wanted.connected => {
            let protocol = if transport == Transport::Udp { IPPROTO_UDP } else { IPPROTO_UDPLITE };
            let states =
                (u32::from(wanted.unconnected) << TCP_CLOSE) | (u32::from(wanted.connected) << TCP_ESTABLISHED);
            [AF_INET, AF_INET6].map(|family| udp_request(protocol, family, states)).to_vec()
        }
        _ => Vec::new(),
    }
}

/// With a `struct inet_diag_req`; `more`: which of the optional parts of a reply are wanted.
fn tcp_request(states: u32, more: u8) -> Vec<u8> {
    let mut body = [0; 60];
    body[3] = more;
    body[52..56].copy_from_slice(&states.to_ne_bytes());
    request(TCPDIAG_GETSOCK, &body)
}

/// With a `struct inet_diag_req_v2`.
fn udp_request(protocol: u8, family: u8, states: u32) -> Vec<u8> {
    let mut body = [0; 56];
    (body[0], body[1]) = (family, protocol);
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    request(SOCK_DIAG_BY_FAMILY, &body)
}

/// With a `struct unix_diag_req`.
fn unix_request(wanted: &SocketQuery, show: u32) -> Vec<u8> {
    let states = u32::from(wanted.listen) << TCP_LISTEN | u32::from(wanted.unconnected) << TCP_CLOSE;
    let mut body = [0; 24];
    body[0] = AF_UNIX;
    body[4..8].copy_from_slice(&states.to_ne_bytes());
    body[12..16].copy_from_slice(&show.to_ne_bytes());
    request(SOCK_DIAG_BY_FAMILY, &body)
}

/// The hash of a message in a fingerprint; some of its bytes are ignored.
fn fingerprint_of(message: &[u8], without: &Range<usize>) -> u64 {
    let (before, after) = (message.get(..without.start), message.get(without.end..));
    FixedState::default().hash_one((before.unwrap_or(message), after.unwrap_or_default()))
}

fn parse_inet(transport: Transport, message: &[u8]) -> Option<Socket> {
    let (ip, port) = local_end(message)?;
    let state = match *message.get(1)? {
        TCP_LISTEN => SocketState::Listen,
        TCP_CLOSE => SocketState::Unconnected,
        _ => SocketState::Connected,
    };

    let mut socket = Socket {
        transport,
        state,
        address: Address::Ip(ip),
        unix: None,
        port,
        protocol: None,
        device: Some(u32_at(message, 40)?),
        inode: u32_at(message, 68)?,
        uid: Some(u32_at(message, 64)?),
        cgroup: None,
        v6_only: None,
        transparent: None,
        receive_queue: u32_at(message, 56)?,
        backlog_limit: (state == SocketState::Listen).then_some(u32_at(message, 60)?),
        netns: 0,
        forwards_to: None,
        mptcp: false,
    };

    for (kind, value) in attributes(message.get(INET_MSG..)?) {
        match kind {
            INET_DIAG_SKV6ONLY => socket.v6_only = value.first().map(|only| *only != 0),
            INET_DIAG_SOCKOPT => socket.transparent = value.first().map(|options| options & TRANSPARENT != 0),
            INET_DIAG_ULP_INFO => socket.mptcp = attributes(value).any(|(kind, name)| (kind, name) == ULP_MPTCP),
            INET_DIAG_CGROUP_ID => socket.cgroup = value.first_chunk().map(|id| u64::from_ne_bytes(*id)),
            _ => {}
        }
    }

    Some(socket)
}

fn parse_connected(transport: Transport, message: &[u8]) -> Option<ConnectedSocket> {
    let number = *message.get(1)?;
    let mut socket = parse_inet(transport, message)?;
    if let Address::Ip(ip) = &mut socket.address {
        *ip = ip.to_canonical();
    }

    let (ip, port) = end(message, 24, 6)?;
    let state = connection_state(number, socket.inode)?;
    Some(ConnectedSocket { socket, state, peer: (ip.to_canonical(), port).into() })
}

/// The state of a connection, by the kernel's number. A socket that a process has not accepted yet has no inode.
pub(super) fn connection_state(number: u8, inode: u32) -> Option<ConnectionState> {
    Some(match number {
        TCP_ESTABLISHED if inode == 0 => ConnectionState::Queued,
        TCP_ESTABLISHED => ConnectionState::Established,
        TCP_SYN_SENT => ConnectionState::SynSent,
        TCP_FIN_WAIT1 => ConnectionState::FinWait1,
        TCP_FIN_WAIT2 => ConnectionState::FinWait2,
        TCP_CLOSE_WAIT => ConnectionState::CloseWait,
        TCP_LAST_ACK => ConnectionState::LastAck,
        TCP_CLOSING => ConnectionState::Closing,
        _ => return None,
    })
}

/// The source address and port of an `inet_diag_msg`.
pub(super) fn local_end(message: &[u8]) -> Option<(IpAddr, u16)> {
    end(message, 8, 4)
}

/// The address and the port that stand at these places of an `inet_diag_msg`.
fn end(message: &[u8], address: usize, port: usize) -> Option<(IpAddr, u16)> {
    let address = message.get(address..address + 16)?;
    let ip = match *message.first()? {
        AF_INET => IpAddr::V4(Ipv4Addr::from(*address.first_chunk::<4>()?)),
        _ => IpAddr::V6(Ipv6Addr::from(*address.first_chunk::<16>()?)),
    };
    Some((ip, u16::from_be_bytes(*message.get(port..)?.first_chunk()?)))
}

fn parse_unix(message: &[u8]) -> Option<Socket> {
    let unix_kind = UnixKind::of(u32::from(*message.get(1)?))?;
    let listens = *message.get(2)? == TCP_LISTEN;
    if !listens && unix_kind != UnixKind::Datagram {
        return None;
    }

    let mut name = None;
    let mut socket = Socket {
        transport: Transport::Unix,
        state: if listens { SocketState::Listen } else { SocketState::Unconnected },
        address: Address::Unix(Untrusted::default()),
        unix: None,
        port: 0,
        protocol: None,
        device: Some(0),
        inode: u32_at(message, 4)?,
        uid: None,
        cgroup: None,
        v6_only: None,
        transparent: None,
        receive_queue: 0,
        backlog_limit: None,
        netns: 0,
        forwards_to: None,
        mptcp: false,
    };

    for (kind, value) in attributes(message.get(UNIX_MSG..)?) {
        match kind {
            UNIX_DIAG_NAME => name = Some(UnixName { kind: unix_kind, bytes: unix_name(value).into() }),
            UNIX_DIAG_RQLEN => {
                socket.receive_queue = u32_at(value, 0)?;
                socket.backlog_limit = listens.then_some(u32_at(value, 4)?);
            }
            UNIX_DIAG_UID => socket.uid = u32_at(value, 0),
            _ => {}
        }
    }

    let name = name?;
    socket.address = name.address();
    socket.unix = Some(name);
    Some(socket)
}

/// A path ends at its first NUL; an abstract name begins with one and may hold more.
fn unix_name(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        Some(0) => bytes,
        _ => bytes.split(|&byte| byte == 0).next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_makes_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_inet(Transport::Udp, &bytes), parse_unix(&bytes));
            let _ = parse_connected(Transport::Tcp, &bytes);
        }
    }
}
