//! A socket as the kernel lists it.

use crate::model::{Address, SocketState, Transport};

/// One listening or bound socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) transport: Transport,
    pub(super) state: SocketState,
    pub(super) address: Address,
    /// What kind of Unix-domain socket it is; each kind has an abstract name space of its own.
    pub(super) unix: Option<UnixKind>,
    /// 0 for Unix-domain sockets.
    pub(super) port: u16,
    /// The index of the interface it is bound to; 0: none.
    pub(super) device: u32,
    pub(super) inode: u32,
    /// Who made it.
    pub(super) uid: Option<u32>,
    /// The id of the control group it was made in (cgroup v2).
    pub(super) cgroup: Option<u64>,
    pub(super) v6_only: Option<bool>,
    /// Listening: connections that wait. Otherwise: bytes that wait.
    pub(super) receive_queue: u32,
    /// Listening: connections that may wait.
    pub(super) backlog_limit: Option<u32>,
    /// Which of the namespaces looked into it lives in; 0 is one's own.
    pub(super) netns: u16,
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

    /// What an id has before the name; nothing for the kind that nearly all are.
    pub(super) fn in_id(self) -> &'static str {
        match self {
            Self::Stream => "",
            Self::Datagram => "dgram:",
            Self::Seqpacket => "seqpacket:",
        }
    }
}

/// What to ask the kernel for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) tcp: bool,
    pub(super) udp: bool,
    pub(super) unix: bool,
    pub(super) listen: bool,
    pub(super) unconnected: bool,
    pub(super) connected: bool,
    /// Whether to count established connections.
    pub(super) connections: bool,
}

impl Wanted {
    pub(super) fn has(&self, state: SocketState) -> bool {
        match state {
            SocketState::Listen => self.listen,
            SocketState::Unconnected => self.unconnected,
            SocketState::Connected => self.connected,
        }
    }
}
