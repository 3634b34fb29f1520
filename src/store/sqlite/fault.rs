//! What errors mean here: those of SQLite, and those of the operating system.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::error;
use crate::store::StoreError;

/// Why a file cannot be used.
pub(super) fn inaccessible(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Inaccessible { path: path.to_owned(), cause: error::plain(error) }
}

/// Why a database cannot be opened.
pub(super) fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| opening_error(path, &error)
}

fn opening_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let is_unexpected = matches!(
        error,
        rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
    );
    if is_unexpected {
        return StoreError::Damaged { path, detail: plain(error) };
    }

    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path },
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path, detail: "it is not a database" },
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, detail: plain(error) },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Inaccessible { path, cause: "it cannot be written".to_owned() }
        }
        _ => StoreError::Inaccessible { path, cause: plain(error) },
    }
}

/// Why a change cannot be stored.
pub(super) fn storing(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { path: path.to_owned(), detail: plain(error) }
        }
        _ => StoreError::Failed { cause: plain(error) },
    }
}

/// SQLite's text alone.
pub(super) fn plain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    }
}
