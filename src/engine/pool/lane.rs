//! A lane: a bounded queue, and how its workers and those who hand in jobs wake each other.

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

/// A parcel that did not get in, and why.
type Back<J, R> = (Parcel<J, R>, Refusal);

#[derive(Debug)]
pub(super) struct Queue<J, R> {
    sender: Sender<Parcel<J, R>>,
    receiver: Receiver<Parcel<J, R>>,
    /// Told once for every job that comes in: one idle worker wakes.
    arrived: Notify,
    /// Told once for every job that is taken: one who waits to hand in wakes.
    room: Notify,
    idle: AtomicUsize,
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
            room: Notify::new(),
            idle: AtomicUsize::new(0),
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
                self.arrived.notify_one();
                Ok(())
            }
            Err(TrySendError::Full(parcel)) => Err((parcel, Refusal::Full)),
            // Cannot be: this queue holds a receiver.
            Err(TrySendError::Disconnected(parcel)) => Err((parcel, Refusal::Closed)),
        }
    }

    pub(super) fn push_blocking(&self, gate: &Gate, parcel: Parcel<J, R>, wait: Duration) -> Result<(), Back<J, R>> {
        if !gate.is_open() {
            return Err((parcel, Refusal::Closed));
        }
        let Some(deadline) = Instant::now().checked_add(wait) else {
            // Longer than the clock can tell: in pieces of a day.
            return self.push_blocking(gate, parcel, Duration::from_hours(24));
        };
        match self.sender.send_deadline(parcel, deadline) {
            Ok(()) => {
                self.arrived.notify_one();
                Ok(())
            }
            Err(SendTimeoutError::Timeout(parcel)) => Err((parcel, Refusal::Full)),
            Err(SendTimeoutError::Disconnected(parcel)) => Err((parcel, Refusal::Closed)),
        }
    }

    /// Waits for what [`try_push`](Self::try_push) may find room after; to be made before the try, so that no room is
    /// missed.
    pub(super) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    fn take(&self) -> Option<Parcel<J, R>> {
        let parcel = self.receiver.try_recv().ok()?;
        self.room.notify_one();
        Some(parcel)
    }

    /// The next job of a worker; `None`: the worker leaves. `on_all_busy` is called when the last idle worker wakes.
    pub(super) async fn next(&self, gate: &Gate, on_all_busy: impl Fn()) -> Option<Parcel<J, R>> {
        loop {
            if self.surplus.get() > 0 && self.surplus.take(1) == 1 {
                return None;
            }
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
