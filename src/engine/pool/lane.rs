//! A lane: a bounded queue, and how its workers and submitters wake each other.

use std::hint;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::gate::{ExcessWorkers, Gate};
use super::job::{QueuedJob, SubmitErrorKind};
use super::sleepers::{SleepGuard, Sleepers};
use super::workers::WorkerSet;

/// Checks of an idle worker before it yields; a check with its pause takes about 50 ns.
const SPINS: u32 = 20;
/// Checks with a yield before it sleeps. If jobs arrive in quick succession, these four make a hundred times fewer
/// sleeps (`benches/peers`, `pool`).
const YIELDS: u32 = 4;
/// A yield that takes longer has given the core to another program: on a busy machine each costs a worker, and all other
/// tasks of its thread, about 10 ms.
const LONG_YIELD: Duration = Duration::from_micros(200);
/// How often workers go to sleep without a yield after a long one.
const SKIPPED: u32 = 1000;

/// A rejected job, and why.
type Rejection<J, R> = (QueuedJob<J, R>, SubmitErrorKind);

/// A submitter's wait for room.
pub(super) struct Room<'a> {
    pub(super) notified: Notified<'a>,
    /// Keep it as long as the wait lasts.
    pub(super) waiting: SleepGuard<'a>,
}

/// Whether idle workers yield before they sleep: not for a while after a yield that took long.
#[derive(Debug, Default)]
struct Yielding {
    /// How many workers are still to sleep without it.
    skip: AtomicU32,
}

impl Yielding {
    fn allowed(&self) -> bool {
        self.skip.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }

    /// Takes note of a yield's duration, and returns whether the next one is allowed.
    fn took(&self, duration: Duration) -> bool {
        let short = duration < LONG_YIELD;
        if !short {
            self.skip.store(SKIPPED, Ordering::Relaxed);
        }
        short
    }
}

/// A bounded queue and its workers.
#[derive(Debug)]
pub(super) struct Queue<J, R> {
    sender: Sender<QueuedJob<J, R>>,
    receiver: Receiver<QueuedJob<J, R>>,
    /// Notified for each new job while workers are idle: wakes one of them.
    arrived: Notify,
    idle: Sleepers,
    yielding: Yielding,
    /// Notified for each taken job while submitters wait: wakes one of them.
    room: Notify,
    waiting: Sleepers,
    pub(super) excess: ExcessWorkers,
    pub(super) workers: Arc<WorkerSet>,
}

impl<J, R> Queue<J, R> {
    pub(super) fn new(length: usize) -> Self {
        let (sender, receiver) = bounded(length.max(1));
        Self {
            sender,
            receiver,
            arrived: Notify::new(),
            idle: Sleepers::new(),
            yielding: Yielding::default(),
            room: Notify::new(),
            waiting: Sleepers::new(),
            excess: ExcessWorkers::new(),
            workers: Arc::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.count()
    }

    pub(super) fn try_push(&self, gate: &Gate, queued: QueuedJob<J, R>) -> Result<(), Rejection<J, R>> {
        if !gate.is_open() {
            return Err((queued, SubmitErrorKind::Closed));
        }

        match self.sender.try_send(queued) {
            Ok(()) => {
                self.wake_worker();
                Ok(())
            }
            Err(TrySendError::Full(queued)) => Err((queued, SubmitErrorKind::Full)),
            // Cannot happen: this queue holds a receiver.
            Err(TrySendError::Disconnected(queued)) => Err((queued, SubmitErrorKind::Closed)),
        }
    }

    pub(super) fn push_blocking(
        &self,
        gate: &Gate,
        queued: QueuedJob<J, R>,
        wait: Duration,
    ) -> Result<(), Rejection<J, R>> {
        // Usually there is room, and the time is not needed: reading it costs more than the push.
        let (queued, why) = match self.try_push(gate, queued) {
            Ok(()) => return Ok(()),
            Err(back) => back,
        };

        if why == SubmitErrorKind::Closed {
            return Err((queued, why));
        }
        // A wait beyond the clock's range ends after a day.
        let now = Instant::now();
        let deadline = now.checked_add(wait).unwrap_or(now + Duration::from_hours(24));

        match self.sender.send_deadline(queued, deadline) {
            Ok(()) => {
                self.wake_worker();
                Ok(())
            }
            Err(SendTimeoutError::Timeout(queued)) => Err((queued, SubmitErrorKind::Full)),
            Err(SendTimeoutError::Disconnected(queued)) => Err((queued, SubmitErrorKind::Closed)),
        }
    }

    /// Call after a job was queued. Queueing and [`is_empty`](Receiver::is_empty) use the channel's tail, which is
    /// sequentially consistent, as [`Sleepers`] requires.
    fn wake_worker(&self) {
        self.idle.wake_one(|| self.arrived.notify_one());
    }

    /// A wait for room. Create it before the failing try, so that no room is missed.
    pub(super) fn room(&self) -> Room<'_> {
        Room { waiting: self.waiting.register(), notified: self.room.notified() }
    }

