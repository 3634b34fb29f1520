//! The other network namespaces of this machine, for whoever may go there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::LinkNameSpaceType;

use crate::model::NetworkNamespace;

/// Of the processes in a namespace, so many are remembered: one of them will still be there.
const MAX_PLACES: usize = 16;

/// A namespace other than one's own.
#[derive(Debug)]
pub(crate) struct OtherNamespace {
    pub(crate) identity: NetworkNamespace,
    /// Where it can be opened. Not held open: there may be more of them than descriptors.
    places: Vec<PathBuf>,
}

impl OtherNamespace {
    /// One that can be opened nowhere yet.
    pub(crate) fn new(identity: NetworkNamespace) -> Self {
        Self { identity, places: Vec::new() }
    }

    /// Takes word of one more place where it can be opened.
    pub(crate) fn add(&mut self, place: PathBuf) {
        if self.places.len() < MAX_PLACES {
            self.places.push(place);
        }
    }

    /// Runs `look` inside the namespace, on a thread of its own: a thread can go there, and need not come back. What it
    /// opens stays of that namespace wherever it is used. `None`: the namespace is no more.
    pub(crate) fn enter<T: Send>(&self, look: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
        let inside = || self.go().map(|there| there.then(look));
        let early = || io::Error::other("the thread that looked there ended early");
        thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, inside)?.join().map_err(|_| early())?)
    }

    /// Moves this thread into the namespace for good; whether that is still there.
    pub(crate) fn go(&self) -> io::Result<bool> {
        let Some(file) = self.open()? else { return Ok(false) };
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(true)
    }

    fn open(&self) -> io::Result<Option<OwnedFd>> {
        for place in &self.places {
            match rustix::fs::open(place, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                // A process id may have gone to a process somewhere else.
                Ok(file) if rustix::fs::fstat(&file)?.st_ino == self.identity.inode => return Ok(Some(file)),
                Ok(_) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// Opens what `open` opens inside a namespace, or where there is none here. `None`: the namespace is no more.
///
/// # Errors
/// What the kernel says to that, or to going there.
pub(crate) fn open_in<T: Send>(
    namespace: Option<&OtherNamespace>,
    open: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<Option<T>> {
    match namespace {
        None => open().map(Some),
        Some(namespace) => namespace.enter(open)?.transpose(),
    }
}
