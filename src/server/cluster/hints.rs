//! How servers wake each other beside their store. A hint that is lost costs a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// The writer's end.
pub(in crate::server) struct Hints {
    /// The index of this server's last write.
    written: watch::Sender<u64>,
    /// The index of another server's last write.
    pub(super) wakeups: watch::Receiver<u64>,
    is_connected: Arc<AtomicBool>,
}

/// The end of what carries hints from server to server.
#[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "nothing carries them"))]
pub(in crate::server) struct HintCarrier {
    /// What this server wrote.
    pub(in crate::server) written: watch::Receiver<u64>,
    /// Where the indexes of others go.
    pub(in crate::server) wakeups: watch::Sender<u64>,
    /// Whether hints reach the others: the store wakes them otherwise.
    pub(in crate::server) is_connected: Arc<AtomicBool>,
}

impl Hints {
    /// Both ends. If the carrier is dropped, the store alone wakes the servers.
    pub(in crate::server) fn new() -> (Self, HintCarrier) {
        let (written, written_by_writer) = watch::channel(0);
        let (wakeups_of_others, wakeups) = watch::channel(0);
        let is_connected = Arc::new(AtomicBool::new(false));
        let carrier = HintCarrier {
            written: written_by_writer,
            wakeups: wakeups_of_others,
            is_connected: Arc::clone(&is_connected),
        };
        (Self { written, wakeups, is_connected }, carrier)
    }

    /// Whether hints reach the other servers at this moment, as far as it is known.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Tells the others of a write.
    pub(super) fn tell(&self, index: u64) {
        self.written.send_replace(index);
    }
}
