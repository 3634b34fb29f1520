//! Open event streams, and how far behind the slowest of them is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// All open event streams.
#[derive(Debug, Default)]
pub(in crate::server) struct OpenStreams {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Progress>>,
}

/// How far a stream is.
#[derive(Debug)]
struct Progress {
    /// The index of the last change that was handed to its connection.
    sent: Arc<AtomicU64>,
    /// The index of the last change that may concern it.
    last: watch::Receiver<u64>,
}

/// One open stream. Its owner removes it.
#[derive(Debug)]
pub(in crate::server) struct OpenStream {
    pub(in crate::server) number: u64,
    sent: Arc<AtomicU64>,
}

impl OpenStream {
    /// Notes the index up to which the stream has everything.
    pub(in crate::server) fn sent(&self, index: u64) {
        self.sent.store(index, Ordering::Relaxed);
    }
}

impl OpenStreams {
    /// Adds a stream that has everything up to `index`, unless `max` are open.
    pub(in crate::server) fn open(&self, max: usize, last: watch::Receiver<u64>, index: u64) -> Option<OpenStream> {
        let mut open = self.open.lock();
        if open.len() >= max {
            return None;
        }

        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let sent = Arc::new(AtomicU64::new(index));
        open.insert(number, Progress { sent: Arc::clone(&sent), last });
        Some(OpenStream { number, sent })
    }

    /// Removes a stream that ended.
    pub(in crate::server) fn close(&self, number: u64) {
        self.open.lock().remove(&number);
    }

    /// The number of open streams.
    pub(in crate::server) fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// How many changes the slowest stream has not been sent yet; an upper bound for one that follows a single service.
    pub(super) fn max_lag(&self) -> u64 {
        let open = self.open.lock();
        let lags = open.values().map(|stream| stream.last.borrow().saturating_sub(stream.sent.load(Ordering::Relaxed)));
        lags.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stream_counts_and_a_closed_one_makes_room() {
        let (streams, last) = (OpenStreams::default(), watch::Sender::new(5));
        let fast = streams.open(2, last.subscribe(), 5).unwrap();
        let slow = streams.open(2, last.subscribe(), 5).unwrap();
        assert!(streams.open(2, last.subscribe(), 5).is_none());
        assert_eq!((streams.count(), streams.max_lag()), (2, 0));

        last.send_replace(9);
        fast.sent(9);
        assert_eq!(streams.max_lag(), 4);
        streams.close(slow.number);
        assert_eq!((streams.count(), streams.max_lag()), (1, 0));
        assert!(streams.open(2, last.subscribe(), 9).is_some());
    }
}
