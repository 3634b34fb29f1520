//! Standard output: the only place that writes data there.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::signals::Stop;
use crate::error::{Error, Result};

/// Size of the output buffer in bytes: the capacity of a Linux pipe.
const BUFFER: usize = 64 * 1024;

/// Whether a path leads to standard output: `/dev/stdout`, or the file or pipe that it was redirected to.
pub(super) fn is_stdout(path: &Path) -> bool {
    let (Ok(file), Ok(stdout)) = (rustix::fs::stat(path), rustix::fs::fstat(io::stdout())) else { return false };
    let is_sink = path == Path::new("/dev/null");
    !is_sink && (file.st_dev, file.st_ino) == (stdout.st_dev, stdout.st_ino)
}

/// Passes a buffered standard output to `write` and flushes it.
///
/// Returns `None` if the output ended early without an error: the reader closed the pipe (`| head -1`), the terminal was
/// closed, or the reader stalled and a signal requested the end. `write` returns only write errors; any other result
/// belongs in `T`.
///
/// # Errors
/// If a write fails, for example on a full disk, or if the reader has stalled when the time of `stop` is over.
pub(super) fn with_stdout<T>(
    stop: Option<&Stop>,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<T>,
) -> Result<Option<T>> {
    // The standard library's handle splits writes at the last newline; a plain descriptor does not.
    let written = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| {
        let mut out = BufWriter::with_capacity(BUFFER, Stdout::new(File::from(fd), stop));
        let value = write(&mut out);
        // Keep the output that preceded a failure inside `write`.
        let flushed = out.flush();
        // Dropping the buffer must not retry what the last flush could not write.
        let _ = out.into_parts();
        value.and_then(|value| flushed.map(|()| value))
    });

    match written {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        // A closed terminal fails with various errors.
        Err(_) if is_closed() => Ok(None),
        Err(error) if is_stuck(&error) && stop.is_some_and(|stop| stop.requested().is_some()) => Ok(None),
        Err(error) => {
            let hint = match error.kind() {
                _ if is_stuck(&error) => "check the program that reads it; it received only a part of the output",
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space or write somewhere else",
                _ => "check where standard output goes",
            };
            Err(Error::io("write to standard output", error, hint))
        }
    }
}

/// Whether the other end of the pipe or socket is closed, so that no output can be read any more.
pub(super) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut poll = [PollFd::new(&stdout, PollFlags::empty())];
    let closed = event::poll(&mut poll, Some(&Timespec::default()));
    closed.is_ok() && poll[0].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
}

/// Standard output that does not block forever on a stalled reader.
struct Stdout<'s> {
    file: File,
    stop: Option<&'s Stop>,
    /// Most bytes that one write can take without blocking when the descriptor is writable.
    max_write: usize,
}

/// The reader stalled, and it is time to stop.
#[derive(Debug, thiserror::Error)]
#[error("the reader has stopped reading")]
struct ReaderStuck;

fn is_stuck(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ReaderStuck>)
}

/// Bytes that a writable pipe accepts without blocking (`PIPE_BUF`).
const PIPE_ROOM: usize = 4096;
/// How long a reader may block once it is time to stop, and the interval at which that is checked.
const WRITE_TIMEOUT: Duration = Duration::from_millis(250);

impl<'s> Stdout<'s> {
    fn new(file: File, stop: Option<&'s Stop>) -> Self {
        let regular = file.metadata().is_ok_and(|meta| meta.is_file());
        Self { file, stop, max_write: if regular { usize::MAX } else { PIPE_ROOM } }
    }

    fn wait_for_room(&self, stop: &Stop) -> io::Result<()> {
        loop {
            let due = stop.is_due();
            let timeout = Timespec::try_from(WRITE_TIMEOUT).map_err(io::Error::other)?;
            match event::poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], Some(&timeout)) {
                Ok(0) if due => return Err(io::Error::other(ReaderStuck)),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stop) = self.stop else { return self.file.write(bytes) };
        self.wait_for_room(stop)?;
        self.file.write(&bytes[..bytes.len().min(self.max_write)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
