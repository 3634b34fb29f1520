//! A database that is read as a whole.

use super::fault::fault;
use super::place::{Database, DatabasePlace};
use crate::error::Result;
#[cfg(feature = "postgres")]
use crate::store::PostgresExport;
use crate::store::{AuditPage, AuditRange, Contents, SqliteExport};

/// The records of the audit log that are read at once.
const PAGE: usize = 5_000;

/// A database that is read as a whole, as it is at one moment.
pub(super) struct Source {
    export: Export,
    shown: String,
}

enum Export {
    Sqlite(SqliteExport),
    #[cfg(feature = "postgres")]
    Postgres(PostgresExport),
}

impl Source {
    /// Opens it, and reads everything but its audit log.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) async fn open(database: &Database) -> Result<(Self, Contents)> {
        let shown = database.shown();
        let opened = match &database.place {
            DatabasePlace::File(path) => {
                SqliteExport::open(path).map(|(export, contents)| (Export::Sqlite(export), contents))
            }
            #[cfg(feature = "postgres")]
            DatabasePlace::Postgres(url) => {
                PostgresExport::open(url).await.map(|(export, contents)| (Export::Postgres(export), contents))
            }
        };
        let (export, contents) = opened.map_err(|error| fault(&shown, &error))?;
        Ok((Self { export, shown }, contents))
    }

    /// The records of the audit log after a number, none at its end, and how far it should reach.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) async fn audit(&self, after: u64) -> Result<AuditPage> {
        let range = AuditRange { after, max: PAGE };
        let page = match &self.export {
            Export::Sqlite(export) => export.audit(range),
            #[cfg(feature = "postgres")]
            Export::Postgres(export) => export.audit(range).await,
        };
        page.map_err(|error| fault(&self.shown, &error))
    }
}
