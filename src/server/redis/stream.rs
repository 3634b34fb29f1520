//! The stream in which servers tell each other of changes.

use std::time::Duration;

use redis::Cmd;

/// About how many entries the stream keeps.
const MAX_ENTRIES: usize = 1_000;
/// The field of an entry with an index.
pub(super) const INDEX_FIELD: &str = "index";
/// The field of an entry with the id of a revoked key.
pub(super) const REVOKED_FIELD: &str = "revoked";
/// The pause before another connect.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The command that adds an entry.
pub(super) fn add(stream: &str, field: &str, value: impl redis::ToRedisArgs) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*").arg(field).arg(value);
    command
}
