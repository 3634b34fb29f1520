//! What became of all ports, in numbers.

use rustix::io::Errno;

use crate::model::PortState;

/// Counts of one thread, or of all.
#[derive(Clone, Debug, Default)]
pub(super) struct ScanCounts {
    states: [u64; PortState::ALL.len()],
    /// Ports that this machine did not let us ask.
    pub(super) prohibited: u64,
    /// Ports that could not be asked for want of something, after much patience, and what that was.
    pub(super) short: u64,
    pub(super) shortage: Option<Errno>,
    /// Hosts that nobody seems to be at, and ports of theirs that were not asked.
    pub(super) absent_hosts: u64,
    pub(super) absent: u64,
    /// Ports of plans that could not begin, of which a fault tells by itself.
    pub(super) unbegun: u64,
    /// Why the thread ended before its work did.
    pub(super) cut: Option<StopReason>,
}

/// Why a scan ends before its work does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    /// Somebody wants no more.
    Stopped,
    /// The time is over.
    Deadline,
    /// The kernel does not let us wait for answers.
    Broken(Errno),
}

impl ScanCounts {
    pub(super) fn count(&mut self, state: PortState) {
        self.states[state as usize] += 1;
    }

    pub(super) fn of(&self, state: PortState) -> u64 {
        self.states[state as usize]
    }

    /// Ports of which something is known.
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
        self.cut = self.cut.or(other.cut);
    }
}
