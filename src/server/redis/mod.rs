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
mod stream;

use std::sync::Arc;

use super::cluster::HintCarrier;
use super::redis_settings::RedisSettings;
use super::shared::App;
use crate::engine::Shutdown;

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

/// Begins to use Redis, if there is one, until the server stops.
pub(super) fn start(app: &App, carrier: HintCarrier, shutdown: &Shutdown) {
    let (Some(link), Some(settings)) = (app.redis.clone(), &app.settings.redis) else { return };
    let connector = Arc::new(connection::RedisConnector::new(&settings.url));
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
