//! Reads files that a user names without being held up: a FIFO may wait for its writer for ever, and a device has no end.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::OFlags;

use crate::engine::{Cancel, WaitOutcome};

/// All of a file of at most `most` bytes.
///
/// # Errors
/// What the operating system says; that it is longer, that `cancel` was set or `until` came before its end.
pub(crate) fn read_file(path: &Path, most: usize, cancel: &Cancel, until: Option<Instant>) -> io::Result<Vec<u8>> {
    // Opening a FIFO without a writer would block, and nothing could end that.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);

    loop {
        // Before the first writer came, a read would say that this is the end.
        match cancel.wait_readable(file.as_fd(), until)? {
            WaitOutcome::Ready => {}
            WaitOutcome::Cancelled => return Err(io::Error::other("it was stopped")),
            WaitOutcome::TimedOut => {
                return Err(io::Error::new(ErrorKind::TimedOut, "the --deadline has passed"));
            }
        }

        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if bytes.len() > most {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
        }
    }
}
