//! Redis, where several servers have one. It carries what may be lost, and no request waits for it:
//!
//! - the index of each change, in a stream: the other servers read the change at once, and not only within a second;
//! - the requests that callers sent to the other servers, for the rate limits;
//! - the API keys that were revoked at another server.
//!
//! The store stays the truth. Without a reply of Redis, servers wake each other through the store, count for themselves,
//! and refuse the keys that they know to be revoked.

mod connection;
mod rates;
mod reader;
mod revocations;
mod sender;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};

pub use self::url::RedisUrl;
use super::cluster::HintCarrier;
use super::shared::App;
use crate::engine::Shutdown;

/// How a server uses Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// What the names of all keys begin with. Servers of one cluster have the same.
    pub prefix: String,
}

/// The names of the keys.
#[derive(Debug)]
struct KeyNames {
    /// The stream of indexes and revocations.
    changes: String,
    /// The set of the ids of revoked keys.
    revoked: String,
    /// What the names of the counts begin with.
    rate: String,
}

impl KeyNames {
    fn new(settings: &RedisSettings, cluster: &str) -> Self {
        let prefix = format!("{}{cluster}:", settings.prefix);
        Self {
            changes: format!("{prefix}changes"),
            revoked: format!("{prefix}revoked"),
            rate: format!("{prefix}rate:"),
        }
    }
}

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
enum Side {
    Reader,
    Sender,
}

impl RedisLink {
    pub(super) fn new(settings: &RedisSettings, is_connected: Arc<AtomicBool>) -> Self {
        let place = settings.url.to_string();
        Self { place, reads: AtomicBool::new(false), sends: AtomicBool::new(false), is_connected }
    }

    /// Whether Redis replied last time, on both connections.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    fn note(&self, side: Side, is_well: bool, cause: &str) {
        let own = if side == Side::Reader { &self.reads } else { &self.sends };
        own.store(is_well, Ordering::Relaxed);
        let is_connected = self.reads.load(Ordering::Relaxed) && self.sends.load(Ordering::Relaxed);

        match (self.is_connected.swap(is_connected, Ordering::Relaxed), is_connected) {
            (true, false) => warn!(cause, "Redis does not reply: servers wake each other through the store meanwhile"),
            (false, true) => info!(redis = self.place, "Redis replies"),
            _ => {}
        }
    }

    /// Notes why Redis cannot be used, before it ever could.
    fn note_start(&self, cause: &str) {
        warn!(redis = self.place, cause, "Redis cannot be used yet; trying again each second");
    }
}

/// Begins to use Redis, until the server stops.
pub(super) fn start(app: &App, settings: &RedisSettings, carrier: HintCarrier, shutdown: &Shutdown) {
    let Some(link) = app.redis.clone() else { return };
    let connector = Arc::new(connection::Connector::new(&settings.url));
    let names = Arc::new(KeyNames::new(settings, &app.settings.cluster));
    let HintCarrier { written, wakeups, .. } = carrier;

    let reader = reader::Reader {
        app: Arc::clone(app),
        link: Arc::clone(&link),
        connector: Arc::clone(&connector),
        names: Arc::clone(&names),
        wakeups,
    };
    let sender = sender::Sender::new(Arc::clone(app), link, connector, names, written);
    shutdown.spawn(reader.run(shutdown.clone()));
    shutdown.spawn(sender.run(shutdown.clone()));
}
