//! The settings file's way from the disk.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::clean::clean;
use crate::error::{Error, Result, plain};

/// A settings file holds a few dozen lines; what is larger is something else.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of the file. `None`: there is no file at the usual place.
///
/// # Errors
/// Where it cannot be read, or is no text.
pub(super) fn read(path: &Path, named: bool) -> Result<Option<String>> {
    let refuse =
        |why: String, hint: &str| Error::Settings { place: clean(&path.to_string_lossy()), why, hint: hint.to_owned() };
    // Looked at before it is opened: opening waits on a FIFO, and does things to some devices.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if !named && is_absent(&error) => return Ok(None),
        Err(error) => return Err(refuse(plain(&error), "name a settings file that is there with --config")),
    };
    if path == Path::new("/dev/null") {
        return Ok(None);
    }
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "it is a directory" } else { "it is not a regular file" };
        return Err(refuse(what.to_owned(), "name a file, or /dev/null for no settings at all"));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(refuse(plain(&error), "make it readable, or name another file with --config"));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse("it is larger than 1 MiB".to_owned(), "name a settings file with --config"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned(), "save it as UTF-8"))?;
    // Editors on other systems begin a file with a byte order mark.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(Some(text))
}

/// Whether there is no file at the usual place. A directory without permission to look into it counts as absent: a
/// program that runs as another user with the environment of the first (`sudo -u`, a service) has no settings there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
}
