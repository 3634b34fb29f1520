//! The database of a server on this machine: its disk, and whether it can be read.

use std::path::{Path, PathBuf};

use super::diagnosis::Diagnosis;
#[cfg(feature = "serve")]
use crate::clean::clean;
use crate::error::Result;

/// Below this, a server may soon not keep writes.
const MIN_FREE_BYTES: u64 = 64 << 20;
/// The same as a share of the disk.
const MIN_FREE_PERCENT: u64 = 5;

/// Looks at the database of a server with these settings; without them, at the one in the usual place, if there is one.
///
/// # Errors
/// If the settings cannot be read.
#[cfg(feature = "serve")]
pub(super) fn diagnose(settings: Option<&PathBuf>) -> Result<Vec<Diagnosis>> {
    use crate::cli::serve::{DataPlace, database, state_directory};

    let Some(settings) = settings else {
        let path = state_directory(|name| std::env::var_os(name)).map(|directory| directory.join("registry.db"));
        return Ok(path.filter(|path| path.exists()).map(|path| look_at(&path)).unwrap_or_default());
    };
    Ok(match database(Some(settings), None)?.0 {
        DataPlace::File(path) if path.exists() => look_at(&path),
        DataPlace::File(path) => {
            let text = format!("{} does not exist", clean(&path.to_string_lossy()));
            vec![Diagnosis::unknown("database", text, "a server creates it when it starts")]
        }
        #[cfg(feature = "postgres")]
        DataPlace::Postgres(_) => {
            let hint = "`portolan db status --config FILE` checks it";
            vec![Diagnosis::unknown("database", "it is PostgreSQL, which the doctor does not contact", hint)]
        }
        DataPlace::Memory => vec![Diagnosis::ok("database", "the server keeps nothing on disk")],
    })
}

/// Looks at a file, and at its disk.
#[cfg(feature = "serve")]
fn look_at(path: &Path) -> Vec<Diagnosis> {
    use crate::store::{StoreError, check};

    let shown = clean(&path.to_string_lossy());
    let database = match check(path) {
        Ok(contents) => {
            let text =
                format!("{shown} is well-formed: {} records at index {}", contents.records.len(), contents.index);
            Diagnosis::ok("database", text)
        }
        Err(StoreError::Locked { .. }) => {
            let hint = "stop the server to check it; the server itself checks it when it starts";
            Diagnosis::unknown("database", format!("{shown} is in use by a server"), hint)
        }
        Err(error) => Diagnosis::fail("database", error.to_string(), error.hint()),
    };
    vec![disk(path), database]
}

/// A portolan without a server has no database.
#[cfg(not(feature = "serve"))]
pub(super) fn diagnose(_settings: Option<&PathBuf>) -> Result<Vec<Diagnosis>> {
    Ok(Vec::new())
}

/// The room on the disk of a file.
#[cfg_attr(not(feature = "serve"), expect(dead_code, reason = "there is no database"))]
fn disk(path: &Path) -> Diagnosis {
    match rustix::fs::statvfs(path) {
        Ok(disk) => {
            let (free, all) =
                (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
            room(free, all)
        }
        Err(error) => Diagnosis::unknown("disk", format!("its free space cannot be read: {error}"), ""),
    }
}

fn room(free: u64, all: u64) -> Diagnosis {
    let percent = free.saturating_mul(100).checked_div(all).unwrap_or(0);
    let text = format!("{} MiB free ({percent} %) where the database is", free >> 20);
    let hint = "make room: a server whose disk is full refuses writes";
    if free < MIN_FREE_BYTES {
        return Diagnosis::fail("disk", text, hint);
    }
    if percent < MIN_FREE_PERCENT { Diagnosis::warn("disk", text, hint) } else { Diagnosis::ok("disk", text) }
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::DiagnosisState::{Fail, Ok, Warn};
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        const GIB: u64 = 1 << 30;
        let states = [(50 * GIB, 100 * GIB), (4 * GIB, 100 * GIB), (1 << 20, 100 * GIB), (0, 0)];
        assert_eq!(states.map(|(free, all)| room(free, all).state), [Ok, Warn, Fail, Fail]);
    }
}
