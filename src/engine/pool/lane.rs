//! A lane: a bounded queue, and how its workers and those who hand in jobs wake each other.

use std::hint;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::crew::Crew;
use super::gate::{Gate, Surplus};
use super::job::{Parcel, Refusal};

/// How often an idle worker looks before it sleeps; a look and a pause take about 50 ns.
const LINGER: u32 = 20;

/// A parcel that did not get in, and why.
type Back<J, R> = (Parcel<J, R>, Refusal);

/// A caller's wait for room.
pub(super) struct Room<'a> {
    pub(super) notified: Notified<'a>,
    /// To be kept for as long as the wait may go on.
    pub(super) waiting: Waiting<'a>,
}

/// One that waits, until it is dropped.
pub(super) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A bounded queue and the workers that take from it.
#[derive(Debug)]
pub(super) struct Queue<J, R> {
    sender: Sender<Parcel<J, R>>,
    receiver: Receiver<Parcel<J, R>>,
    /// Told for every job that comes in while workers are idle: one of them wakes.
    arrived: Notify,
    idle: AtomicUsize,
    /// Told for every job that is taken while callers wait to hand one in: one of them wakes.
    room: Notify,
    waiting: AtomicUsize,
    pub(super) surplus: Surplus,
    pub(super) crew: Arc<Crew>,
}

impl<J, R> Queue<J, R> {
    pub(super) fn new(length: usize) -> Self {
        let (sender, receiver) = bounded(length.max(1));
        Self {
            sender,
            receiver,
            arrived: Notify::new(),
            idle: AtomicUsize::new(0),
            room: Notify::new(),
            waiting: AtomicUsize::new(0),
            surplus: Surplus::new(),
            crew: Arc::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.load(Ordering::SeqCst)
    }

    pub(super) fn try_push(&self, gate: &Gate, parcel: Parcel<J, R>) -> Result<(), Back<J, R>> {
        if !gate.is_open() {
            return Err((parcel, Refusal::Closed));
        }
        match self.sender.try_send(parcel) {
            Ok(()) => {
                self.wake_worker();
                Ok(())
            }
            Err(TrySendError::Full(parcel)) => Err((parcel, Refusal::Full)),
            // Cannot be: this queue holds a receiver.
            Err(TrySendError::Disconnected(parcel)) => Err((parcel, Refusal::Closed)),
        }
    }

    pub(super) fn push_blocking(&self, gate: &Gate, parcel: Parcel<J, R>, wait: Duration) -> Result<(), Back<J, R>> {
        // Most often there is room, and then the time is of no interest: asking for it costs more than the push.
        let (parcel, why) = match self.try_push(gate, parcel) {
            Ok(()) => return Ok(()),
            Err(back) => back,
        };
        if why == Refusal::Closed {
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
            Err(SendTimeoutError::Timeout(parcel)) => Err((parcel, Refusal::Full)),
            Err(SendTimeoutError::Disconnected(parcel)) => Err((parcel, Refusal::Closed)),
        }
    }

    /// A job was queued. A worker counts as idle before it looks at the queue for the last time, and here the queue
    /// changes before the count is read: all four are sequentially consistent, so one of the two sees the other.
    fn wake_worker(&self) {
        if self.idle.load(Ordering::SeqCst) > 0 {
            self.arrived.notify_one();
        }
    }

    /// Waits for room: to be made before the try that finds none, so that no room is missed.
    pub(super) fn room(&self) -> Room<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Room { notified: self.room.notified(), waiting: Waiting(&self.waiting) }
    }

    /// As in [`wake_worker`](Self::wake_worker): the queue changes before the count is read.
    fn take(&self) -> Option<Parcel<J, R>> {
        let parcel = self.receiver.try_recv().ok()?;
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.room.notify_one();
        }
        Some(parcel)
    }

    /// The next job, if one is queued and no worker is to leave.
    pub(super) fn next_now(&self) -> Option<Parcel<J, R>> {
        if self.surplus.get() > 0 { None } else { self.take() }
    }

    /// The next job of a worker; `None`: the worker leaves. `on_all_busy` is called when the last idle worker wakes.
    pub(super) async fn next(&self, gate: &Gate, on_all_busy: impl Fn()) -> Option<Parcel<J, R>> {
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
            self.idle.fetch_add(1, Ordering::SeqCst);
            if self.receiver.is_empty() && self.surplus.get() == 0 && gate.is_open() {
                arrived.await;
            }
            if self.idle.fetch_sub(1, Ordering::SeqCst) == 1 {
                on_all_busy();
            }
        }
    }

    /// Waits about a microsecond for a job: going to sleep and being woken costs several, on both sides.
    fn linger(&self) {
        for _ in 0..LINGER {
            if !self.receiver.is_empty() {
                return;
            }
            hint::spin_loop();
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
