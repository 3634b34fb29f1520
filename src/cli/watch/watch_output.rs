//! The output of a watch: lines, or a live table on a terminal.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{FileType, fstat};
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::time::{Interval, interval};

#[cfg(feature = "live")]
use super::live::Live;
use crate::cli::{stderr, stdout};
use crate::model::{Event, PartialError};
use crate::output::EventFormat;

pub(super) enum WatchOutput<'w> {
    /// A line for each event, written at once.
    Lines { format: EventFormat, color: bool, out: &'w mut (dyn Write + Send), reader: StdoutReader },
    #[cfg(feature = "live")]
    Live(Box<Live<'w>>, StdoutReader),
}

impl<'w> WatchOutput<'w> {
    /// To be called within a runtime.
    #[cfg(feature = "live")]
    pub(super) fn live(live: Live<'w>) -> Self {
        Self::Live(Box::new(live), StdoutReader::new())
    }

    /// To be called within a runtime.
    pub(super) fn lines(format: EventFormat, color: bool, out: &'w mut (dyn Write + Send)) -> Self {
        Self::Lines { format, color, out, reader: StdoutReader::new() }
    }

    pub(super) fn report(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Self::Lines { format, color, out, .. } => format.write_with(*out, event, *color),
            #[cfg(feature = "live")]
            Self::Live(live, _) => {
                live.report(event);
                Ok(())
            }
        }
    }

    /// Flushes what was written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines { out, .. } => out.flush(),
            #[cfg(feature = "live")]
            Self::Live(..) => Ok(()),
        }
    }

    /// Reports an error outside the watch itself, such as that of a hook.
    pub(super) fn note(&mut self, fault: &PartialError) {
        match self {
            Self::Lines { .. } => stderr::fault(fault),
            #[cfg(feature = "live")]
            Self::Live(live, _) => live.note(fault),
        }
    }

    /// Waits until the reader leaves. Safe to cancel.
    pub(super) async fn attend(&mut self) -> io::Result<()> {
        match self {
            Self::Lines { reader, .. } => reader.closed().await,
            #[cfg(feature = "live")]
            Self::Live(live, reader) => tokio::select! {
                left = live.attend() => left,
                closed = reader.closed() => closed,
            },
        }
    }
}

/// How often to check for a reader where the kernel does not report its end.
const READER_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The reader of standard output.
pub(super) struct StdoutReader {
    /// Standard output if it is a pipe: the kernel reports when its other end is closed.
    pipe: Option<pipe::Receiver>,
    poll: Interval,
}

impl StdoutReader {
    /// To be called within a runtime.
    fn new() -> Self {
        let stdout = io::stdout();
        let is_pipe = fstat(&stdout).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        let copy = stdout.as_fd().try_clone_to_owned().ok().filter(|_| is_pipe);
        let pipe = copy.and_then(|copy| pipe::Receiver::from_owned_fd_unchecked(copy).ok());

        Self { pipe, poll: interval(READER_POLL_INTERVAL) }
    }

    /// Waits until the reader has closed its end.
    async fn closed(&mut self) -> io::Result<()> {
        if let Some(pipe) = &self.pipe {
            pipe.ready(Interest::ERROR).await?;
            self.pipe = None;
        }
        while !stdout::is_closed() {
            self.poll.tick().await;
        }
        Ok(())
    }
}
