//! From control groups to systemd units and containers.
//!
//! The kernel stamps a socket with the control group it was made in and shows its id to every user (cgroup v2; the
//! id is the inode of the group's directory). If that identifies nothing, the holders' `/proc/PID/cgroup` is read.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, RawDir};

use super::mounts;
use crate::clean::Untrusted;
use crate::model::Container;

/// The unit and container of a control group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) unit: Option<Untrusted>,
    /// The unit is one of a user's own service manager, who chooses the name.
    pub(super) of_user: bool,
    pub(super) container: Option<Container>,
}

impl Membership {
    pub(super) fn is_empty(&self) -> bool {
        self.unit.is_none() && self.container.is_none()
    }
}

/// The deepest nesting that is searched; systemd with nested containers has about ten.
const DEEPEST: usize = 32;

/// Whether `/proc/PID/cgroup` can identify a unit or container: only if a hierarchy for units and containers has a group.
/// Otherwise the file need not be read for each process.
pub(super) fn processes_have_groups() -> bool {
    let Ok(mounts) = mounts::read() else { return true };
    let mut roots = mounts.iter().filter(|mount| has_units_or_containers(mount)).peekable();
    roots.peek().is_none() || roots.any(has_groups)
}

/// Whether service managers and container engines make their groups in this hierarchy.
fn has_units_or_containers(mount: &mounts::Mount) -> bool {
    match mount.kind.as_slice() {
        b"cgroup2" => true,
        // Docker, LXC and Kubernetes make their groups in every v1 hierarchy, so one of them stands for all.
        b"cgroup" => mount.point.ends_with("systemd") || mount.point.ends_with("devices"),
        _ => false,
    }
}

fn has_groups(mount: &mounts::Mount) -> bool {
    // A directory has a link from itself, one from its parent, and one from each directory in it. If the mount
    // is not of the whole hierarchy, this process is in a group itself.
    mount.root != b"/" || rustix::fs::stat(&mount.point).is_ok_and(|stat| stat.st_nlink != 2)
}

/// Finds the paths of control groups by their ids.
pub(super) fn paths(mut ids: Vec<u64>) -> HashMap<u64, String> {
    let mut found = HashMap::new();
    // The root of all groups has the id 1 and identifies nothing.
    ids.retain(|&id| id > 1);
    ids.sort_unstable();
    ids.dedup();

    if ids.is_empty() {
        return found;
    }

    let Some(root) = mount_point() else { return found };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(root) = rustix::fs::open(root, flags, Mode::empty()) else { return found };

    if let Ok(stat) = rustix::fs::fstat(&root) {
        if ids.binary_search(&stat.st_ino).is_ok() {
            found.insert(stat.st_ino, "/".to_owned());
        }
        search(&root, &mut String::new(), &ids, &mut found, 0);
    }

    found
}

/// Walks the tree until every id is found.
fn search(dir: &OwnedFd, path: &mut String, ids: &[u64], found: &mut HashMap<u64, String>, depth: usize) {
    if found.len() == ids.len() || depth == DEEPEST {
        return;
    }

    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(dir, &mut buffer);

    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if entry.file_type() != FileType::Directory || matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let parent = path.len();
        path.push('/');
        path.push_str(&name.to_string_lossy());
        if ids.binary_search(&entry.ino()).is_ok() {
            found.insert(entry.ino(), path.clone());
        }
        if let Ok(child) = rustix::fs::openat(dir, name, flags, Mode::empty()) {
            search(&child, path, ids, found, depth + 1);
        }
        path.truncate(parent);
    }
}

/// Where cgroup v2 is mounted.
fn mount_point() -> Option<PathBuf> {
    mounts::read().ok()?.into_iter().find(|mount| mount.kind == b"cgroup2").map(|mount| mount.point)
}

