//! Reads the settings file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::clean::clean;
use crate::error::{Error, Result, plain};

/// A settings file has a few dozen lines; a larger file is something else.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of the file, or `None` if the default file does not exist. `option` is the option that names the file; without
/// one it is the default file.
///
/// # Errors
/// If it cannot be read, or is not text.
pub(super) fn read(path: &Path, option: Option<&str>) -> Result<Option<String>> {
    let with = option.unwrap_or("--config");
    // Checked before opening: opening a FIFO blocks, and opening some devices has side effects.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if option.is_none() && is_absent(&error) => return Ok(None),
        Err(error) => {
            return Err(error_in(path, plain(&error), &format!("name an existing file with {with}")));
        }
    };
    if path == Path::new("/dev/null") {
        return Ok(None);
    }
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "it is a directory" } else { "it is not a regular file" };
        return Err(error_in(path, what.to_owned(), "name a file, or /dev/null for no settings at all"));
    }

    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(error_in(path, plain(&error), &format!("make it readable, or name another file with {with}")));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(error_in(path, "it is larger than 1 MiB".to_owned(), &format!("name another file with {with}")));
    }

    let mut text =
        String::from_utf8(bytes).map_err(|_| error_in(path, "it is not UTF-8".to_owned(), "save it as UTF-8"))?;
    // Some editors begin a file with a byte order mark.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(Some(text))
}

fn error_in(path: &Path, why: String, hint: &str) -> Error {
    Error::Settings { place: clean(&path.to_string_lossy()), why, hint: hint.to_owned() }
}

/// Whether there is no file at the default path. A directory that cannot be searched counts as absent: a
/// program that runs with another user's environment (`sudo -u`, a service) has no settings there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
}
