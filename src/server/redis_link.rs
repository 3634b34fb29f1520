//! Whether Redis replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};

use super::redis_settings::RedisSettings;

/// Whether the connections to Redis are in order.
#[derive(Debug)]
pub(super) struct RedisLink {
    /// Where it is, without the password.
    pub(super) place: String,
    reads: AtomicBool,
    sends: AtomicBool,
    /// Shared with the writer, which wakes the other servers through the store while this is `false`.
    is_connected: Arc<AtomicBool>,
}

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Reader,
    Sender,
}

impl RedisLink {
    pub(super) fn new(settings: &RedisSettings, is_connected: &Arc<AtomicBool>) -> Self {
        let (place, is_connected) = (settings.url.to_string(), Arc::clone(is_connected));
        Self { place, reads: AtomicBool::new(false), sends: AtomicBool::new(false), is_connected }
    }

    /// Whether Redis replied last time, on both connections.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, side: Side, is_well: bool, cause: &str) {
        let own = if side == Side::Reader { &self.reads } else { &self.sends };
        own.store(is_well, Ordering::Relaxed);
        let is_connected = self.reads.load(Ordering::Relaxed) && self.sends.load(Ordering::Relaxed);

        match (self.is_connected.swap(is_connected, Ordering::Relaxed), is_connected) {
            (true, false) => warn!(cause, "Redis does not reply: meanwhile, servers wake each other through the store"),
            (false, true) => info!(redis = self.place, "Redis replies"),
            _ => {}
        }
    }

    /// Notes why Redis cannot be used, before it ever could.
    pub(super) fn note_start(&self, cause: &str) {
        warn!(redis = self.place, cause, "Redis cannot be used yet; trying again each second");
    }
}