/// The processes in a control group, by its path; none if it has gone or is not readable.
pub(super) fn processes(path: &str) -> Vec<u32> {
    let Some(root) = mount_point().filter(|_| path != "/") else { return Vec::new() };
    let file = root.join(path.trim_start_matches('/')).join("cgroup.procs");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The unit and container of a process, by its `/proc/PID/cgroup`: from the v2 group if it has them, otherwise from
/// systemd's own v1 hierarchy, otherwise from any that names a container.
pub(super) fn of_process(control_groups: &str) -> Membership {
    // `0::/system.slice/x.service`, `1:name=systemd:/system.slice/x.service`, `5:devices:/docker/3f4e…`
    let groups = control_groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let (systemd, others): (Vec<_>, Vec<_>) =
        groups.partition(|(controllers, _)| controllers.is_empty() || *controllers == "name=systemd");

    let mut best = Membership::default();
    for other in memberships(systemd) {
        if best.unit.is_none() {
            (best.unit, best.of_user) = (other.unit, other.of_user);
        }
        best.container = best.container.or(other.container);
    }
    if best.container.is_none() {
        best.container = memberships(others).find_map(|other| other.container);
    }

    best
}

/// The memberships by the paths of (controllers, path) pairs.
fn memberships(groups: Vec<(&str, &str)>) -> impl Iterator<Item = Membership> {
    groups.into_iter().map(|(_, path)| membership(path))
}

/// The unit and container of a control group, by its path.
pub(super) fn membership(path: &str) -> Membership {
    let mut member = Membership::default();
    let mut pod = None;
    for part in path.split('/') {
        if let Some(uid) = pod_uid(part) {
            pod = Some(uid);
        }
        if let Some(container) = container(part) {
            member.container = Some(container);
        }
        // The innermost unit is the service itself: `user@1000.service` holds a user's own services.
        let is_unit = [".service", ".scope", ".socket"].iter().any(|kind| part.ends_with(kind));
        if is_unit && !(member.unit.is_some() && part.ends_with(".scope")) {
            member.of_user = member.unit.as_ref().is_some_and(|outer| outer.as_raw().starts_with("user@"));
            member.unit = Some(part.into());
        }
    }

    // Runtimes without systemd put the bare id below a folder of their own: /docker/ID, /kubepods/…/podUID/ID.
    if member.container.is_none() {
        member.container = below_folder(path);
    }

    match (&mut member.container, pod) {
        (Some(container), Some(uid)) => container.pod = Some(uid.into()),
        (None, Some(uid)) => {
            let id = uid.clone().into();
            member.container = Some(Container { runtime: "kubernetes".into(), id, pod: Some(uid.into()) });
        }
        _ => {}
    }

    member
}

/// The container that one part of a path names: `docker-ID.scope`, `machine-NAME.scope`, `lxc.payload.NAME`.
fn container(part: &str) -> Option<Container> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(Container { runtime: "lxc".into(), id: name.into(), pod: None });
    }
    if let Some(machine) = part.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service")) {
        return Some(Container { runtime: "systemd-nspawn".into(), id: unescape(machine).into(), pod: None });
    }

    let name = part.strip_suffix(".scope")?;
    if let Some(machine) = name.strip_prefix("machine-").map(unescape) {
        // Virtual machines are registered there as well.
        return (!machine.starts_with("qemu-")).then(|| Container {
            runtime: "systemd-nspawn".into(),
            id: machine.into(),
            pod: None,
        });
    }

    let (prefix, id) = name.rsplit_once('-')?;
    let runtime = match prefix {
        "docker" => "docker",
        "cri-containerd" | "nerdctl" => "containerd",
        "crio" => "cri-o",
        "libpod" => "podman",
        _ => return None,
    };

    is_id(id).then(|| Container { runtime: runtime.into(), id: id.into(), pod: None })
}

/// The container that a path without systemd's names leads to.
fn below_folder(path: &str) -> Option<Container> {
    let mut runtime = None;
    for part in path.split('/') {
        // Podman and containerd put their own name before the id: `libpod-ID`, `…slice:cri-containerd:ID`.
        let (runtime_before, part) = part.rsplit_once(':').map_or((None, part), |(before, id)| (Some(before), id));
        if runtime_before.is_some_and(|before| before.ends_with(":cri-containerd")) && is_id(part) {
            return Some(Container { runtime: "containerd".into(), id: part.into(), pod: None });
        }
        if let Some(id) = part.strip_prefix("libpod-").filter(|id| is_id(id)) {
            return Some(Container { runtime: "podman".into(), id: id.into(), pod: None });
        }
        match runtime {
            Some("lxc") if !part.is_empty() => {
                return Some(Container { runtime: "lxc".into(), id: part.into(), pod: None });
            }
            Some(runtime) if is_id(part) => {
                return Some(Container { runtime: runtime.into(), id: part.into(), pod: None });
            }
            _ => {}
        }
        runtime = match part {
            "docker" => Some("docker"),
            "lxc" => Some("lxc"),
            "containerd" => Some("containerd"),
            "kubepods" => Some("kubernetes"),
            _ => runtime,
        };
    }

    None
}

