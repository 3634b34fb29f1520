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

/// Finds the namespaces that a mount keeps alive, and those of all processes. `true`: the namespace of some process is unknown.
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
        }
    }

    if let Ok(own) = rustix::fs::stat("/proc/self/ns/net") {
        found.remove(&own.st_ino);
    }

    Ok((found.into_values().collect(), denied))
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
