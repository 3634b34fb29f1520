//! The interface of port probers: full connections or half-open ones.

use std::net::SocketAddr;

use rustix::io::Result;

use super::outcome::ConnectOutcome;

/// A probe: host, port and attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The caller's number for the host.
    pub(crate) host: u32,
    /// The port.
    pub(crate) port: u16,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u8,
    /// The caller's marks.
    pub(crate) marks: u8,
}

/// The start of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttemptStart {
    /// The result was available at once; `rechecked` only through a second check.
    Answered {
        /// The result.
        answer: ConnectOutcome,
        /// Whether the second check found it.
        rechecked: bool,
    },
    /// The attempt will end in [`Prober::wait`] or [`Prober::expire`].
    Waiting,
}

/// A finished attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptEnd {
    /// The probe.
    pub(crate) probe: Probe,
    /// The result.
    pub(crate) answer: ConnectOutcome,
    /// When it started, on the caller's clock.
    pub(crate) since: u64,
    /// Whether it was marked late before it ended.
    pub(crate) late: bool,
}

/// What to do with a waiting attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitDecision {
    /// A reply can still be expected.
    Waits,
    /// The reply is late; it still counts if it arrives.
    Late,
    /// The attempt has timed out.
    Expired,
}

/// Concurrent attempts. There is no pacing here: the caller decides when to probe, how long to wait and what to
/// repeat, and owns the clock, whose microseconds are only passed through.
pub(crate) trait Prober {
    /// Number of waiting attempts.
    fn waiting(&self) -> usize;

    /// Number of waiting attempts that are not late.
    fn on_time(&self) -> usize;

    /// Maximum number of waiting attempts.
    fn most(&self) -> usize;

    /// Limits itself to its current descriptors: no more are available.
    fn make_do(&mut self) {}

    /// Starts an attempt. `recheck`: check a second time at once, because the result is probably available.
    fn begin(&mut self, to: SocketAddr, probe: Probe, now: u64, recheck: bool) -> AttemptStart;

    /// Number of probes that it repeated itself since the last call, for the caller's pacing.
    fn take_repeats(&mut self) -> u32 {
        0
    }

    /// Waits until attempts end, for at most `micros` microseconds (0: only checks), and appends them to `ended`.
    /// `address` returns the destination of a probe.
    ///
    /// # Errors
    /// If the kernel refuses to wait.
    fn wait(&mut self, micros: u64, address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> Result<()>;

    /// Ends every attempt that `patience` declares expired after its waiting time in microseconds, and appends to `late`
    /// those that it declares late for the first time. Results that the kernel already has still count: a thread that
    /// was not scheduled for a while must not take a reply for silence.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    fn expire(
        &mut self,
        now: u64,
        patience: &dyn Fn(Probe, u64) -> WaitDecision,
        address: &dyn Fn(Probe) -> SocketAddr,
        ended: &mut Vec<AttemptEnd>,
        late: &mut Vec<Probe>,
    ) -> Result<()>;
}
