//! Reads what other servers write into the stream: indexes, and keys that were revoked.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::time::sleep;

use super::connection::{RedisConnector, plain};
use super::stream::{INDEX_FIELD, RETRY_INTERVAL, REVOKED_FIELD};
use super::{KeyNames, revocations};
use crate::engine::Shutdown;
use crate::server::redis_link::{RedisLink, Side};
use crate::server::shared::App;

/// How long one read of the stream waits for an entry.
const READ_WAIT: Duration = Duration::from_secs(1);
/// How much later the reply may come.
const REPLY_SLACK: Duration = Duration::from_millis(1_500);
/// The most entries of one read.
const MAX_ENTRIES: usize = 256;
/// A reply to XREAD: for each stream, its entries with their ids and fields.
type StreamReply = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;

/// The task that reads.
pub(super) struct Reader {
    pub(super) app: App,
    pub(super) link: Arc<RedisLink>,
    pub(super) connector: Arc<RedisConnector>,
    pub(super) names: Arc<KeyNames>,
    pub(super) wakeups: watch::Sender<u64>,
}

impl Reader {
    /// Reads until the server stops.
    pub(super) async fn run(self, shutdown: Shutdown) {
        let mut was_connected = false;
        while !shutdown.is_stopping() {
            let failed = tokio::select! {
                () = shutdown.stopping() => return,
                failed = self.read(&mut was_connected) => failed,
            };
            self.link.note(Side::Reader, false, &failed);
            tokio::select! {
                () = shutdown.stopping() => return,
                () = sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Reads until something fails, and returns what.
    async fn read(&self, was_connected: &mut bool) -> String {
        let mut connection = match self.connector.connect(READ_WAIT + REPLY_SLACK).await {
            Ok(connection) => connection,
            Err(why) => {
                // Afterwards, only what changes is worth a line.
                if !std::mem::replace(was_connected, true) {
                    self.link.note_start(&why);
                }
                return why;
            }
        };
        *was_connected = true;

        // What came before is read from the store anyway.
        let mut after = "$".to_owned();
        loop {
            match self.next(&mut connection, &after).await {
                Ok(last) => {
                    self.link.note(Side::Reader, true, "");
                    after = last.unwrap_or(after);
                }
                Err(why) => return why,
            }
        }
    }

    /// Reads the next entries. Returns the id of the last one.
    async fn next(&self, connection: &mut MultiplexedConnection, after: &str) -> Result<Option<String>, String> {
        let millis = u64::try_from(READ_WAIT.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(MAX_ENTRIES).arg("BLOCK").arg(millis).arg("STREAMS");
        command.arg(&self.names.changes).arg(after);
        let reply: StreamReply = command.query_async(connection).await.map_err(|error| plain(&error))?;

        let entries = reply.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries);
        let mut last = None;
        for (id, fields) in entries {
            for pair in fields.chunks_exact(2) {
                if let [name, value] = pair {
                    self.take(name, value);
                }
            }
            last = Some(id);
        }
        Ok(last)
    }

    /// Takes a field of an entry. It is a hint: a wrong one costs a look at the store.
    fn take(&self, name: &str, value: &str) {
        match name {
            INDEX_FIELD => {
                if let Ok(index) = value.parse() {
                    self.wakeups.send_replace(index);
                }
            }
            REVOKED_FIELD => revocations::take(&self.app, [value.to_owned()]),
            _ => {}
        }
    }
}
