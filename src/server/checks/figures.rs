//! The figures of the health monitor.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::HealthState;
use crate::server::histogram::Times;

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
    /// Finished checks by result, in the order of the states.
    pub(in crate::server) results: [AtomicU64; HealthState::ALL.len()],
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
    /// Counts a finished check.
    pub(in crate::server) fn count(&self, state: HealthState) {
        self.results[state as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many checks finished with this result.
    pub(in crate::server) fn of(&self, state: HealthState) -> u64 {
        self.results[state as usize].load(Ordering::Relaxed)
    }
}
