//! The network namespaces of this machine.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::LinkNameSpaceType;

use super::mounts;
use crate::clean::Untrusted;
use crate::model::NetworkNamespace;

/// A namespace other than one's own.
#[derive(Debug)]
pub(in crate::source) struct Other {
    pub(in crate::source) identity: NetworkNamespace,
    /// Where it can be opened. Not held open: there may be more of them than descriptors.
    places: Vec<PathBuf>,
}

/// Where `ip netns` keeps names: each a mount of a namespace.
const NAMES: &str = "/run/netns";
/// Of the processes in a namespace, so many are remembered: one of them will still be there.
const MOST_PLACES: usize = 16;

/// Finds the namespaces that a mount keeps alive, and those of all processes. `true`: some process would not say.
pub(in crate::source) fn others() -> io::Result<(Vec<Other>, bool)> {
    let mut found = BTreeMap::new();
    let mut denied = false;
    // By `ip netns`, and by container runtimes.
    for mount in mounts::read()?.into_iter().filter(|mount| mount.root.starts_with(b"net:[")) {
        let name = mount.point.strip_prefix(NAMES).ok().map(|name| Untrusted::from_bytes(name.as_os_str().as_bytes()));
        denied |= add(&mut found, mount.point, name);
    }
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            denied |= add(&mut found, format!("/proc/{pid}/ns/net").into(), None);
        }
    }
    if let Ok(own) = rustix::fs::stat("/proc/self/ns/net") {
        found.remove(&own.st_ino);
    }
    Ok((found.into_values().collect(), denied))
}

/// Adds the namespace at `place`; whether looking there was refused.
fn add(found: &mut BTreeMap<u64, Other>, place: PathBuf, name: Option<Untrusted>) -> bool {
    match rustix::fs::stat(&place) {
        Ok(stat) => {
            let identity = NetworkNamespace { inode: stat.st_ino, name: None };
            let other = found.entry(stat.st_ino).or_insert(Other { identity, places: Vec::new() });
            if other.places.len() < MOST_PLACES {
                other.places.push(place);
            }
            other.identity.name = other.identity.name.take().or(name);
            false
        }
        Err(error) => matches!(error, Errno::ACCESS | Errno::PERM),
    }
}

impl Other {
    /// Runs `look` inside the namespace, on a thread of its own: a thread can go there, and need not come back.
    /// `None`: the namespace is no more.
    pub(in crate::source) fn enter<T: Send>(&self, look: impl FnOnce() -> T + Send) -> io::Result<Option<T>> {
        let inside = || self.go().map(|there| there.then(look));
        let early = || io::Error::other("the thread that looked there ended early");
        thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, inside)?.join().map_err(|_| early())?)
    }

    /// Moves this thread into the namespace for good; whether that is still there.
    pub(in crate::source) fn go(&self) -> io::Result<bool> {
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
