//! A lane: a bounded queue, and how its workers and those who hand in jobs wake each other.

use std::hint;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::gate::{ExcessWorkers, Gate};
use super::job::{QueuedJob, SubmitErrorKind};
use super::sleepers::{SleepGuard, Sleepers};
use super::workers::WorkerSet;

/// How often an idle worker looks before it sleeps; a look and a pause take about 50 ns.
const MAX_SAMPLES: u32 = 20;
/// How often it then lets others have its core and looks again. Where jobs follow each other closely, these four make a
/// hundred times fewer sleeps (`benches/peers`, `pool`).
const YIELDS: u32 = 4;

/// A parcel that did not get in, and why.
type Rejection<J, R> = (QueuedJob<J, R>, SubmitErrorKind);

/// A caller's wait for room.
pub(super) struct Room<'a> {
    pub(super) notified: Notified<'a>,
    /// To be kept for as long as the wait may go on.
    pub(super) waiting: SleepGuard<'a>,
}

/// A bounded queue and the workers that take from it.
#[derive(Debug)]
pub(super) struct Queue<J, R> {
    sender: Sender<QueuedJob<J, R>>,
    receiver: Receiver<QueuedJob<J, R>>,
    /// Told for every job that comes in while workers are idle: one of them wakes.
    arrived: Notify,
    idle: Sleepers,
    /// Told for every job that is taken while callers wait to hand one in: one of them wakes.
    room: Notify,
    waiting: Sleepers,
    pub(super) surplus: ExcessWorkers,
    pub(super) crew: Arc<WorkerSet>,
}

impl<J, R> Queue<J, R> {
    pub(super) fn new(length: usize) -> Self {
        let (sender, receiver) = bounded(length.max(1));
        Self {
            sender,
            receiver,
            arrived: Notify::new(),
            idle: Sleepers::new(),
            room: Notify::new(),
            waiting: Sleepers::new(),
            surplus: ExcessWorkers::new(),
            crew: Arc::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.count()
    }

    pub(super) fn try_push(&self, gate: &Gate, parcel: QueuedJob<J, R>) -> Result<(), Rejection<J, R>> {
        if !gate.is_open() {
            return Err((parcel, SubmitErrorKind::Closed));
        }
        match self.sender.try_send(parcel) {
            Ok(()) => {
                self.wake_worker();
                Ok(())
            }
            Err(TrySendError::Full(parcel)) => Err((parcel, SubmitErrorKind::Full)),
            // Cannot be: this queue holds a receiver.
            Err(TrySendError::Disconnected(parcel)) => Err((parcel, SubmitErrorKind::Closed)),
        }
    }

    pub(super) fn push_blocking(
        &self,
        gate: &Gate,
        parcel: QueuedJob<J, R>,
        wait: Duration,
    ) -> Result<(), Rejection<J, R>> {
        // Most often there is room, and then the time is of no interest: asking for it costs more than the push.
        let (parcel, why) = match self.try_push(gate, parcel) {
            Ok(()) => return Ok(()),
            Err(back) => back,
        };
        if why == SubmitErrorKind::Closed {
            return Err((parcel, why));
        }
        // A wait longer than the clock can tell ends after a day.
        let now = Instant::now();
        let deadline = now.checked_add(wait).unwrap_or(now + Duration::from_hours(24));
        match self.sender.send_deadline(parcel, deadline) {
            Ok(()) => {
                self.wake_worker();
                Ok(())
            }
            Err(SendTimeoutError::Timeout(parcel)) => Err((parcel, SubmitErrorKind::Full)),
            Err(SendTimeoutError::Disconnected(parcel)) => Err((parcel, SubmitErrorKind::Closed)),
        }
    }

    /// A job was queued. Queueing and [`is_empty`](Receiver::is_empty) go by the channel's tail, which is sequentially
    /// consistent, as [`Sleepers`] asks.
    fn wake_worker(&self) {
        self.idle.wake_one(|| self.arrived.notify_one());
    }

    /// Waits for room: to be made before the try that finds none, so that no room is missed.
    pub(super) fn room(&self) -> Room<'_> {
        Room { waiting: self.waiting.lie_down(), notified: self.room.notified() }
    }

    fn take(&self) -> Option<QueuedJob<J, R>> {
        let parcel = self.receiver.try_recv().ok()?;
        self.waiting.wake_one(|| self.room.notify_one());
        Some(parcel)
    }

    /// The next job, if one is queued and no worker is to leave.
    pub(super) fn next_now(&self) -> Option<QueuedJob<J, R>> {
        if self.surplus.get() > 0 { None } else { self.take() }
    }

    /// The next job of a worker; `None`: the worker leaves. `on_all_busy` is called when the last idle worker wakes.
    pub(super) async fn next(&self, gate: &Gate, on_all_busy: impl Fn()) -> Option<QueuedJob<J, R>> {
        loop {
            if self.surplus.get() > 0 && self.surplus.take(1) == 1 {
                return None;
            }
            self.linger();
            if let Some(parcel) = self.take() {
                return Some(parcel);
            }
            if !gate.is_open() {
                return None;
            }
            let mut arrived = pin!(self.arrived.notified());
            // What comes from here on wakes this worker; what came before is seen by one more look.
            arrived.as_mut().enable();
            let asleep = self.idle.lie_down();
            if self.receiver.is_empty() && self.surplus.get() == 0 && gate.is_open() {
                arrived.await;
            }
            if asleep.rise_as_last() {
                on_all_busy();
            }
        }
    }

    /// Waits a few microseconds for a job: going to sleep and being woken costs several, on both sides.
    fn linger(&self) {
        let pauses: [(u32, fn()); 2] = [(MAX_SAMPLES, hint::spin_loop), (YIELDS, thread::yield_now)];
        for (times, pause) in pauses {
            for _ in 0..times {
                if !self.receiver.is_empty() {
                    return;
                }
                pause();
            }
        }
    }

    /// Asks `count` workers to leave: the idle ones at once, the others after their job.
    pub(super) fn retire(&self, count: usize) {
        self.surplus.add(count);
        (0..count).for_each(|_| self.arrived.notify_one());
    }

    /// Wakes everyone who waits: the gate has closed.
    pub(super) fn wake_all(&self) {
        self.arrived.notify_waiters();
        self.room.notify_waiters();
    }

    /// Takes every job out unrun; their tickets say that they were aborted.
    pub(super) fn sweep(&self) -> u64 {
        let mut swept = 0;
        while self.take().is_some() {
            swept += 1;
        }
        swept
    }
}
