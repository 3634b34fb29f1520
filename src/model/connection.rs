//! Facts about a connection of this machine, from its kernel and process table.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::local::main_process;
use super::{Container, Detail, NetworkNamespace, OwnerLookup, Process, Scope, User};
use crate::clean::Untrusted;

/// The facts of a connection with an end on this machine.
///
/// Where both ends are on this machine, they make one connection, and its own end is the one whose port a server listens on.
/// What was not asked for ([`DetailLevel`](super::DetailLevel)) or could not be read is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionDetail {
    /// What holds its own end.
    #[serde(flatten)]
    pub end: ConnectionEnd,
    /// The state of its own end.
    pub state: ConnectionState,
    /// Who began it; `None`: unknown, because no listener has its port any more, or because UDP has no beginning.
    pub direction: Option<ConnectionDirection>,
    /// The other end.
    pub peer: ConnectionPeer,
}

/// What holds an end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionEnd {
    /// The result of the search for its processes.
    pub owner: OwnerLookup,
    /// Every process that holds the socket, by pid.
    pub processes: Arc<[Arc<Process>]>,
    /// Whether the list is complete: false if some process may not be inspected.
    pub processes_complete: bool,
    /// The user that created the socket.
    pub user: Option<User>,
    /// The systemd unit it runs in.
    pub unit: Option<Untrusted>,
    /// The user whose own service manager runs the unit; `None`: the system's does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_user: Option<User>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// Its network namespace, if it is not the caller's.
    pub netns: Option<NetworkNamespace>,
}

impl ConnectionEnd {
    /// The process whose parents do not hold the socket.
    pub fn main_process(&self) -> Option<&Arc<Process>> {
        main_process(&self.processes)
    }
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionPeer {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The reach of its address.
    pub scope: Scope,
    /// What holds it, if it is on this machine, in a network namespace that was read.
    pub holder: Option<ConnectionEnd>,
}

/// The state of an end of a connection (RFC 9293, 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionState {
    /// Open in both directions. Also a UDP socket with a peer
    Established,
    /// Established, and no process has accepted it yet: it waits in the queue of its listener
    Queued,
    /// Waits for the reply of the peer
    SynSent,
    /// Closed here, not acknowledged
    #[serde(rename = "fin-wait-1")]
    FinWait1,
    /// Closed here, still open at the peer
    #[serde(rename = "fin-wait-2")]
    FinWait2,
    /// Closed by the peer; the process here has not closed it
    CloseWait,
    /// Closed at both ends, not acknowledged
    LastAck,
    /// Closed at both ends at the same time, not acknowledged
    Closing,
}

impl ConnectionState {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Queued => "queued",
            Self::SynSent => "syn-sent",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::CloseWait => "close-wait",
            Self::LastAck => "last-ack",
            Self::Closing => "closing",
        }
    }
}

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionDirection {
    /// The peer: a listener of this machine has the port
    In,
    /// This machine: no listener has the port, and the kernel chooses such ports for clients
    Out,
}

impl ConnectionDirection {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

impl ConnectionDetail {
    /// Its ends on this machine: its own, and the other one if it is here too.
    pub fn ends(&self) -> impl Iterator<Item = &ConnectionEnd> {
        std::iter::once(&self.end).chain(&self.peer.holder)
    }
}

impl Detail for ConnectionDetail {
    fn volatile_fields(&self) -> &'static [&'static str] {
        &[
            "processes_complete",
            "container.name",
            "container.image",
            "container.name_unknown",
            "processes.memory_bytes",
            "processes.cpu_ms",
            "peer.holder.processes_complete",
            "peer.holder.container.name",
            "peer.holder.container.image",
            "peer.holder.container.name_unknown",
            "peer.holder.processes.memory_bytes",
            "peer.holder.processes.cpu_ms",
        ]
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        self.end.netns.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_and_read_by_their_names() {
        use ConnectionState::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Queued, SynSent};
        for state in [Established, Queued, SynSent, FinWait1, FinWait2, CloseWait, LastAck, Closing] {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(text, format!("\"{}\"", state.as_str()));
            assert_eq!(serde_json::from_str::<ConnectionState>(&text).unwrap(), state);
        }
    }
}
