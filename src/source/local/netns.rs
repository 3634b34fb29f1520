//! The network namespaces of this machine.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::thread::LinkNameSpaceType;

use crate::clean::Untrusted;
use crate::model::NetworkNamespace;

/// A namespace other than one's own, held open.
pub(super) struct Other {
    pub(super) identity: NetworkNamespace,
    file: OwnedFd,
}

/// Where `ip netns` keeps names: each a mount of a namespace.
const NAMES: &str = "/run/netns";

/// Finds the namespaces of all processes, and those that a mount keeps alive. `true`: some process would not say.
pub(super) fn others() -> (Vec<Other>, bool) {
    let mut found = BTreeMap::new();
    let mut denied = false;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        denied |= add(&mut found, &format!("/proc/{pid}/ns/net"), None);
    }
    for place in mounted() {
        let name = place.strip_prefix(NAMES).and_then(|name| name.strip_prefix('/'));
        denied |= add(&mut found, &place, name);
    }
    if let Ok(own) = rustix::fs::stat("/proc/self/ns/net") {
        found.remove(&own.st_ino);
    }
    (found.into_values().collect(), denied)
}

/// Adds the namespace at `path`; whether looking there was refused.
fn add(found: &mut BTreeMap<u64, Other>, path: &str, name: Option<&str>) -> bool {
    let file = match rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(err) => return matches!(err, rustix::io::Errno::ACCESS | rustix::io::Errno::PERM),
    };
    if let Ok(stat) = rustix::fs::fstat(&file) {
        let identity = NetworkNamespace { inode: stat.st_ino, name: None };
        let other = found.entry(stat.st_ino).or_insert(Other { identity, file });
        if let Some(name) = name {
            other.identity.name = Some(Untrusted::from(name));
        }
    }
    false
}

/// The places where network namespaces are mounted: by `ip netns`, by container runtimes.
fn mounted() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // `412 22 0:4 net:[4026532196] /run/netns/blue rw - nsfs nsfs rw`; spaces in paths are written as \040.
    let place = |line: &str| {
        let mut fields = line.split(' ').skip(3);
        fields.next()?.starts_with("net:[").then(|| fields.next().map(|path| path.replace("\\040", " ")))?
    };
    mounts.lines().filter_map(place).collect()
}

impl Other {
    /// Runs `look` inside the namespace, on a thread of its own: a thread can go there, and need not come back.
    pub(super) fn enter<T: Send>(&self, look: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let inside = || {
            rustix::thread::move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?;
            look()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err(io::Error::other("the thread that looked there ended early")))
    }
}
