//! Reads what other servers write into the stream: indexes, and keys that were revoked.

use std::convert::Infallible;
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

/// The id of an entry: the time in milliseconds, and a number within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct EntryId(u64, u64);

impl EntryId {
    fn parse(text: &str) -> Option<Self> {
        let (time, number) = text.split_once('-')?;
        Some(Self(time.parse().ok()?, number.parse().ok()?))
    }

    fn to_text(self) -> String {
        format!("{}-{}", self.0, self.1)
    }
}

/// Where to read on after a time without entries. `last`: the last entry of the stream. A smaller one than the last that was
/// read is of another stream: Redis was emptied, or replaced by one whose clock is behind.
fn next_start(after: EntryId, last: EntryId) -> EntryId {
    if last < after { EntryId::default() } else { after }
}

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

        match self.follow(&mut connection).await {
            Ok(never) => match never {},
            Err(why) => why,
        }
    }

    /// Reads entries until something fails.
    async fn follow(&self, connection: &mut MultiplexedConnection) -> Result<Infallible, String> {
        // What came before is read from the store anyway. From here on nothing is missed between two reads.
        let mut after = self.last_id(connection).await?;
        loop {
            let last = self.next(connection, after).await?;
            self.link.note(Side::Reader, true, "");
            after = match last {
                Some(last) => last,
                None => next_start(after, self.last_id(connection).await?),
            };
        }
    }

    /// The id of the last entry; zero if there is none.
    async fn last_id(&self, connection: &mut MultiplexedConnection) -> Result<EntryId, String> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&self.names.changes).arg("+").arg("-").arg("COUNT").arg(1);
        // Only the id is used: the fields may hold anything, even bytes that are not text.
        let entries: Vec<(String, redis::Value)> =
            command.query_async(connection).await.map_err(|error| plain(&error))?;
        Ok(entries.first().and_then(|(id, _)| EntryId::parse(id)).unwrap_or_default())
    }

    /// Reads the next entries. Returns the id of the last one.
    async fn next(&self, connection: &mut MultiplexedConnection, after: EntryId) -> Result<Option<EntryId>, String> {
        let millis = u64::try_from(READ_WAIT.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(MAX_ENTRIES).arg("BLOCK").arg(millis).arg("STREAMS");
        command.arg(&self.names.changes).arg(after.to_text());
        let reply: StreamReply = command.query_async(connection).await.map_err(|error| plain(&error))?;

        let entries = reply.unwrap_or_default().into_iter().flat_map(|(_, entries)| entries);
        let mut last = None;
        for (id, fields) in entries {
            for pair in fields.chunks_exact(2) {
                if let [name, value] = pair {
                    self.take(name, value);
                }
            }
            last = EntryId::parse(&id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_began_anew_is_read_from_its_start() {
        let id = |text: &str| EntryId::parse(text).unwrap();
        assert!(id("9-0") < id("10-0") && id("10-2") < id("10-10"));
        assert_eq!((EntryId::parse("$"), EntryId::parse("1-x"), id("12-3").to_text().as_str()), (None, None, "12-3"));

        let read = id("1700000000000-1");
        assert_eq!(next_start(read, read), read, "nothing came");
        assert_eq!(next_start(read, id("1700000000000-2")), read, "the next read has it");
        for last in [id("1600000000000-5"), EntryId::default()] {
            assert_eq!(next_start(read, last), EntryId::default());
        }
    }
}
