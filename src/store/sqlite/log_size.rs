//! The size of the write-ahead log, and who copies it into the database when.

use rusqlite::Connection;

use super::open::unsigned;

/// The length of the log, in frames, at which a checkpoint begins: the default of SQLite. A frame is a page of 4 KB.
const CHECKPOINT_FRAMES: u64 = 1_000;
/// The most frames that the writer copies between two commits: no more than a commit under load writes.
const MAX_REST: u64 = 64;
/// The most frames of a log: 64 MB. The writer waits until a log of this size is copied.
const MAX_FRAMES: u64 = 16 * 1024;

/// How many frames the log has, and how many of them are in the database already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogSize {
    frames: u64,
    copied: u64,
}

/// Who has to copy frames of the log into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckpointNeed {
    /// The log is short, or copied: the next commit begins it anew.
    None,
    /// The thread beside the writer.
    Background,
    /// The writer: only what came while the thread copied the others is left. Without a pause of the commits some always is.
    Rest,
    /// The writer, before its next commit: the thread does not keep up.
    Now,
}

impl LogSize {
    /// Reads the size. Takes no lock.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
    }

    /// The frames that are not in the database yet.
    pub(super) fn rest(self) -> u64 {
        self.frames.saturating_sub(self.copied)
    }

    pub(super) fn need(self) -> CheckpointNeed {
        let rest = self.rest();
        if rest == 0 || self.frames < CHECKPOINT_FRAMES {
            CheckpointNeed::None
        } else if rest <= MAX_REST {
            CheckpointNeed::Rest
        } else if self.frames < MAX_FRAMES {
            CheckpointNeed::Background
        } else {
            CheckpointNeed::Now
        }
    }
}

/// Copies what the log has so far. It waits for no commit, and no commit waits for it.
pub(super) fn copy_log(connection: &Connection) -> rusqlite::Result<()> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
}

/// Copies the whole log, and gives its room back.
pub(super) fn truncate_log(connection: &Connection) -> rusqlite::Result<()> {
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)").map(drop)
}

fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<LogSize> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row((), |row| Ok(LogSize { frames: unsigned(row.get(1)?), copied: unsigned(row.get(2)?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(frames: u64, copied: u64) -> CheckpointNeed {
        LogSize { frames, copied }.need()
    }

    #[test]
    fn the_writer_copies_what_the_thread_leaves_and_what_it_cannot_keep_up_with() {
        assert_eq!(need(0, 0), CheckpointNeed::None);
        assert_eq!(need(CHECKPOINT_FRAMES - 1, 0), CheckpointNeed::None, "it is short");
        assert_eq!(need(CHECKPOINT_FRAMES, 0), CheckpointNeed::Background);
        assert_eq!(need(CHECKPOINT_FRAMES, CHECKPOINT_FRAMES), CheckpointNeed::None, "it is copied");
        assert_eq!(need(CHECKPOINT_FRAMES + MAX_REST, CHECKPOINT_FRAMES), CheckpointNeed::Rest);
        assert_eq!(need(CHECKPOINT_FRAMES + MAX_REST + 1, CHECKPOINT_FRAMES), CheckpointNeed::Background);
        assert_eq!(need(MAX_FRAMES, MAX_FRAMES - MAX_REST), CheckpointNeed::Rest);
        assert_eq!(need(MAX_FRAMES, MAX_FRAMES - MAX_REST - 1), CheckpointNeed::Now);
        assert_eq!(need(MAX_FRAMES + 1, 0), CheckpointNeed::Now);
    }
}
