//! The tables, and how a database of an older portolan becomes one of this.

use rusqlite::Connection;

/// Marks a file as a database of portolan.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"port");

/// The newest format: each migration makes one of the next number.
pub const FORMAT: u32 = 4;

/// Each of them makes the next format of the one before. A published one never changes.
const MIGRATIONS: [&str; FORMAT as usize] = [
    "
    CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        last_index INTEGER NOT NULL,
        epoch TEXT NOT NULL
    );
    CREATE TABLE record (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
    INSERT INTO meta (one, last_index, epoch) VALUES (1, 0, lower(hex(randomblob(16))));
",
    "
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'records of the audit log do not change');
    END;
",
    "
    ALTER TABLE record RENAME TO record_by_id;
    CREATE TABLE record (number INTEGER PRIMARY KEY, id TEXT NOT NULL, body BLOB NOT NULL);
    INSERT INTO record (id, body) SELECT id, body FROM record_by_id;
    DROP TABLE record_by_id;
",
    "
    ALTER TABLE meta ADD COLUMN audit_number INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE meta ADD COLUMN audit_hash BLOB NOT NULL DEFAULT x'';
    UPDATE meta SET audit_number = last.number, audit_hash = last.hash
        FROM (SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1) AS last;
",
];

/// The first format that has the audit log.
pub(super) const AUDIT_FORMAT: u32 = 2;
/// The first format that says beside the audit log which record is its last.
pub(super) const AUDIT_HEAD_FORMAT: u32 = 4;

/// The format of a database; 0 is an empty file.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes the newest format, each step in a transaction.
pub(super) fn migrate(connection: &Connection, from: u32) -> rusqlite::Result<()> {
    let steps = (1..).zip(MIGRATIONS).skip(from as usize);
    for (format, step) in steps {
        let transaction = connection.unchecked_transaction()?;
        connection.execute_batch(step)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", format)?;
        transaction.commit()?;
    }

    Ok(())
}
