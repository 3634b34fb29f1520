//! Tokens and passwords in files.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result, plain};
use crate::model::Secret;
use crate::net::read_file;

const MAX_BYTES: usize = 64 << 10;
const READ_TIMEOUT: Duration = Duration::from_secs(3);
const HINT: &str = "write the secret, and nothing else, into the file";

/// Reads a token or a password from the file of an option, without the space around it.
///
/// # Errors
/// The file cannot be read, is not text, or is empty.
pub(crate) fn read_token(option: &str, path: &Path) -> Result<Secret> {
    let what = format!("{option} '{}'", clean(&path.to_string_lossy()));
    let bytes = read_file(path, MAX_BYTES, &Cancel::new(), Some(Instant::now() + READ_TIMEOUT))
        .map_err(|error| Error::usage(&what, plain(&error), HINT))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::usage(&what, "it is not text", HINT))?;

    match text.trim() {
        "" => Err(Error::usage(what, "it is empty", HINT)),
        secret => Ok(Secret::from(secret.to_owned())),
    }
}
