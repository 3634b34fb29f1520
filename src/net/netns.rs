//! Other network namespaces of this machine, with permission to enter them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::LinkNameSpaceType;

use crate::model::NetworkNamespace;

/// Maximum number of known processes in a namespace: one of them will still be running.
const MAX_PLACES: usize = 16;

/// A namespace other than this process's.
#[derive(Debug)]
pub(crate) struct OtherNamespace {
    pub(crate) identity: NetworkNamespace,
    /// Files to open it by. They are not kept open: there may be more namespaces than descriptors.
    places: Vec<PathBuf>,
}

impl OtherNamespace {
    /// A namespace without known files.
    pub(crate) fn new(identity: NetworkNamespace) -> Self {
        Self { identity, places: Vec::new() }
    }

    /// Adds one more file to open it by.
    pub(crate) fn add(&mut self, place: PathBuf) {
        if self.places.len() < MAX_PLACES {
            self.places.push(place);
        }
    }

    /// Runs `work` inside the namespace, on a separate thread that enters it and never leaves. Sockets that it opens
    /// stay in that namespace wherever they are used. `None`: the namespace no longer exists.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
        thread::scope(|scope| {
            thread::Builder::new()
                .spawn_scoped(scope, || self.go().map(|exists| exists.then(work)))?
                .join()
                .map_err(|_| io::Error::other("the thread in the namespace panicked"))?
        })
    }

    /// Moves this thread into the namespace permanently; returns whether the namespace still exists.
    pub(crate) fn go(&self) -> io::Result<bool> {
        let Some(file) = self.open()? else { return Ok(false) };
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(true)
    }

    /// The namespace's file. `None`: the namespace no longer exists.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn open(&self) -> io::Result<Option<OwnedFd>> {
        for place in &self.places {
            match rustix::fs::open(place, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                // The process id may have been reused in another namespace.
                Ok(file) if rustix::fs::fstat(&file)?.st_ino == self.identity.inode => return Ok(Some(file)),
                Ok(_) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// Calls `open` inside a namespace, or here if there is none. `None`: the namespace no longer exists.
///
/// # Errors
/// Those of `open`, or of entering the namespace.
pub(crate) fn open_in<T: Send>(
    namespace: Option<&OtherNamespace>,
    open: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<Option<T>> {
    match namespace {
        None => open().map(Some),
        Some(namespace) => namespace.enter(open)?.transpose(),
    }
}
