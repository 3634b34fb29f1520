//! The one way for data to standard output.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::signals::Stop;
use crate::error::{Error, Result};

/// As much as a Linux pipe holds.
const BUFFER: usize = 64 * 1024;

/// Hands `write` a buffered standard output, and flushes it. `None`: the reader closed the pipe before the end,
/// which is its right (`| head -1`) and no failure; or it is a terminal that was closed; or it reads no more and a signal asks for an end.
///
/// `write` returns only what the writer says; what else may fail goes into `T`.
///
/// # Errors
/// Where standard output takes no more: a full disk; a reader who reads no more when the time of `stop` is over.
pub(super) fn with_stdout<T>(
    stop: Option<&Stop>,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<T>,
) -> Result<Option<T>> {
    // The standard library's own handle breaks what it is given at the last line's end; a descriptor does not.
    let written = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| {
        let mut out = BufWriter::with_capacity(BUFFER, Stdout::new(File::from(fd), stop));
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
        // A terminal that is gone fails in many ways.
        Err(_) if is_closed() => Ok(None),
        Err(error) if is_stuck(&error) && stop.is_some_and(|stop| stop.requested().is_some()) => Ok(None),
        Err(error) => {
            let hint = match error.kind() {
                _ if is_stuck(&error) => "look at what reads it; what it took until then is not whole",
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or write somewhere else",
                _ => "look at where standard output leads",
            };
            Err(Error::io("write to standard output", error, hint))
        }
    }
}

/// Whether nobody will ever read what is written: the other end of the pipe or the socket is closed.
pub(super) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut poll = [PollFd::new(&stdout, PollFlags::empty())];
    let closed = event::poll(&mut poll, Some(&Timespec::default()));
    closed.is_ok() && poll[0].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
}

/// Standard output that does not wait for ever for a reader who does not read.
struct Stdout<'s> {
    file: File,
    stop: Option<&'s Stop>,
    /// The most that can be written at once without waiting, where there is room at all.
    most: usize,
}

/// Nobody took what we had to say, and it is time to stop.
#[derive(Debug, thiserror::Error)]
#[error("the reader does not read")]
struct ReaderStuck;

fn is_stuck(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ReaderStuck>)
}

/// What a pipe takes without waiting if it takes anything (`PIPE_BUF`).
const PIPE_ROOM: usize = 4096;
/// How long a reader may keep us waiting once it is time to stop; and how often we look whether it is.
const WRITE_TIMEOUT: Duration = Duration::from_millis(250);

impl<'s> Stdout<'s> {
    fn new(file: File, stop: Option<&'s Stop>) -> Self {
        let regular = file.metadata().is_ok_and(|meta| meta.is_file());
        Self { file, stop, most: if regular { usize::MAX } else { PIPE_ROOM } }
    }

    fn wait_for_room(&self, stop: &Stop) -> io::Result<()> {
        loop {
            let due = stop.is_due();
            let patience = Timespec::try_from(WRITE_TIMEOUT).map_err(io::Error::other)?;
            match event::poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], Some(&patience)) {
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
        self.file.write(&bytes[..bytes.len().min(self.most)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
