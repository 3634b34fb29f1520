//! The strategies that a server can apply: those of `balance/` that need nothing that only clients see.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use crate::balance::{self, Balancer};
use crate::error::nearest;
use crate::model::ParseError;

/// A load balancing strategy that a server can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Each answer begins with the next instance.
    RoundRobin,
    /// As round robin, in proportion to the weights (smooth).
    WeightedRoundRobin,
    /// Any order, in proportion to the weights.
    Random,
    /// The instances that were named first the fewest times for their weight come first: a server does not see connections.
    LeastConnections,
    /// The same order for the same key, as long as the set stays.
    ConsistentHash,
    /// Consistent hash of the client's address.
    IpHash,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 6] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::Random,
        Self::LeastConnections,
        Self::ConsistentHash,
        Self::IpHash,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::WeightedRoundRobin => "weighted_round_robin",
            Self::Random => "random",
            Self::LeastConnections => "least_connections",
            Self::ConsistentHash => "consistent_hash",
            Self::IpHash => "ip_hash",
        }
    }

    /// The strategy itself.
    pub(super) fn balancer(self) -> Arc<dyn Balancer> {
        match self {
            Self::RoundRobin => Arc::new(balance::RoundRobin),
            Self::WeightedRoundRobin => Arc::new(balance::WeightedRoundRobin),
            Self::Random => Arc::new(balance::Random),
            Self::LeastConnections => Arc::new(balance::LeastConnections),
            Self::ConsistentHash => Arc::new(balance::ConsistentHash),
            Self::IpHash => Arc::new(balance::IpHash),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strategy {
    type Err = ParseError;

    /// Any spelling and alias that [`balance::strategy`] knows.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let names = Self::ALL.map(Self::as_str);
        let list = format!("the strategies are {}", names.join(", "));
        let Ok(known) = balance::strategy(text) else {
            let dashed = names.map(|name| name.replace('_', "-"));
            let near = nearest(text, &dashed.each_ref().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("did you mean {}? ", near.replace('-', "_")));
            return Err(ParseError::new("there is no such strategy", format!("{near}{list}")));
        };

        Self::ALL.into_iter().find(|strategy| strategy.as_str() == known.name()).ok_or_else(|| {
            let why = format!("{} needs the calls in flight and their latency, which only clients see", known.name());
            ParseError::new(why, list)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_read_and_others_are_listed() {
        for (text, strategy) in [
            ("round_robin", Strategy::RoundRobin),
            ("Round-Robin", Strategy::RoundRobin),
            ("least connections", Strategy::LeastConnections),
            ("weighted", Strategy::WeightedRoundRobin),
            ("consistent hash", Strategy::ConsistentHash),
            ("IP hash", Strategy::IpHash),
            ("random", Strategy::Random),
        ] {
            assert_eq!(text.parse(), Ok(strategy), "{text}");
        }
        for strategy in Strategy::ALL {
            assert_eq!(strategy.as_str().parse(), Ok(strategy));
            assert_eq!(strategy.balancer().name(), strategy.as_str());
        }

        let error = "round_robbin".parse::<Strategy>().unwrap_err();
        assert!(error.hint().starts_with("did you mean round_robin? the strategies are"), "{}", error.hint());
        let error = "peak_ewma".parse::<Strategy>().unwrap_err();
        assert!(error.to_string().contains("only clients see"), "{error}");
    }
}
