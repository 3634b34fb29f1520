//! Finds the network namespaces of this machine other than one's own.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::io::Errno;

use super::mounts;
use crate::clean::Untrusted;
use crate::model::NetworkNamespace;
use crate::net::OtherNamespace;

/// Where `ip netns` keeps names: each a mount of a namespace.
const NAMES: &str = "/run/netns";

/// Finds the namespaces that a mount keeps alive, and those of all processes and their threads. `true`: the namespace of some
/// process is unknown.
pub(crate) fn others() -> io::Result<(Vec<OtherNamespace>, bool)> {
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
            for thread in other_threads(pid) {
                denied |= add(&mut found, format!("/proc/{pid}/task/{thread}/ns/net").into(), None);
            }
        }
    }

    if let Ok(own) = rustix::fs::stat("/proc/self/ns/net") {
        found.remove(&own.st_ino);
    }

    Ok((found.into_values().collect(), denied))
}

/// The threads of a process beside its first one.
fn other_threads(pid: &str) -> Vec<String> {
    let tasks = format!("/proc/{pid}/task");
    // A directory has a link from itself, one from its parent, and one from each directory in it.
    if rustix::fs::stat(&tasks).map_or(0, |stat| stat.st_nlink) <= 3 {
        return Vec::new();
    }
    let threads = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    threads.filter_map(|thread| thread.file_name().into_string().ok().filter(|thread| thread != pid)).collect()
}

/// Adds the namespace at `place`; whether looking there was refused.
fn add(found: &mut BTreeMap<u64, OtherNamespace>, place: PathBuf, name: Option<Untrusted>) -> bool {
    match rustix::fs::stat(&place) {
        Ok(stat) => {
            let identity = NetworkNamespace { inode: stat.st_ino, name: None };
            let other = found.entry(stat.st_ino).or_insert_with(|| OtherNamespace::new(identity));
            other.add(place);
            other.identity.name = other.identity.name.take().or(name);
            false
        }
        Err(error) => matches!(error, Errno::ACCESS | Errno::PERM),
    }
}
