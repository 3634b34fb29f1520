//! The channel from the threads of a scan to the consumer of its results.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use crate::engine::Cancel;
use crate::model::{Reason, Transport};

/// A result that the consumer wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundPort {
    pub(super) address: SocketAddr,
    pub(super) transport: Transport,
    pub(super) reason: Reason,
    pub(super) rtt_us: Option<u64>,
    pub(super) attempts: u8,
}

/// Results that may wait for the consumer. More would only use memory: the consumer is the slower side then.
const QUEUE: usize = 4096;

/// The sending end, one per thread.
#[derive(Clone)]
pub(super) struct ResultSender {
    sender: Sender<FoundPort>,
    state: Arc<ScanState>,
}

/// The receiving end. `receiver` is `None` once no more results are wanted.
pub(super) struct ResultReceiver {
    receiver: Option<Receiver<FoundPort>>,
    state: Arc<ScanState>,
}

/// The state that both ends share.
#[derive(Default)]
pub(super) struct ScanState {
    cancel: Cancel,
    /// Finished ports.
    done: AtomicU64,
    /// Wakes the consumer.
    waker: Mutex<Option<Waker>>,
}

/// A channel for results that whose threads stop when `cancel` is set.
pub(super) fn channel(cancel: Cancel) -> (ResultSender, ResultReceiver) {
    let (sender, receiver) = bounded(QUEUE);
    let state = Arc::new(ScanState { cancel, ..ScanState::default() });
    let sender = ResultSender { sender, state: Arc::clone(&state) };
    (sender, ResultReceiver { receiver: Some(receiver), state })
}

impl ScanState {
    pub(super) fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl ResultSender {
    /// Hands a result over; blocks while the queue is full.
    pub(super) fn send(&self, found: FoundPort) {
        // Without a receiver the scan is closed; the threads see it at their next check.
        if self.sender.send(found).is_err() {
            self.state.cancel.cancel();
        }
        self.state.wake();
    }

    /// Adds to the number of finished ports, and publishes it.
    pub(super) fn progress(&self, done: &mut u64) {
        self.state.done.fetch_add(std::mem::take(done), Ordering::Relaxed);
        self.state.wake();
    }

    /// Whether the scan should stop.
    pub(super) fn is_closed(&self) -> bool {
        self.state.cancel.is_set()
    }

    /// The shared state, which outlives this sender.
    pub(super) fn state(&self) -> Arc<ScanState> {
        Arc::clone(&self.state)
    }
}

impl ResultReceiver {
    /// The next result; `None` is the end. Stores the waker of `context` if the queue is empty.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<FoundPort>> {
        let Some(receiver) = &self.receiver else { return Poll::Ready(None) };

        for stored in [false, true] {
            match receiver.try_recv() {
                Ok(found) => return Poll::Ready(Some(found)),
                Err(TryRecvError::Disconnected) => return Poll::Ready(None),
                // A result that arrived before the waker was stored woke nothing, so try once more.
                Err(TryRecvError::Empty) if !stored => {
                    let mut waker = self.state.waker.lock().unwrap_or_else(PoisonError::into_inner);
                    *waker = Some(context.waker().clone());
                }
                Err(TryRecvError::Empty) => {}
            }
        }

        Poll::Pending
    }

    /// Waits for the next result; `None` is the end.
    pub(super) fn next(&self) -> Option<FoundPort> {
        self.receiver.as_ref()?.recv().ok()
    }

    /// The number of finished ports.
    pub(super) fn done(&self) -> u64 {
        self.state.done.load(Ordering::Relaxed)
    }

    /// Asks the threads to stop.
    pub(super) fn close(&self) {
        self.state.cancel.cancel();
    }

    /// Drops the receiving end, so that no sender blocks on a full queue.
    pub(super) fn disconnect(&mut self) {
        self.receiver = None;
    }
}
