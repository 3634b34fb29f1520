//! What asks ports, whichever way: by whole connections or by halves of them.

use std::net::SocketAddr;

use rustix::io::Result;

use super::outcome::ConnectOutcome;

/// Who is asked, and how often that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// The caller's number for the host.
    pub(crate) host: u32,
    /// The port.
    pub(crate) port: u16,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u8,
    /// The caller's own marks.
    pub(crate) marks: u8,
}

/// How an attempt began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttemptStart {
    /// The answer was there at once; `looked`: only because of a second look.
    Answered {
        /// What it is.
        answer: ConnectOutcome,
        /// Whether the second look brought it.
        looked: bool,
    },
    /// It will end in [`Prober::wait`] or [`Prober::expire`].
    Waiting,
}

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptEnd {
    /// Who was asked.
    pub(crate) probe: Probe,
    /// What became of it.
    pub(crate) answer: ConnectOutcome,
    /// When it began, on the caller's clock.
    pub(crate) since: u64,
    /// Whether it was called late before it ended.
    pub(crate) late: bool,
}

/// What to think of an attempt that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitDecision {
    /// An answer is still to be expected.
    Waits,
    /// The answer should have come by now, and is taken if it still does.
    Late,
    /// It has had its time.
    Expired,
}

/// Attempts under way. There is no pace here: who asks when, how long to wait and what to repeat is the caller's, and so is
/// the clock, whose microseconds are only handed back.
pub(crate) trait Prober {
    /// How many attempts wait for their answer.
    fn waiting(&self) -> usize;

    /// How many of them are not late.
    fn on_time(&self) -> usize;

    /// How many may wait at the same time.
    fn most(&self) -> usize;

    /// Makes do with the descriptors that there are: no more can be had.
    fn make_do(&mut self) {}

    /// Begins an attempt. `look`: look a second time at once, because the verdict is probably there.
    fn begin(&mut self, to: SocketAddr, probe: Probe, now: u64, look: bool) -> AttemptStart;

    /// How many questions it has sent again by itself since it was last asked for that, for whoever keeps a pace.
    fn take_repeats(&mut self) -> u32 {
        0
    }

    /// Waits until something ends, for at most so many microseconds (0: only looks), and hands over what did. `address`
    /// is where a probe went.
    ///
    /// # Errors
    /// Where the kernel does not let us wait.
    fn wait(&mut self, micros: u64, address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> Result<()>;

    /// Ends every attempt that `patience` says is over after so many microseconds, and hands over to `late` what it says
    /// is late for the first time. What the kernel knows by then still counts: a thread that was not let run for a while
    /// must not take an answer for silence.
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
