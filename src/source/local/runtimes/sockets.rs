//! Where container runtimes listen.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{NamedContainer, containerd, cri, docker};

/// Docker, and podman with `podman system service`.
const DOCKER: [&str; 2] = ["/run/docker.sock", "/run/podman/podman.sock"];
/// The same in the folder of a user.
const DOCKER_OF_USER: [&str; 2] = ["docker.sock", "podman/podman.sock"];
/// containerd alone, of k3s and RKE2, of k0s and of MicroK8s.
const CONTAINERD: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];
const CRI_O: &str = "/run/crio/crio.sock";

/// What is spoken at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuntimeApi {
    Docker,
    /// That of Kubernetes, and its own.
    Containerd,
    Cri,
}

/// The socket of a runtime.
#[derive(Clone, Debug)]
pub(super) struct RuntimeSocket {
    pub(super) path: PathBuf,
    api: RuntimeApi,
}

impl RuntimeSocket {
    /// Requests the running containers.
    ///
    /// # Errors
    /// `PermissionDenied`, `TimedOut` after the deadline, and replies that are too long or no replies of a runtime.
    pub(super) fn containers(&self, deadline: Instant) -> io::Result<Vec<NamedContainer>> {
        let stream = open(&self.path)?;
        match self.api {
            RuntimeApi::Docker => docker::containers(stream, deadline),
            RuntimeApi::Cri => cri::containers(stream, deadline),
            RuntimeApi::Containerd => {
                let of_pods = cri::containers(stream, deadline)?;
                let own = containerd::containers(open(&self.path)?, deadline)?;
                Ok([of_pods, own].concat())
            }
        }
    }
}

/// Where runtimes listen: those of the system, and those that the calling user runs.
pub(super) fn known_sockets() -> Vec<RuntimeSocket> {
    let own = format!("/run/user/{}", rustix::process::getuid().as_raw());
    let docker = DOCKER.map(PathBuf::from).into_iter().chain(DOCKER_OF_USER.map(|name| Path::new(&own).join(name)));
    let docker = docker.map(|path| RuntimeSocket { path, api: RuntimeApi::Docker });
    let containerd = CONTAINERD.map(|path| RuntimeSocket { path: path.into(), api: RuntimeApi::Containerd });
    docker.chain(containerd).chain([RuntimeSocket { path: CRI_O.into(), api: RuntimeApi::Cri }]).collect()
}

/// Whether there is a socket, as far as that can be seen: its folder may be closed to this user.
pub(super) fn exists(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Connects without waiting: with a full backlog, connecting would block.
fn open(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?).map_err(|error| match error {
        Errno::AGAIN => io::Error::other("it accepts no connections"),
        other => other.into(),
    })?;
    Ok(socket.into())
}