    fn take(&self) -> Option<QueuedJob<J, R>> {
        let queued = self.receiver.try_recv().ok()?;
        self.waiting.wake_one(|| self.room.notify_one());
        Some(queued)
    }

    /// The next job, if one is queued and no worker is to leave.
    pub(super) fn next_now(&self) -> Option<QueuedJob<J, R>> {
        if self.excess.get() > 0 { None } else { self.take() }
    }

    /// The next job of a worker; `None` if the worker leaves. `on_all_busy` is called when the last idle worker
    /// wakes.
    pub(super) async fn next(&self, gate: &Gate, on_all_busy: impl Fn()) -> Option<QueuedJob<J, R>> {
        loop {
            if self.excess.get() > 0 && self.excess.take(1) == 1 {
                return None;
            }

            self.spin();
            if let Some(queued) = self.take() {
                return Some(queued);
            }

            if !gate.is_open() {
                return None;
            }

            let mut arrived = pin!(self.arrived.notified());
            // From here on, new jobs wake this worker; earlier ones are found by one more check.
            arrived.as_mut().enable();

            let asleep = self.idle.register();
            if self.receiver.is_empty() && self.excess.get() == 0 && gate.is_open() {
                arrived.await;
            }

            if asleep.leave_as_last() {
                on_all_busy();
            }
        }
    }

    /// Waits a few microseconds for a job: falling asleep and waking costs several, on both sides.
    fn spin(&self) {
        for _ in 0..SPINS {
            if !self.receiver.is_empty() {
                return;
            }
            hint::spin_loop();
        }

        if !self.yielding.allowed() {
            return;
        }

        let mut before = Instant::now();
        for _ in 0..YIELDS {
            if !self.receiver.is_empty() {
                return;
            }
            thread::yield_now();

            let now = Instant::now();
            if !self.yielding.took(now - before) {
                return;
            }
            before = now;
        }
    }

    /// Asks `count` workers to leave: idle ones at once, others after their job.
    pub(super) fn retire(&self, count: usize) {
        self.excess.add(count);
        (0..count).for_each(|_| self.arrived.notify_one());
    }

    /// Wakes all waiting workers and submitters: the gate has closed.
    pub(super) fn wake_all(&self) {
        self.arrived.notify_waiters();
        self.room.notify_waiters();
    }

    /// Removes all jobs without running them; their handles get [`JobError::Aborted`](super::JobError::Aborted).
    pub(super) fn sweep(&self) -> u64 {
        let mut swept = 0;
        while self.take().is_some() {
            swept += 1;
        }
        swept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_yield_ends_yielding_for_a_while() {
        let yielding = Yielding::default();
        assert!(yielding.allowed() && yielding.took(Duration::from_micros(1)) && yielding.allowed());

        assert!(!yielding.took(Duration::from_millis(10)));
        assert_eq!((0..SKIPPED).filter(|_| yielding.allowed()).count(), 0);
        assert!(yielding.allowed());
    }
}
