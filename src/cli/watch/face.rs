//! Where a watch is seen: line by line, or live at a terminal.

use std::io::{self, Write};

use tokio::time::{Interval, interval};

use std::time::Duration;

#[cfg(feature = "live")]
use super::live::Live;
use crate::cli::{stderr, stdout};
use crate::model::{Event, Fault};
use crate::output::EventFormat;

/// How often to look whether somebody still reads what is written.
const LOOK_AT_READER: Duration = Duration::from_secs(1);

pub(super) enum Face<'w> {
    /// A line for each event, written at once.
    Lines { format: EventFormat, out: &'w mut (dyn Write + Send), look: Interval },
    #[cfg(feature = "live")]
    Live(Box<Live<'w>>),
}

impl<'w> Face<'w> {
    /// To be called within a runtime.
    pub(super) fn lines(format: EventFormat, out: &'w mut (dyn Write + Send)) -> Self {
        Self::Lines { format, out, look: interval(LOOK_AT_READER) }
    }

    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Self::Lines { format, out, .. } => format.write(*out, event),
            #[cfg(feature = "live")]
            Self::Live(live) => {
                live.tell(event);
                Ok(())
            }
        }
    }

    /// Lets everything be seen that was told.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Lines { out, .. } => out.flush(),
            #[cfg(feature = "live")]
            Self::Live(_) => Ok(()),
        }
    }

    /// Tells that something beside the watch went wrong.
    pub(super) fn note(&mut self, fault: &Fault) {
        match self {
            Self::Lines { .. } => stderr::fault(fault),
            #[cfg(feature = "live")]
            Self::Live(live) => live.note(fault),
        }
    }

    /// Waits until nobody looks any more. Nothing is lost when it is given up.
    pub(super) async fn attend(&mut self) -> io::Result<()> {
        match self {
            Self::Lines { look, .. } => loop {
                look.tick().await;
                if stdout::is_closed() {
                    return Ok(());
                }
            },
            #[cfg(feature = "live")]
            Self::Live(live) => live.attend().await,
        }
    }
}
