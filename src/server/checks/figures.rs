//! The figures of the health monitor.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{HealthState, PROTOCOLS};
use crate::server::histogram::Times;

/// The kinds of checks that the server runs; a protocol is a kind of its own.
const KINDS: [&str; 5] = ["http", "tcp", "grpc", "tls", "dns"];

/// Finished checks by kind, and in each by result in the order of the states.
#[derive(Debug, Default)]
pub(in crate::server) struct ResultCounts([[AtomicU64; HealthState::ALL.len()]; KINDS.len() + PROTOCOLS.len()]);

/// The figures of the health monitor, for its stats and the metrics.
#[derive(Debug, Default)]
pub(in crate::server) struct CheckFigures {
    /// Checks that run at an interval.
    pub(in crate::server) scheduled: AtomicU64,
    pub(in crate::server) in_flight: AtomicU64,
    pub(in crate::server) slow_in_flight: AtomicU64,
    /// Checks that are due and wait for room.
    pub(in crate::server) waiting: AtomicU64,
    /// How long the oldest check that is due waits, in milliseconds.
    pub(in crate::server) late_ms: AtomicU64,
    /// The most checks that may run at once.
    pub(in crate::server) max_in_flight: AtomicU64,
    pub(in crate::server) results: ResultCounts,
    /// Checks whose address the server does not contact.
    pub(in crate::server) refused: AtomicU64,
    /// Failed checks that do not count, because this process did not run meanwhile.
    pub(in crate::server) excused: AtomicU64,
    pub(in crate::server) demanded: AtomicU64,
    pub(in crate::server) stalls: AtomicU64,
    /// Results that went to the registry.
    pub(in crate::server) written: AtomicU64,
    pub(in crate::server) times: Times,
}

impl CheckFigures {
    /// Counts a finished check of a kind, by its name in registrations.
    pub(in crate::server) fn count(&self, kind: &str, state: HealthState) {
        if let Some(at) = kinds().position(|known| known == kind) {
            self.results.0[at][state as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many checks finished with this result.
    pub(in crate::server) fn of(&self, state: HealthState) -> u64 {
        self.results.0.iter().map(|counts| counts[state as usize].load(Ordering::Relaxed)).sum()
    }

    /// Finished checks by kind and result, as far as there are any.
    pub(in crate::server) fn finished(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let by_kind = kinds().zip(&self.results.0);
        let all = by_kind.flat_map(|(kind, counts)| {
            HealthState::ALL
                .iter()
                .zip(counts)
                .map(move |(state, count)| (kind, state.as_str(), count.load(Ordering::Relaxed)))
        });
        all.filter(|(_, _, count)| *count > 0)
    }
}

fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().chain(PROTOCOLS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CheckKind;

    #[test]
    fn every_kind_that_the_server_runs_has_a_place() {
        let figures = CheckFigures::default();
        let run = [CheckKind::Tcp, CheckKind::Tls, CheckKind::Dns, CheckKind::Grpc { service: None }];
        let protocols = PROTOCOLS.map(CheckKind::Protocol);
        let http = CheckKind::Http { path: "/".to_owned(), method: "GET".to_owned(), expected_status: None };
        let all: Vec<CheckKind> = run.into_iter().chain(protocols).chain([http]).collect();
        for kind in &all {
            figures.count(kind.as_str(), HealthState::Degraded);
        }

        assert_eq!(figures.of(HealthState::Degraded), all.len() as u64);
        assert_eq!(figures.finished().count(), all.len());
        assert!(figures.finished().all(|(_, result, count)| result == "degraded" && count == 1));
    }
}
