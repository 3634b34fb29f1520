//! Results of a port scan.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Detail, HardwareAddress, NetworkNamespace, Transport};
use crate::clean::Untrusted;

/// The facts of a scanned port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanDetail {
    /// The state of the port.
    pub state: PortState,
    /// The reason for the state.
    pub reason: Reason,
    /// Round-trip time in microseconds; `None` without a reply.
    #[serde(rename = "rtt_us", serialize_with = "microseconds", deserialize_with = "of_microseconds")]
    pub rtt: Option<Duration>,
    /// The number of probes sent.
    pub attempts: u8,
    /// The host name of the target, if it was given by name.
    pub host: Option<Untrusted>,
    /// The name that DNS has for the address, if it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_name: Option<Untrusted>,
    /// The network card of the host, if it is on a link of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<HardwareAddress>,
    /// The manufacturer of that card, if a database of this machine knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Untrusted>,
    /// The network namespace that was scanned, if it is not the caller's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetworkNamespace>,
}

/// The network namespaces that a scan covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceScope {
    /// The caller's network namespace.
    Own,
    /// One other namespace of this machine.
    Other(NetworkNamespace),
    /// All namespaces of this machine; a namespace that is missing no longer exists.
    Gone,
}

/// Port counts of one host and transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedHost {
    /// The host.
    pub address: IpAddr,
    /// The host name, if it was given by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Untrusted>,
    /// The network namespace that was scanned, if it is not the caller's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetworkNamespace>,
    /// The transport of the ports.
    pub transport: Transport,
    /// Ports in the scan.
    pub ports: u64,
    /// Open ports.
    pub open: u64,
    /// Closed ports.
    pub closed: u64,
    /// Filtered ports.
    pub filtered: u64,
    /// Unreachable ports.
    pub unreachable: u64,
    /// UDP ports without a reply.
    pub no_answer: u64,
    /// Ports not scanned, neither in this run nor in the one it resumes.
    pub not_tried: u64,
}

impl Detail for ScanDetail {
    fn volatile_fields(&self) -> &'static [&'static str] {
        // A namespace of the same name may be a new one, for example after a reboot.
        // Whether a reset overtakes the end of the handshake is chance, and so is which of a host's silences is explained by
        // a router. The kernel forgets neighbors that it has not heard of for a while.
        &["rtt_us", "attempts", "reason", "mac", "vendor", "netns.inode"]
    }

    fn is_same_word(&self, field: &str, old: &str, new: &str) -> bool {
        field == "state" && is_unanswered(old) && is_unanswered(new)
    }

    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        let Self { state, reason: _, rtt: _, attempts: _, host, reverse_name, mac: _, vendor: _, netns } = self;
        let netns = netns.as_ref().map(|netns| &netns.name);
        let others = other.netns.as_ref().map(|netns| &netns.name);
        let same_state = *state == other.state || self.is_same_word("state", state.as_str(), other.state.as_str());
        Some(same_state && (host, reverse_name, netns) == (&other.host, &other.reverse_name, others))
    }

    fn host(&self) -> Option<Untrusted> {
        self.host.clone()
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        self.netns.clone()
    }
}

/// Whether a word of the state says that the port itself did not reply.
fn is_unanswered(word: &str) -> bool {
    word == PortState::Filtered.as_str() || word == PortState::Unreachable.as_str()
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field over")]
fn microseconds<S: Serializer>(rtt: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)).serialize(serializer)
}

fn of_microseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
}

/// The state of a port, or of a host, as seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// It accepts connections.
    Open,
    /// The host is up and refuses connections.
    Closed,
    /// No reply to any probe.
    Filtered,
    /// A router, or this machine's routing table, reports that it cannot be reached.
    Unreachable,
    /// UDP only: no reply, so it is open and ignores the probe, or filtered.
    NoAnswer,
    /// A host, not a port: it replied to host discovery.
    Up,
}

impl PortState {
    /// All states, in the order of the counts.
    pub const ALL: [Self; 6] = [Self::Open, Self::Closed, Self::Filtered, Self::Unreachable, Self::NoAnswer, Self::Up];

    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no-answer",
            Self::Up => "up",
        }
    }
}

/// The reason for a port's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The connection was established.
    SynAck,
    /// The connection was established and immediately reset by the peer.
    SynAckReset,
    /// A reset, or an ICMP port-unreachable message.
    Refused,
    /// UDP: a reply.
    Response,
    /// UDP: an ICMP port-unreachable message.
    PortUnreachable,
    /// UDP: no reply.
    NoAnswer,
    /// No reply.
    NoResponse,
    /// The host is unreachable: an ICMP message, or no neighbor has its address.
    HostUnreachable,
    /// The network is unreachable: an ICMP message, or no route.
    NetUnreachable,
    /// This machine cannot send to addresses of this kind.
    NoRoute,
    /// The proxy could not connect, and does not say why.
    ProxyFailed,
    /// A host: a reply to ICMP echo.
    EchoReply,
    /// A host: it replied for its address on this machine's own link (ARP, neighbor discovery).
    NeighborReply,
}

impl Reason {
    /// The state that follows from it.
    pub fn state(self) -> PortState {
        match self {
            Self::SynAck | Self::SynAckReset | Self::Response => PortState::Open,
            Self::Refused | Self::PortUnreachable => PortState::Closed,
            Self::NoAnswer => PortState::NoAnswer,
            Self::NoResponse => PortState::Filtered,
            Self::HostUnreachable | Self::NetUnreachable | Self::NoRoute | Self::ProxyFailed => PortState::Unreachable,
            Self::EchoReply | Self::NeighborReply => PortState::Up,
        }
    }

    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SynAck => "syn-ack",
            Self::SynAckReset => "syn-ack-reset",
            Self::Refused => "refused",
            Self::Response => "response",
            Self::PortUnreachable => "port-unreachable",
            Self::NoAnswer => "no-answer",
            Self::NoResponse => "no-response",
            Self::HostUnreachable => "host-unreachable",
            Self::NetUnreachable => "net-unreachable",
            Self::NoRoute => "no-route",
            Self::ProxyFailed => "proxy-failed",
            Self::EchoReply => "echo-reply",
            Self::NeighborReply => "neighbor-reply",
        }
    }
}
