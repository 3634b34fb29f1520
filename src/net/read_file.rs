//! Files that a user names, read without being held up: a FIFO may wait for its writer for ever, and a device has no end.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How often to look whether somebody wants an end.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// All of a file of at most `most` bytes.
///
/// # Errors
/// What the operating system says; that it is longer, that `stop` was set or `until` came before its end.
pub(crate) fn read_file(path: &Path, most: usize, stop: &AtomicBool, until: Option<Instant>) -> io::Result<Vec<u8>> {
    // To open a FIFO that nobody writes to would wait, and nothing could end that.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it was stopped"));
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(io::Error::new(ErrorKind::TimedOut, "the time given by --deadline is over"));
        }
        // Before the first writer came, a read would say that this is the end.
        let look = Timespec { tv_sec: 0, tv_nsec: POLL_INTERVAL.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&look)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
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
