//! What an address replies.

use crate::model::{Certainty, Identity};

/// The result of connecting to an address, and of identifying what replies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressReply {
    /// How the connection ended.
    pub connection: ConnectionEnd,
    /// What replied, if it was identified.
    pub identity: Option<Box<Identity>>,
}

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionEnd {
    /// The connection was made.
    Accepted,
    /// The host refused it or reset it.
    Refused,
    /// No reply in time.
    TimedOut,
    /// No route leads there.
    Unreachable,
    /// It was not tried, or this machine could not try it.
    #[default]
    NotTried,
}

impl ConnectionEnd {
    /// Whether something replies. Silence says nothing about another host: a firewall may drop the packets.
    pub fn replying(self, is_here: bool) -> Certainty {
        match self {
            Self::Accepted => Certainty::Yes,
            Self::Refused => Certainty::No,
            Self::TimedOut if is_here => Certainty::No,
            Self::TimedOut | Self::Unreachable | Self::NotTried => Certainty::Unknown,
        }
    }

    /// What it means for a caller, as in `10.0.0.5:80 refuses connections`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepts connections",
            Self::Refused => "refuses connections",
            Self::TimedOut => "does not reply in time",
            Self::Unreachable => "is unreachable from here",
            Self::NotTried => "was not tried",
        }
    }
}
