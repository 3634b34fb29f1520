//! What a scan tells of a port.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Detail, NetworkNamespace, Transport};
use crate::clean::Untrusted;

/// The facts of a port that was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanDetail {
    /// What the port is.
    pub state: PortState,
    /// What that is known from.
    pub reason: Reason,
    /// From the question to the answer, in microseconds; `None` where none came.
    #[serde(rename = "rtt_us", serialize_with = "microseconds", deserialize_with = "of_microseconds")]
    pub rtt: Option<Duration>,
    /// How often it was asked.
    pub attempts: u8,
    /// The name that the target was given by, if it was one.
    pub host: Option<Untrusted>,
    /// The network namespace it was asked in, where that is not one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetworkNamespace>,
}

/// Where a scan puts a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceScope {
    /// In one's own network namespace.
    Own,
    /// In that other one of this machine.
    Other(NetworkNamespace),
    /// In all that this machine has, so that whatever was in another one by now is nowhere.
    Gone,
}

/// What became of a host's ports, of one transport, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedHost {
    /// The host.
    pub address: IpAddr,
    /// The name that it was given by, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Untrusted>,
    /// The network namespace it was asked in, where that is not one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netns: Option<NetworkNamespace>,
    /// Of which transport the ports are.
    pub transport: Transport,
    /// How many were to be asked.
    pub ports: u64,
    /// How many are open.
    pub open: u64,
    /// How many are closed.
    pub closed: u64,
    /// How many are filtered.
    pub filtered: u64,
    /// How many are unreachable.
    pub unreachable: u64,
    /// Of how many UDP ports nothing came.
    pub no_answer: u64,
    /// How many were not asked, in this run or one that it goes on with.
    pub not_tried: u64,
}

impl Detail for ScanDetail {
    fn volatile_fields(&self) -> &'static [&'static str] {
        // A namespace of the same name may have been made anew, as after each start of the machine.
        &["rtt_us", "attempts", "netns.inode"]
    }

    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        let Self { state, reason, rtt: _, attempts: _, host, netns } = self;
        let netns = netns.as_ref().map(|netns| &netns.name);
        let others = other.netns.as_ref().map(|netns| &netns.name);
        Some((state, reason, host, netns) == (&other.state, &other.reason, &other.host, others))
    }

    fn netns(&self) -> Option<NetworkNamespace> {
        self.netns.clone()
    }
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field over")]
fn microseconds<S: Serializer>(rtt: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)).serialize(serializer)
}

fn of_microseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
}

/// What a port is, as far as it can be told from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortState {
    /// It takes connections.
    Open,
    /// The host is there and refuses.
    Closed,
    /// No answer came, however often it was asked.
    Filtered,
    /// Somebody on the way, or this machine's routes, say that there is no way there.
    Unreachable,
    /// UDP only: nothing came back, so it is open and does not care for what it was asked, or filtered.
    NoAnswer,
}

impl PortState {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 5] = [Self::Open, Self::Closed, Self::Filtered, Self::Unreachable, Self::NoAnswer];

    /// The word for it, as every format prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// What a port's state is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The connection was made.
    SynAck,
    /// The connection was made, and reset by the peer at once.
    SynAckReset,
    /// A reset, or an ICMP message that nothing is there.
    Refused,
    /// UDP: something answered.
    Response,
    /// UDP: an ICMP message that nobody is at that port.
    PortUnreachable,
    /// UDP: nothing came.
    NoAnswer,
    /// Nothing came.
    NoResponse,
    /// The host cannot be reached: an ICMP message, or nobody on the link has its address.
    HostUnreachable,
    /// Its network cannot be reached: an ICMP message, or no route leads there.
    NetUnreachable,
    /// This machine has no way to such an address at all.
    NoRoute,
}

impl Reason {
    /// The state that it stands for.
    pub fn state(self) -> PortState {
        match self {
            Self::SynAck | Self::SynAckReset | Self::Response => PortState::Open,
            Self::Refused | Self::PortUnreachable => PortState::Closed,
            Self::NoAnswer => PortState::NoAnswer,
            Self::NoResponse => PortState::Filtered,
            Self::HostUnreachable | Self::NetUnreachable | Self::NoRoute => PortState::Unreachable,
        }
    }

    /// The word for it, as every format prints it.
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
        }
    }
}
