//! The one way for data to standard output.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;

use crate::error::{Error, Result};

/// As much as a Linux pipe holds, so that a long listing costs one system call per pipe full.
const BUFFER: usize = 64 * 1024;

/// Hands `write` a buffered standard output, and flushes it. `None`: the reader closed the pipe before the end,
/// which is its right (`| head -1`) and no failure.
///
/// `write` returns only what the writer says; what else may fail goes into `T`.
///
/// # Errors
/// Where standard output takes no more: a full disk.
pub(super) fn with_stdout<T>(write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<T>) -> Result<Option<T>> {
    // The standard library's own handle breaks what it is given at the last line's end; a descriptor does not.
    let written = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| {
        let mut out = BufWriter::with_capacity(BUFFER, File::from(fd));
        let value = write(&mut out);
        // What was written before a failure inside `write` is still wanted.
        let flushed = out.flush();
        // Whatever the last flush could not write must not be tried once more when the buffer goes.
        let _ = out.into_parts();
        value.and_then(|value| flushed.map(|()| value))
    });
    match written {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or write somewhere else",
                _ => "look at where standard output leads",
            };
            Err(Error::io("write to standard output", error, hint))
        }
    }
}
