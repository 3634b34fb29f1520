//! The names and images of containers, which only their runtimes know: requested at the runtimes' own sockets, for `--runtime`.
//!
//! Only the system's sockets and those of the calling user are used: another user could give any container any name.

mod containerd;
mod cri;
mod docker;
mod grpc;
mod protobuf;
mod sockets;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;

use self::sockets::{RuntimeSocket, exists, known_sockets};
use super::cgroup::Membership;
use crate::clean::{Untrusted, clean};
use crate::error::plain;
use crate::model::{Container, PartialError};

/// How long all runtimes together may take for their replies.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum bytes of a reply: about 3 KB for each of several thousand containers.
const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;
/// Maximum bytes of a name or an image that are kept.
const MAX_NAME_BYTES: usize = 512;
/// Minimum time between two requests for names,
const REQUEST_INTERVAL: Duration = Duration::from_millis(200);
/// and that time as a multiple of what the last request took.
const REST: u32 = 10;
/// A name older than this is requested again: containers can be renamed.
const MAX_AGE: Duration = Duration::from_mins(1);
/// Runtimes whose ids are the names themselves, or that have no socket.
const WITHOUT_API: [&str; 3] = ["lxc", "libvirt-lxc", "systemd-nspawn"];

/// A container as its runtime describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedContainer {
    id: String,
    name: String,
    image: String,
}

/// The names of containers by their ids. The runtimes are asked when the first container needs them.
#[derive(Debug, Default)]
pub(super) struct ContainerNames {
    by_id: HashMap<String, NamedContainer, FixedState>,
    /// When the last request ended, and how long it took.
    requested: Option<(Instant, Duration)>,
    /// The runtimes that did not reply in time or not in their protocol.
    failures: Vec<PartialError>,
    limits: Vec<PartialError>,
    /// Some container has no name.
    any_unnamed: bool,
}

impl ContainerNames {
    /// Adds the name and the image to a container, or marks them as unknown.
    pub(super) fn describe(&mut self, member: &mut Arc<Membership>) {
        let Some(container) = member.container.as_ref().filter(|container| has_api(container)) else { return };
        let id = container.id.as_raw();
        if self.is_due(self.by_id.contains_key(id), Instant::now()) {
            self.request();
        }

        let known = self.by_id.get(container.id.as_raw());
        let Some(container) = &mut Arc::make_mut(member).container else { return };
        match known {
            Some(known) => {
                container.name = text(&known.name);
                container.image = text(&known.image);
                container.name_unknown = false;
            }
            None => {
                container.name_unknown = true;
                self.any_unnamed = true;
            }
        }
    }

    /// Why names are missing that runtimes failed to report; empty if every container has one.
    pub(super) fn errors(&self) -> impl Iterator<Item = &PartialError> {
        self.failures.iter().filter(|_| self.any_unnamed)
    }

    /// Why runtimes were not asked: no permission, or there is none. Also a failure that costs no name.
    pub(super) fn limits(&self) -> impl Iterator<Item = &PartialError> {
        self.limits.iter().chain(self.failures.iter().filter(|_| !self.any_unnamed))
    }

    /// Whether the runtimes are asked for a container: one that is not known, or whose name may have changed.
    fn is_due(&self, is_known: bool, now: Instant) -> bool {
        let Some((ended, took)) = self.requested else { return true };
        let age = now.saturating_duration_since(ended);
        age >= REQUEST_INTERVAL.max(took * REST) && (!is_known || age >= MAX_AGE)
    }

    /// Asks every runtime of this machine at the same time.
    fn request(&mut self) {
        let begun = Instant::now();
        let sockets: Vec<RuntimeSocket> = known_sockets().into_iter().filter(|socket| exists(&socket.path)).collect();
        let deadline = begun + REPLY_TIMEOUT;
        let replies: Vec<io::Result<Vec<NamedContainer>>> = thread::scope(|scope| {
            let requests: Vec<_> =
                sockets.iter().map(|socket| scope.spawn(move || socket.containers(deadline))).collect();
            let joined = requests.into_iter().map(thread::ScopedJoinHandle::join);
            joined.map(|read| read.unwrap_or_else(|_| Err(io::Error::other("portolan's reader failed")))).collect()
        });

        self.limits = if sockets.is_empty() { vec![no_runtime()] } else { Vec::new() };
        self.failures = Vec::new();
        let mut by_id = HashMap::default();
        for (socket, reply) in sockets.iter().zip(replies) {
            match reply {
                Ok(containers) => {
                    for container in containers {
                        by_id.entry(container.id.clone()).or_insert(container);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.limits.push(unread(socket, &error));
                }
                Err(error) => self.failures.push(unread(socket, &error)),
            }
        }
        self.by_id = by_id;
        self.requested = Some((Instant::now(), begun.elapsed()));
    }
}

fn has_api(container: &Container) -> bool {
    !WITHOUT_API.contains(&&*container.runtime)
}

/// A text of a runtime, cut to its limit; `None` if it is empty.
fn text(text: &str) -> Option<Untrusted> {
    let mut end = MAX_NAME_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).filter(|text| !text.is_empty()).map(Untrusted::from)
}

/// The time left until a deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn too_long() -> io::Error {
    io::Error::other("its reply is longer than 16 MiB")
}

fn no_runtime() -> PartialError {
    PartialError {
        operation: "read the names of containers".to_owned(),
        cause: "there is no socket of docker, podman, containerd or CRI-O".to_owned(),
        hint: "start the runtime's service, such as `systemctl start podman.socket`".to_owned(),
    }
}

fn unread(socket: &RuntimeSocket, error: &io::Error) -> PartialError {
    let (cause, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ("no permission".to_owned(), "run as root, or as a member of the socket's group")
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            (format!("no reply within {} s", REPLY_TIMEOUT.as_secs()), "check whether the runtime works")
        }
        _ => (plain(error), "check whether the runtime works"),
    };
    let operation = format!("read the names of containers from {}", clean(&socket.path.display().to_string()));
    PartialError { operation, cause, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::cgroup;
    use super::*;

    #[test]
    fn runtimes_are_asked_for_new_containers_and_not_too_often() {
        let now = Instant::now();
        let after = |took_ms: u64, age_ms: u64| {
            let requested = Some((now, Duration::from_millis(took_ms)));
            let names = ContainerNames { requested, ..ContainerNames::default() };
            [false, true].map(|is_known| names.is_due(is_known, now + Duration::from_millis(age_ms)))
        };
        assert!(ContainerNames::default().is_due(false, now), "the first one");
        assert_eq!(after(1, 100), [false, false]);

        assert_eq!(after(1, 200), [true, false]);
        assert_eq!(after(1, 60_000), [true, true], "it may have been renamed");
        assert_eq!(after(3000, 29_000), [false, false], "a silent runtime is left alone for ten times as long");
        assert_eq!(after(3000, 30_000), [true, false]);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(text(""), None);
        assert_eq!(text(&"é".repeat(400)).unwrap().as_raw().len(), 512);
        assert_eq!(text(&format!("a{}", "é".repeat(400))).unwrap().as_raw().len(), 511);
    }

    #[test]
    fn a_container_that_is_named_by_its_id_needs_no_runtime() {
        let mut names = ContainerNames::default();
        let mut member = Arc::new(cgroup::membership("/lxc.payload.web"));
        let container = member.container.clone();
        assert_eq!(container.as_ref().map(ToString::to_string), Some("lxc-web".to_owned()));
        names.describe(&mut member);
        assert_eq!((&member.container, names.requested), (&container, None));
    }
}
