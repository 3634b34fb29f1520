//! The numbers of a scan.

use rustix::io::Errno;

use crate::model::PortState;

/// The counts of one thread, or of all.
#[derive(Clone, Debug, Default)]
pub(super) struct ScanCounts {
    states: [u64; PortState::ALL.len()],
    /// Ports that this machine did not permit to probe.
    pub(super) prohibited: u64,
    /// Ports not probed for lack of a local resource, after many attempts, and the cause.
    pub(super) short: u64,
    pub(super) shortage: Option<Errno>,
    /// Absent hosts, and their ports, which were not probed.
    pub(super) absent_hosts: u64,
    pub(super) absent: u64,
    /// Ports of plans that could not start; each has its own error.
    pub(super) unbegun: u64,
    /// Why the thread ended early.
    pub(super) stop: Option<StopReason>,
}

/// Why a scan ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Cancelled.
    Stopped,
    /// The deadline has passed.
    Deadline,
    /// The kernel failed while the scan waited for replies.
    Broken(Errno),
}

impl ScanCounts {
    pub(super) fn count(&mut self, state: PortState) {
        self.states[state as usize] += 1;
    }

    pub(super) fn count_many(&mut self, state: PortState, number: u64) {
        self.states[state as usize] += number;
    }

    pub(super) fn of(&self, state: PortState) -> u64 {
        self.states[state as usize]
    }

    /// Ports with a known state.
    pub(super) fn known(&self) -> u64 {
        self.states.iter().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.states.iter_mut().zip(other.states).for_each(|(sum, more)| *sum += more);
        self.prohibited += other.prohibited;
        self.short += other.short;
        self.absent_hosts += other.absent_hosts;
        self.absent += other.absent;
        self.unbegun += other.unbegun;
        self.shortage = self.shortage.or(other.shortage);
        self.stop = self.stop.or(other.stop);
    }
}
