//! What a store's errors mean for a command.

use crate::clean::clean;
use crate::error::Error;
use crate::store::StoreError;

/// Why a database cannot be used. `shown`: the database, for people.
pub(super) fn fault(shown: &str, error: &StoreError) -> Error {
    let hint = error.hint();

    match error {
        StoreError::NotReady { cause, .. } => {
            Error::Connection { what: format!("use {shown}"), why: clean(cause), hint: hint.to_owned() }
        }
        StoreError::Away { cause } => Error::Connection {
            what: format!("use {shown}"),
            why: clean(cause),
            hint: "check that PostgreSQL runs at this address, and that a firewall lets it through".to_owned(),
        },
        StoreError::ReadOnly { .. } => Error::usage(shown, "it is a standby, which cannot be written to", hint),
        StoreError::Locked { .. } => Error::usage(
            shown,
            "a server uses it",
            "stop that server first; `portolan status` shows what a running one holds, and `portolan db backup FILE \
             --registry portolan://127.0.0.1:7440` backs it up",
        ),
        StoreError::Unusable { cause, .. } => Error::usage(shown, clean(cause), hint),
        StoreError::Foreign { detail, .. } => Error::usage(shown, *detail, hint),
        StoreError::Inaccessible { cause, .. } | StoreError::Uncopied { cause, .. } => {
            Error::usage(shown, clean(cause), "check the path and its permissions, or name postgresql://HOST/NAME")
        }
        StoreError::Damaged { detail, .. } => Error::usage(shown, format!("it is damaged: {}", clean(detail)), hint),
        StoreError::StrayLog { log, .. } => {
            let log = clean(&log.to_string_lossy());
            let hint = format!("remove {log} first: SQLite would merge it into this database, and damage it");
            Error::usage(shown, format!("{log} of another database is beside it"), hint)
        }
        StoreError::Exists { .. } => Error::usage(shown, "it exists", hint),
        StoreError::Newer { format, known, .. } => {
            Error::usage(shown, format!("it has format {format}, and this portolan knows up to {known}"), hint)
        }
        other => Error::usage(shown, clean(&other.to_string()), hint),
    }
}