/// The pod's uid in `pod3cf2…` or `kubepods-burstable-pod3cf2….slice`; systemd writes its dashes as underscores.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.rsplit_once("-pod") {
        Some((before, uid)) if before.starts_with("kubepods") || before.contains("-kubepods") => uid,
        _ => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    (uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then_some(uid)
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Undoes systemd's escaping of unit names: `\x2d` is a dash.
fn unescape(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut plain = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                plain.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
            }
            None => plain.extend_from_slice(&[b"\\x", part.as_bytes()].concat()),
        }
    }

    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7";

    fn shown(path: &str) -> (Option<String>, Option<String>, Option<String>) {
        let Membership { unit, container, .. } = membership(path);
        let pod = container.as_ref().and_then(|container| container.pod.as_ref().map(ToString::to_string));
        (unit.map(|unit| unit.to_string()), container.map(|container| container.to_string()), pod)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn units_are_the_innermost_service() {
        assert_eq!(shown("/"), (None, None, None));
        assert_eq!(shown("/system.slice/nginx.service"), (some("nginx.service"), None, None));
        assert_eq!(
            shown("/system.slice/system-postgresql.slice/postgresql@15-main.service"),
            (some("postgresql@15-main.service"), None, None)
        );
        assert_eq!(
            shown("/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service"),
            (some("syncthing.service"), None, None)
        );
        assert!(membership("/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service").of_user);
        assert!(!membership("/system.slice/nginx.service").of_user);
        assert_eq!(shown("/user.slice/user-0.slice/session-3.scope"), (some("session-3.scope"), None, None));
        // As in systemd: `systemctl` accepts no other form.
        assert_eq!(membership("/system.slice/a\\x2db.service").unit, Some("a\\x2db.service".into()));
    }

    #[test]
    fn containers_of_every_runtime_are_known() {
        let short = some("docker-3f4e8a1b2c3d");
        assert_eq!(shown(&format!("/system.slice/docker-{ID}.scope")).1, short);
        assert_eq!(shown(&format!("/docker/{ID}")).1, short);
        assert_eq!(shown(&format!("/docker/{ID}/init.scope")).1, short);
        assert_eq!(shown(&format!("/machine.slice/libpod-{ID}.scope/container")).1, some("podman-3f4e8a1b2c3d"));
        assert_eq!(shown(&format!("/libpod_parent/libpod-{ID}")).1, some("podman-3f4e8a1b2c3d"));
        let path = format!("/system.slice/containerd.service/kubepods-pod.slice:cri-containerd:{ID}");
        assert_eq!(shown(&path).1, some("containerd-3f4e8a1b2c3d"));
        assert_eq!(shown("/machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator").1, None);
        assert_eq!(shown("/machine.slice/systemd-nspawn@web.service/payload").1, some("systemd-nspawn-web"));
        assert_eq!(shown("/lxc.payload.web/init.scope").1, some("lxc-web"));
        assert_eq!(shown("/lxc/web/system.slice/x.service").1, some("lxc-web"));
        assert_eq!(shown("/machine.slice/machine-deb\\x2d12.scope").1, some("systemd-nspawn-deb-12"));
    }

    #[test]
    fn pods_are_known_with_and_without_systemd() {
        let uid = "3cf2a1b0-1111-2222-3333-444455556666";
        let slice = uid.replace('-', "_");
        let path = format!(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ID}.scope"
        );
        assert_eq!(shown(&path).1, some("containerd-3f4e8a1b2c3d"));
        assert_eq!(shown(&path).2, some(uid));
        let path = format!("/kubepods/burstable/pod{uid}/{ID}");
        assert_eq!((shown(&path).1, shown(&path).2), (some("kubernetes-3f4e8a1b2c3d"), some(uid)));
    }

    #[test]
    fn a_process_may_be_in_old_and_new_hierarchies() {
        let groups = format!("5:devices:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/\n");
        assert_eq!(of_process(&groups).container.unwrap().runtime, "docker");
        assert_eq!(of_process("0::/system.slice/x.service\n").unit, Some("x.service".into()));
        assert!(of_process("0::/\n").is_empty());
        assert!(of_process("nonsense").is_empty());
    }
}
