//! Checks of an endpoint. One file per check; README.md explains how to add one.
//!
//! A check runs once and returns an observation. The findings are a pure function of it, so that the same evidence gives
//! the same findings on another machine and another day. Schedules, time limits and retries belong to the caller.

mod certificate;
mod custom;
pub(crate) mod dns;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod grpc;
mod http;
mod path;
mod protocol;
mod protocol_outcome;
mod protocol_probe;
mod protocol_reply;
mod race;
mod resolvers;
mod roots;
mod scale;
mod script;
pub(crate) mod stability;
mod target;
mod tcp;
mod tls;
mod trust_file;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CheckName, CheckStatus, Figures, Finding, FindingKind, Report};

/// Rows of findings: name, code, points or cap or both, text, hint.
macro_rules! findings {
    ($group:expr; $($name:ident = $code:literal, $($points:literal)? $(, cap $also:literal)? $(cap $cap:literal)?, $text:literal, $hint:literal;)*) => {
        $(static $name: $crate::model::FindingKind = $crate::model::FindingKind::new(
            $code,
            $group,
            (0 $(+ $points)?, $crate::check::cap(&[$($also)? $($cap)?])),
            $text,
            $hint,
        );)*

        /// The kinds of findings of this file, in the order of the table.
        pub(super) static FINDINGS: &[&$crate::model::FindingKind] = &[$(&$name),*];
    };
}
use findings;

pub(crate) use custom::CustomChecks;
pub use custom::{Check, CheckFuture};
pub(crate) use protocol::{has_dialog, is_known as knows_protocol};
pub(crate) use race::Race;
pub(crate) use resolvers::Resolvers;
pub(crate) use roots::Roots;
use scale::Latency;
pub(crate) use scale::micros;
pub(crate) use stability::Circuit;
pub use target::LocalFailure;
pub(crate) use target::{CheckContext, CheckResult, CheckTarget, LatencyTargets, Layer};
pub(crate) use tcp::failed_race;

/// The cap of a row, if any.
const fn cap(caps: &[u8]) -> Option<u8> {
    match caps {
        [cap, ..] => Some(*cap),
        [] => None,
    }
}

/// A check: how it runs, and what its evidence means.
trait BuiltInCheck: Sized {
    /// Runs once. Checks that need more than a target, such as DNS and stability, have a function of their own instead.
    async fn run(_target: &CheckTarget, _context: &CheckContext) -> CheckResult<Self> {
        Err(LocalFailure("this check does not run against a single address".to_owned()))
    }

    /// The problems that the evidence shows. Pure.
    fn findings(&self) -> Vec<Finding>;

    /// Whether the endpoint did not reply at all, so that a retry may help.
    fn is_silent(&self) -> bool {
        false
    }

    /// Adds the evidence of a later run. By default the later run replaces the earlier one.
    fn merge(&mut self, later: Self) {
        *self = later;
    }

    /// The reason on this side why the evidence is incomplete, if it is.
    fn local_failure(&self) -> Option<String> {
        None
    }

    /// The measured latencies that count against [`latency_target`](Self::latency_target).
    fn latencies(&self) -> Vec<Latency> {
        Vec::new()
    }

    /// The latency target, in microseconds.
    fn latency_target(&self) -> u64 {
        u64::MAX
    }

    /// Records the scheduler lag of this process during the run, in microseconds.
    fn set_lag(&mut self, _lag_us: u64) {}

    /// Adds what was measured to the figures of the endpoint. Called in the order of the phases.
    fn add_figures(&self, _figures: &mut Figures) {}
}

/// Registers checks: the name, the type of its evidence, and the files that hold its findings.
macro_rules! checks {
    ($($check:ident => $module:ident::$observation:ident, $($findings:ident),+;)*) => {
        /// The evidence of one check.
        #[expect(clippy::large_enum_variant, reason = "an endpoint has two or three of them, and TLS has the largest")]
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "check", rename_all = "lowercase")]
        pub(crate) enum Observation {
            $($check($module::$observation),)*
        }

        impl Observation {
            /// The check that made the observation.
            pub(crate) fn name(&self) -> CheckName {
                match self { $(Self::$check(_) => CheckName::$check,)* }
            }

            /// The problems that the evidence shows. Pure.
            pub(crate) fn findings(&self) -> Vec<Finding> {
                match self { $(Self::$check(observation) => observation.findings(),)* }
            }

            /// Whether the endpoint did not reply at all, so that a retry may help.
            pub(crate) fn is_silent(&self) -> bool {
                match self { $(Self::$check(observation) => observation.is_silent(),)* }
            }

            /// Adds the evidence of a later run of the same check.
            pub(crate) fn merge(&mut self, later: Self) {
                match (self, later) {
                    $((Self::$check(observation), Self::$check(later)) => observation.merge(later),)*
                    // Evidence of different checks is never merged.
                    _ => {}
                }
            }

            /// Records the scheduler lag of this process during the run.
            pub(crate) fn set_lag(&mut self, lag: Duration) {
                match self { $(Self::$check(observation) => observation.set_lag(micros(lag)),)* }
            }

            /// The scheduler lag, in microseconds, of each latency that meets its target only because of it.
            pub(crate) fn excused_by(&self) -> Vec<u64> {
                match self { $(Self::$check(observation) => excused_by(observation),)* }
            }

            /// Adds what was measured to the figures of the endpoint.
            pub(crate) fn add_figures(&self, figures: &mut Figures) {
                match self { $(Self::$check(observation) => observation.add_figures(figures),)* }
            }

            fn local_failure(&self) -> Option<String> {
                match self { $(Self::$check(observation) => observation.local_failure(),)* }
            }
        }

        /// Runs one check once.
        pub(crate) async fn run(
            check: CheckName,
            target: &CheckTarget,
            context: &CheckContext,
        ) -> CheckResult<Observation> {
            match check { $(CheckName::$check => $module::$observation::run(target, context).await.map(Observation::$check),)* }
        }

        /// Every kind of finding that affects the score, in the order of the table.
        pub fn scored_findings() -> impl Iterator<Item = &'static FindingKind> {
            [$($($findings::FINDINGS,)+)*].into_iter().flatten().copied()
        }
    };
}

// In the order of the table in README.md.
checks! {
    Tcp => tcp::TcpObservation, tcp;
    Http => http::HttpObservation, http;
    Grpc => grpc::GrpcObservation, grpc;
    Protocol => protocol::ProtocolObservation, protocol;
    Script => script::ScriptObservation, script;
    Tls => tls::TlsObservation, tls, certificate;
    Dns => dns::DnsObservation, dns;
    Stability => stability::StabilityObservation, stability;
}

impl Observation {
    /// The report of a check that ran.
    pub(crate) fn report(&self) -> Report {
        Report {
            check: self.name().as_str(),
            ran: self.local_failure().map_or(CheckStatus::Yes, CheckStatus::Hindered),
            findings: self.findings(),
        }
    }
}

fn excused_by(observation: &impl BuiltInCheck) -> Vec<u64> {
    let target_us = observation.latency_target();
    observation.latencies().into_iter().filter_map(|latency| latency.excused_by(target_us)).collect()
}

#[cfg(test)]
fn codes(observation: &impl BuiltInCheck) -> Vec<&'static str> {
    observation.findings().iter().filter_map(|finding| Some(finding.kind()?.code)).collect()
}
