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
    /// The user whose own service manager runs the unit. That user chooses its name.
    pub(super) user: Option<u32>,
    /// The unit is such a manager itself.
    is_manager: bool,
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
            (best.unit, best.user) = (other.unit, other.user);
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

/// The unit and container of a control group, by its path: each the innermost one.
pub(super) fn membership(path: &str) -> Membership {
    let mut member = Membership::default();
    let mut pod = None;
    let mut folder = None;
    let mut is_nested = false;

    for part in path.split('/') {
        pod = pod_uid(part).or(pod);
        // Where people chose the parent group, its name does not say the runtime, but only runtimes make such ids.
        let runtime = folder.or(is_nested.then_some("container"));
        is_nested |= !part.is_empty();
        if let Some((runtime, id)) = container(part, runtime) {
            // A pod belongs to the first container below it; what runs in that may have pods of its own.
            member.container = Some(Container {
                runtime: runtime.into(),
                id,
                pod: pod.take().map(Into::into),
                ..Container::default()
            });
        }
        folder = match folder_of(part) {
            Some(folder) => Some(folder),
            // What runs in a container of LXC may have any groups.
            None if folder == Some("lxc") && !part.is_empty() => None,
            None => folder,
        };
        member.enter(part);
    }

    if let Some(uid) = pod.filter(|_| !path.contains("conmon")) {
        let id = uid.clone().into();
        member.container =
            Some(Container { runtime: "kubernetes".into(), id, pod: Some(uid.into()), ..Container::default() });
    }
    member
}

impl Membership {
    /// Goes one group deeper.
    fn enter(&mut self, part: &str) {
        if let Some(uid) = part.strip_prefix("user@").and_then(|name| name.strip_suffix(".service")) {
            // A user's own service manager. What it starts are that user's units.
            (self.unit, self.user) = (Some(part.into()), uid.parse().ok());
            self.is_manager = true;
            return;
        }

        // A service is known by its own name, whatever scopes it makes below.
        let is_service = part.ends_with(".service") || part.ends_with(".socket");
        let is_scope = part.ends_with(".scope") && (self.unit.is_none() || self.is_manager);
        if is_service || is_scope {
            (self.unit, self.is_manager) = (Some(part.into()), false);
        }
    }
}

/// A folder in which a runtime keeps the groups of its containers, each named by its id alone.
fn folder_of(part: &str) -> Option<&'static str> {
    match part {
        "docker" | "ecs" => Some("docker"),
        "lxc" | "lxc.payload" => Some("lxc"),
        // Names of containerd's namespaces: its own, that of docker and that of nerdctl.
        "containerd" | "k8s.io" | "moby" | "default" => Some("containerd"),
        "libpod_parent" => Some("podman"),
        "kubepods" => Some("kubernetes"),
        _ => None,
    }
}

/// The runtime and the container that one part of a path names; `folder`: the runtime in whose folder it is, as far as known.
fn container(part: &str, folder: Option<&'static str>) -> Option<(&'static str, Untrusted)> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(("lxc", name.into()));
    }
    if let Some(machine) = part.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service")) {
        return Some(("systemd-nspawn", unescape(machine).into()));
    }
    if let Some(machine) = part.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope")).map(unescape) {
        // Containers of libvirt, and virtual machines, are registered there as well.
        if let Some(container) = machine.strip_prefix("lxc-") {
            let name = container.split_once('-').map_or(container, |(_, name)| name);
            return Some(("libvirt-lxc", name.into()));
        }
        return (!machine.starts_with("qemu-")).then_some(("systemd-nspawn", machine.into()));
    }

    // `docker-ID.scope`, `crio-ID`, `libpod-payload-ID`, `kubepods-….slice:cri-containerd:ID`, or the id alone.
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let (prefix, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    if is_id(id) {
        let prefix = prefix.rsplit_once(':').map_or(prefix, |(_, prefix)| prefix);
        let runtime = match prefix {
            "" => folder?,
            "docker" => "docker",
            "cri-containerd" | "nerdctl" | "containerd" => "containerd",
            "crio" => "cri-o",
            "libpod" | "libpod-payload" => "podman",
            // Such as `libpod-conmon`, which watches a container from outside.
            _ => return None,
        };
        return Some((runtime, id.into()));
    }

    match folder {
        Some("lxc") if !part.is_empty() && !is_unit(part) => Some(("lxc", part.into())),
        // AWS Fargate: the task's id and a number.
        Some("docker") if is_fargate_id(part) => Some(("ecs", part.into())),
        _ => None,
    }
}

