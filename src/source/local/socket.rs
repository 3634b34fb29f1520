//! A socket as the kernel lists it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use crate::clean::{Untrusted, is_dangerous};
use crate::model::{Address, ConnectionState, SocketState, Transport};

/// One listening or bound socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) transport: Transport,
    pub(super) state: SocketState,
    pub(super) address: Address,
    /// The name of a Unix-domain socket.
    pub(super) unix: Option<UnixName>,
    /// 0 for transports without ports.
    pub(super) port: u16,
    /// What a raw or packet socket receives: the number of an IP protocol or an EtherType.
    pub(super) protocol: Option<u16>,
    /// The index of the interface it is bound to; 0: none; `None`: unknown.
    pub(super) device: Option<u32>,
    pub(super) inode: u32,
    /// The user who opened it.
    pub(super) uid: Option<u32>,
    /// The id of the control group it was made in (cgroup v2).
    pub(super) cgroup: Option<u64>,
    pub(super) v6_only: Option<bool>,
    /// Whether it may be given packets for other addresses (`IP_TRANSPARENT`).
    pub(super) transparent: Option<bool>,
    /// Listening: queued connections. Otherwise: queued bytes.
    pub(super) receive_queue: u32,
    /// Listening: maximum number of queued connections.
    pub(super) backlog_limit: Option<u32>,
    /// The index of its network namespace among those read; 0 is one's own.
    pub(super) netns: u16,
    /// Where a rule of the firewall leads connections; such an entry stands for no socket of this address, but it has the
    /// inode of the one at the end.
    pub(super) forwards_to: Option<SocketAddr>,
    /// Whether it accepts Multipath TCP.
    pub(super) mptcp: bool,
}

impl Socket {
    /// Whether this stands for a rule of the firewall.
    pub(super) fn is_published(&self) -> bool {
        self.state == SocketState::Published
    }

    /// A TCP listener of which nothing else is known.
    pub(super) fn listening(ip: IpAddr, port: u16) -> Self {
        Self {
            transport: Transport::Tcp,
            state: SocketState::Listen,
            address: Address::Ip(ip),
            unix: None,
            port,
            protocol: None,
            device: None,
            inode: 0,
            uid: None,
            cgroup: None,
            v6_only: None,
            transparent: None,
            receive_queue: 0,
            backlog_limit: None,
            netns: 0,
            forwards_to: None,
            mptcp: false,
        }
    }
}

/// A socket with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectedSocket {
    /// Its addresses are IPv4 ones where they are IPv4 in IPv6.
    pub(super) socket: Socket,
    pub(super) state: ConnectionState,
    pub(super) peer: SocketAddr,
}

/// The kinds of Unix-domain sockets, as the kernel numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnixKind {
    Stream,
    Datagram,
    Seqpacket,
}

impl UnixKind {
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Stream),
            2 => Some(Self::Datagram),
            5 => Some(Self::Seqpacket),
            _ => None,
        }
    }
}

/// What identifies a Unix-domain socket to the kernel: each kind has an abstract name space of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnixName {
    pub(super) kind: UnixKind,
    /// A path; or, after a NUL, a name in the abstract name space, which may hold any byte.
    pub(super) bytes: Box<[u8]>,
}

impl UnixName {
    /// Its displayed form: `@name` is abstract.
    pub(super) fn address(&self) -> Address {
        Address::Unix(match self.bytes.split_first() {
            Some((0, name)) => Untrusted::from_bytes(&[b"@", name].concat()),
            _ => Untrusted::from_bytes(&self.bytes),
        })
    }

    /// Its form in ids, byte for byte: `/run/x.sock`, `@name`, `dgram:/run/log`, `/tmp/caf\xe9`.
    pub(super) fn write_id(&self, out: &mut String) {
        out.push_str(match self.kind {
            UnixKind::Stream => "",
            UnixKind::Datagram => "dgram:",
            UnixKind::Seqpacket => "seqpacket:",
        });

        let name = match self.bytes.split_first() {
            Some((0, name)) => {
                out.push('@');
                name
            }
            // A path may begin like that too.
            Some((b'@', path)) => {
                out.push_str("\\x40");
                path
            }
            _ => &self.bytes,
        };

        for chunk in name.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_dangerous(c) || c == '\\' {
                    write_bytes(out, c.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    out.push(c);
                }
            }
            write_bytes(out, chunk.invalid());
        }
    }
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// What to request from the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SocketQuery {
    pub(super) tcp: bool,
    pub(super) udp: bool,
    pub(super) unix: bool,
    pub(super) udplite: bool,
    pub(super) raw: bool,
    pub(super) packet: bool,
    pub(super) vsock: bool,
    pub(super) listen: bool,
    pub(super) unconnected: bool,
    pub(super) connected: bool,
    /// Whether to count established connections.
    pub(super) connections: bool,
    /// Whether to read the sockets that have a peer.
    pub(super) peers: bool,
    /// Whether to read the firewall rules,
    pub(super) firewall: bool,
    /// and the ports that they publish.
    pub(super) published: bool,
}

impl SocketQuery {
    /// Whether sockets of a transport are wanted.
    pub(super) fn has_transport(&self, transport: Transport) -> bool {
        match transport {
            Transport::Tcp => self.tcp,
            Transport::Udp => self.udp,
            Transport::Unix => self.unix,
            Transport::UdpLite => self.udplite,
            Transport::Raw => self.raw,
            Transport::Packet => self.packet,
            Transport::Vsock => self.vsock,
            Transport::Sctp | Transport::Ip => true,
        }
    }

    /// Whether tables are wanted that no fingerprint covers.
    pub(super) fn has_unprinted(&self) -> bool {
        self.raw || self.packet || self.vsock
    }

    /// Whether any of the wanted kinds of sockets can be in a state.
    pub(super) fn can_have(&self, state: SocketState) -> bool {
        match state {
            SocketState::Listen => self.tcp || self.unix || self.vsock,
            SocketState::Unconnected => self.udp || self.unix || self.udplite || self.raw || self.packet || self.vsock,
            SocketState::Connected => self.udp || self.udplite || self.raw,
            SocketState::Published => self.tcp || self.udp,
        }
    }

    pub(super) fn has(&self, state: SocketState) -> bool {
        match state {
            SocketState::Listen => self.listen,
            SocketState::Unconnected => self.unconnected,
            SocketState::Connected => self.connected,
            SocketState::Published => self.published,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bytes: &[u8]) -> String {
        let mut id = String::new();
        UnixName { kind: UnixKind::Stream, bytes: bytes.into() }.write_id(&mut id);
        id
    }

    #[test]
    fn names_that_differ_have_ids_that_differ() {
        assert_eq!(id(b"/run/x.sock"), "/run/x.sock");
        assert_eq!((id(b"\0abs"), id(b"@abs")), ("@abs".into(), "\\x40abs".into()));
        assert_eq!((id(b"\0\xff"), id(b"\0\xfe")), ("@\\xff".into(), "@\\xfe".into()));
        assert_eq!((id(b"a\nb"), id(b"a\\nb")), ("a\\x0ab".into(), "a\\x5cnb".into()));
        assert_eq!(id("\0\u{202e}é".as_bytes()), "@\\xe2\\x80\\xaeé");
    }
}
