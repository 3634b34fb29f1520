//! A database that is filled, and is nothing before it is whole.

use super::fault::fault;
use super::place::{Database, DatabasePlace};
use crate::error::Result;
#[cfg(feature = "postgres")]
use crate::store::PostgresImport;
use crate::store::{Contents, SqliteImport, StoredAudit};

/// A database that is filled.
pub(super) struct CopyTarget {
    import: Import,
    shown: String,
}

enum Import {
    Sqlite(SqliteImport),
    #[cfg(feature = "postgres")]
    Postgres(PostgresImport),
}

impl CopyTarget {
    /// Begins to fill it.
    ///
    /// # Errors
    /// It cannot be used, or there is something in it.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a file is not waited for"))]
    pub(super) async fn begin(database: &Database, contents: &Contents) -> Result<Self> {
        let shown = database.shown();
        let import = match &database.place {
            DatabasePlace::File(path) => SqliteImport::begin(path, contents).map(Import::Sqlite),
            #[cfg(feature = "postgres")]
            DatabasePlace::Postgres(url) => {
                PostgresImport::begin(url, &database.cluster, contents).await.map(Import::Postgres)
            }
        };
        let import = import.map_err(|error| fault(&shown, &error))?;
        Ok(Self { import, shown })
    }

    /// Adds records of the audit log.
    ///
    /// # Errors
    /// They cannot be written.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a file is not waited for"))]
    pub(super) async fn add_audit(&mut self, records: &[StoredAudit]) -> Result<()> {
        let added = match &mut self.import {
            Import::Sqlite(import) => import.add_audit(records),
            #[cfg(feature = "postgres")]
            Import::Postgres(import) => import.add_audit(records).await,
        };
        added.map_err(|error| fault(&self.shown, &error))
    }

    /// Makes it durable, and visible.
    ///
    /// # Errors
    /// It cannot be written.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a file is not waited for"))]
    pub(super) async fn finish(self) -> Result<()> {
        let finished = match self.import {
            Import::Sqlite(import) => import.finish().map(drop),
            #[cfg(feature = "postgres")]
            Import::Postgres(import) => import.finish().await,
        };
        finished.map_err(|error| fault(&self.shown, &error))
    }
}