fn is_unit(part: &str) -> bool {
    [".service", ".scope", ".slice", ".socket"].iter().any(|kind| part.ends_with(kind))
}

fn is_fargate_id(part: &str) -> bool {
    part.split_once('-').is_some_and(|(task, number)| {
        task.len() == 32
            && task.bytes().all(|byte| byte.is_ascii_hexdigit())
            && number.len() >= 6
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The pod's uid in `pod3cf2…` or `kubepods-burstable-pod3cf2….slice`; systemd writes its dashes as underscores.
fn pod_uid(part: &str) -> Option<String> {
    let part = part.split_once(':').map_or(part, |(slice, _)| slice);
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
pub(super) fn unescape(name: &str) -> String {
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

    #[test]
    fn units_are_the_innermost_service() {
        for (path, unit, user) in [
            ("/", None, None),
            ("/system.slice/nginx.service", Some("nginx.service"), None),
            ("/system.slice/app.service/workers/one", Some("app.service"), None),
            ("/system.slice/app.service/inner.scope", Some("app.service"), None),
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service",
                Some("postgresql@15-main.service"),
                None,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                Some("syncthing.service"),
                Some(1000),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-1234.scope",
                Some("app-gnome-firefox-1234.scope"),
                Some(1000),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.kde.konsole-7.scope/tab(8).scope",
                Some("app-org.kde.konsole-7.scope"),
                Some(1000),
            ),
            ("/user.slice/user-1000.slice/user@1000.service", Some("user@1000.service"), Some(1000)),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", Some("init.scope"), Some(1000)),
            ("/user.slice/user-0.slice/session-3.scope", Some("session-3.scope"), None),
            // As in systemd: `systemctl` accepts no other form.
            ("/system.slice/a\\x2db.service", Some("a\\x2db.service"), None),
        ] {
            let member = membership(path);
            assert_eq!((member.unit.as_ref().map(Untrusted::as_raw), member.user), (unit, user), "{path}");
        }
    }

    /// Paths as the runtimes make them, each with its container and pod. `ID` stands for an id, `POD` for a pod's uid, and
    /// `SLICE` for the latter as systemd writes it.
    const LAYOUTS: &[(&str, Option<&str>, bool)] = &[
        ("/system.slice/docker-ID.scope", Some("docker-3f4e8a1b2c3d"), false),
        ("/docker/ID", Some("docker-3f4e8a1b2c3d"), false),
        ("/docker/ID/init.scope", Some("docker-3f4e8a1b2c3d"), false),
        ("/docker/ID/system.slice/ssh.service", Some("docker-3f4e8a1b2c3d"), false),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            Some("docker-3f4e8a1b2c3d"),
            false,
        ),
        ("/system.slice/docker.service/system.slice:docker:ID", Some("docker-3f4e8a1b2c3d"), false),
        ("/docker/OUTER/docker/ID", Some("docker-3f4e8a1b2c3d"), false),
        ("/ecs/0123456789abcdef0123456789abcdef/ID", Some("docker-3f4e8a1b2c3d"), false),
        (
            "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-ID.scope",
            Some("docker-3f4e8a1b2c3d"),
            false,
        ),
        (
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2531612879",
            Some("ecs-0123456789abcdef0123456789abcdef-2531612879"),
            false,
        ),
        ("/machine.slice/libpod-ID.scope", Some("podman-3f4e8a1b2c3d"), false),
        ("/machine.slice/libpod-ID.scope/container", Some("podman-3f4e8a1b2c3d"), false),
        ("/libpod_parent/libpod-ID", Some("podman-3f4e8a1b2c3d"), false),
        ("/system.slice/web.service/libpod-payload-ID", Some("podman-3f4e8a1b2c3d"), false),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-ID",
            Some("podman-3f4e8a1b2c3d"),
            false,
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Some("podman-3f4e8a1b2c3d"),
            false,
        ),
        ("/machine.slice/libpod-conmon-ID.scope", None, false),
        ("/machine.slice/libpod_pod_ID.slice/libpod-ID.scope", Some("podman-3f4e8a1b2c3d"), false),
        ("/system.slice/nerdctl-ID.scope", Some("containerd-3f4e8a1b2c3d"), false),
        ("/default/ID", Some("containerd-3f4e8a1b2c3d"), false),
        ("/k8s.io/ID", Some("containerd-3f4e8a1b2c3d"), false),
        (
            "/system.slice/containerd.service/kubepods-burstable-podSLICE.slice:cri-containerd:ID",
            Some("containerd-3f4e8a1b2c3d"),
            true,
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSLICE.slice/cri-containerd-ID.scope",
            Some("containerd-3f4e8a1b2c3d"),
            true,
        ),
        ("/kubepods.slice/kubepods-podSLICE.slice/crio-ID.scope", Some("cri-o-3f4e8a1b2c3d"), true),
        ("/kubepods.slice/kubepods-podSLICE.slice/crio-ID.scope/container", Some("cri-o-3f4e8a1b2c3d"), true),
        ("/kubepods.slice/kubepods-podSLICE.slice/crio-conmon-ID.scope", None, false),
        ("/kubepods/burstable/podPOD/crio-ID", Some("cri-o-3f4e8a1b2c3d"), true),
        ("/kubepods/burstable/podPOD/ID", Some("kubernetes-3f4e8a1b2c3d"), true),
        ("/kubepods/besteffort/podPOD", Some("kubernetes-12345678-9abc-def0-1234-56789abcdef0"), true),
        ("/docker/OUTER/kubelet/kubepods/besteffort/podPOD/ID", Some("kubernetes-3f4e8a1b2c3d"), true),
        (
            "/docker/OUTER/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podSLICE.slice/cri-containerd-ID.scope",
            Some("containerd-3f4e8a1b2c3d"),
            true,
        ),
        ("/kubepods/burstable/podPOD/OUTER/docker/ID", Some("docker-3f4e8a1b2c3d"), false),
        ("/lxc.payload.web/init.scope", Some("lxc-web"), false),
        ("/lxc.payload/web/system.slice/x.service", Some("lxc-web"), false),
        ("/lxc/101/ns/system.slice/x.service", Some("lxc-101"), false),
        ("/lxc/web/docker/ID", Some("docker-3f4e8a1b2c3d"), false),
        ("/lxc.monitor.web", None, false),
        ("/machine.slice/systemd-nspawn@web.service/payload", Some("systemd-nspawn-web"), false),
        ("/machine.slice/machine-deb\\x2d12.scope", Some("systemd-nspawn-deb-12"), false),
        ("/machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator", None, false),
        ("/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope/system.slice", Some("libvirt-lxc-web"), false),
        ("/actions_job/ID", Some("container-3f4e8a1b2c3d"), false),
        ("/batch/jobs/ID/init.scope", Some("container-3f4e8a1b2c3d"), false),
        ("/user.slice/user-1000.slice/session-2.scope", None, false),
        ("/system.slice/docker.service", None, false),
        ("/ID", None, false),
    ];

    #[test]
    fn the_innermost_container_of_every_runtime_is_known_with_its_own_pod() {
        let pod = "12345678-9abc-def0-1234-56789abcdef0";

        for (layout, container, in_pod) in LAYOUTS {
            let path = layout
                .replace("OUTER", &"e".repeat(64))
                .replace("SLICE", &pod.replace('-', "_"))
                .replace("POD", pod)
                .replace("ID", ID);
            let found = membership(&path).container;
            assert_eq!(found.as_ref().map(ToString::to_string).as_deref(), *container, "{layout}");
            let found = found.and_then(|found| found.pod);
            assert_eq!(found.as_ref().map(Untrusted::as_raw), in_pod.then_some(pod), "{layout}");
        }
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
