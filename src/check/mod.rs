//! How an endpoint is judged. One file per check; README.md says how to add one.
//!
//! A check looks once and says what it saw. What that means is a pure function of what was seen, so that the same evidence
//! gives the same findings on another machine and day. How often to look, how long to wait and whether to look at all is
//! for whoever calls.

mod certificate;
pub(crate) mod dns;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod grpc;
mod http;
mod protocol;
mod request;
mod resolvers;
mod roots;
mod scale;
mod script;
pub(crate) mod stability;
mod target;
mod tcp;
mod tls;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CheckName, CheckStatus, Finding, FindingKind, Report};

/// Rows of findings: name, code, points or cap or both, what it means, what to do about it.
macro_rules! findings {
    ($group:expr; $($name:ident = $code:literal, $($points:literal)? $(, cap $also:literal)? $(cap $cap:literal)?, $text:literal, $hint:literal;)*) => {
        $(static $name: $crate::model::FindingKind = $crate::model::FindingKind::new(
            $code,
            $group,
            (0 $(+ $points)?, $crate::check::cap(&[$($also)? $($cap)?])),
            $text,
            $hint,
        );)*

        /// Everything that is found here, in the order of the table.
        pub(super) static FINDINGS: &[&$crate::model::FindingKind] = &[$(&$name),*];
    };
}
use findings;

pub(crate) use protocol::is_known as knows_protocol;
pub(crate) use resolvers::Resolvers;
pub(crate) use roots::Roots;
use scale::Latency;
pub(crate) use scale::micros;
pub(crate) use stability::Circuit;
pub(crate) use target::{CheckContext, CheckResult, CheckTarget, LatencyTargets, Layer, LocalFailure};

/// The cap that a row has, if it has one.
const fn cap(given: &[u8]) -> Option<u8> {
    match given {
        [cap, ..] => Some(*cap),
        [] => None,
    }
}

/// Registers checks: the name of each, and the file where it lives.
macro_rules! checks {
    ($($variant:ident => $module:ident,)*) => {
        /// What a check saw.
        #[expect(clippy::large_enum_variant, reason = "an endpoint has two or three of them, and TLS's is the one that counts")]
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "check", rename_all = "lowercase")]
        pub(crate) enum Observation {
            $($variant($module::Observation),)*
        }

        impl Observation {
            /// The check that saw it.
            pub(crate) fn name(&self) -> CheckName {
                match self { $(Self::$variant(_) => CheckName::$variant,)* }
            }

            /// What is wrong, by what was seen.
            pub(crate) fn judge(&self) -> Vec<Finding> {
                match self { $(Self::$variant(seen) => seen.judge(),)* }
            }

            /// Whether no answer came at all: the one thing that asking again may mend.
            pub(crate) fn is_silent(&self) -> bool {
                match self { $(Self::$variant(seen) => seen.is_silent(),)* }
            }

            /// Takes in what the same check saw at a later look.
            pub(crate) fn absorb(&mut self, later: Self) {
                match (self, later) {
                    $((Self::$variant(seen), Self::$variant(later)) => seen.absorb(later),)*
                    // Looks of different checks are never put together.
                    _ => {}
                }
            }
        }
    };
}

checks! {
    Dns => dns,
    Tcp => tcp,
    Tls => tls,
    Http => http,
    Grpc => grpc,
    Protocol => protocol,
    Script => script,
    Stability => stability,
}

impl Observation {
    /// Takes word of what this side was late by during the look.
    pub(crate) fn set_late(&mut self, late: Duration) {
        let late = micros(late);
        match self {
            Self::Dns(seen) => seen.set_late(late),
            Self::Tcp(seen) => seen.set_late(late),
            Self::Http(seen) => seen.set_late(late),
            _ => {}
        }
    }

    /// What this side was late by, in microseconds, each time when the peer would else seem slower than its goal.
    pub(crate) fn saved_by(&self) -> Vec<u64> {
        let (times, goal_us): (Vec<Latency>, u64) = match self {
            Self::Dns(seen) => (seen.times().collect(), seen.goal_us),
            Self::Tcp(seen) => (seen.times().collect(), seen.goal_us),
            Self::Http(seen) => (seen.times().collect(), seen.goal_us),
            _ => return Vec::new(),
        };
        times.into_iter().filter_map(|took| took.saved_by(goal_us)).collect()
    }

    /// The report of a check that looked.
    pub(crate) fn report(&self) -> Report {
        let hindrance = match self {
            Self::Dns(seen) => seen.hindrance(),
            Self::Tls(seen) => seen.hindrance(),
            _ => None,
        };
        Report {
            check: self.name().as_str(),
            ran: hindrance.map_or(CheckStatus::Yes, CheckStatus::Hindered),
            findings: self.judge(),
        }
    }
}

/// Looks once. The name is looked up before there is an address, and what is steady shows over time: neither is looked at
/// here.
pub(crate) async fn look(check: CheckName, aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    Ok(match check {
        CheckName::Tcp => Observation::Tcp(tcp::look(aim, kit).await?),
        CheckName::Tls => Observation::Tls(tls::look(aim, kit).await?),
        CheckName::Http => Observation::Http(http::look(aim, kit).await?),
        CheckName::Grpc => Observation::Grpc(grpc::look(aim, kit).await?),
        CheckName::Protocol => Observation::Protocol(protocol::look(aim, kit).await?),
        CheckName::Script => Observation::Script(script::look(aim, kit).await?),
        CheckName::Dns | CheckName::Stability => return Err(LocalFailure("it is not looked at here".to_owned())),
    })
}

/// Every kind of finding that takes points, in the order of the table.
pub fn scored_findings() -> impl Iterator<Item = &'static FindingKind> {
    let tables = [
        tcp::FINDINGS,
        http::FINDINGS,
        grpc::FINDINGS,
        protocol::FINDINGS,
        script::FINDINGS,
        tls::FINDINGS,
        certificate::FINDINGS,
        dns::FINDINGS,
        stability::FINDINGS,
    ];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter_map(|finding| Some(finding.kind()?.code)).collect()
}
