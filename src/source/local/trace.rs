//! Reports every TCP listener that begins or ends, at once and with its process, where tracing the kernel is permitted.
//!
//! The kernel's tracepoint `sock:inet_sock_set_state`, filtered in the kernel to listeners that begin or end, read as text from
//! a tracing instance of our own, which does not affect any other tracing. README.md states what it costs and why it is
//! not `perf_event_open`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::clean::Untrusted;

/// Where the kernel's tracing file system is mounted, if it is; systemd mounts it.
const TRACING: &str = "/sys/kernel/tracing";
/// Prefix of our instances' names; our process id and a number follow.
const NAME: &str = "portolan-";
const EVENT: &str = "events/sock/inet_sock_set_state";
/// `IPPROTO_TCP`, and from and to `TCP_LISTEN` (10). The socket of a new connection, a copy of the listener, leaves that state
/// too, and not for `TCP_CLOSE` (7): that is no end of the listener.
const FILTER: &str = "protocol == 6 && (newstate == 10 || (oldstate == 10 && newstate == 7))";
/// Buffer of each processor: about a thousand events, a tenth of a second at 10,000 events a second.
const KILOBYTES: &str = "256";
/// The first PID namespace (`PROC_PID_INIT_INO`): the trace reports ids of that namespace.
const FIRST_PIDS: u64 = 0xEFFF_FFFC;
const FOREIGN_PIDS: &str = "process ids are those of a container";
const BUFFER: usize = 16 * 1024;
/// The kernel may lose the wake-up for a single event that arrives just as the buffer was found empty (documented in
/// `ring_buffer_poll_wait`, kernel/trace/ring_buffer.c), so the buffer is also read at this interval.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Trace {
    /// Not a pipe, but used like one. Dropped before the instance, which the kernel keeps while it has a reader.
    pipe: pipe::Receiver,
    _instance: TraceInstance,
    /// Our own network namespace.
    network: (u64, u64),
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
}

/// The events since the last call.
pub(super) struct TraceUpdate {
    /// In order.
    pub(super) listeners: Vec<TraceEvent>,
    /// The kernel dropped further events.
    pub(super) lost: bool,
}

/// A TCP socket began or stopped to listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TraceEvent {
    pub(super) began: bool,
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    /// The thread that did it, and the name of its process.
    pub(super) thread: u32,
    pub(super) name: Untrusted,
}

impl Trace {
    /// Starts tracing. Removes instances that a killed run left behind.
    ///
    /// # Errors
    /// A missing permission or tracing file system, or process ids that are those of a container.
    pub(super) fn begin() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !is_first_pid_namespace() {
            return Err(io::Error::other(FOREIGN_PIDS));
        }

        let (instances, mount) = instances()?;
        remove_stale_instances(&instances);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = instances.join(format!("{NAME}{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        let instance = TraceInstance { path, _mount: mount };

        fs::write(instance.file("buffer_size_kb"), KILOBYTES)?;
        fs::write(instance.file(EVENT).join("filter"), FILTER)?;
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let pipe = fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(instance.file("trace_pipe"))?;
        let pipe = pipe::Receiver::from_file_unchecked(pipe)?;
        fs::write(instance.file(EVENT).join("enable"), "1")?;

        let network = identity("self").ok_or_else(|| io::Error::other("/proc is not there"))?;
        Ok(Self { pipe, _instance: instance, network, rest: Vec::new() })
    }

    /// Waits until there may be events.
    ///
    /// # Errors
    /// The kernel's; it reports no further events then.
    pub(super) async fn ready(&self) -> io::Result<()> {
        timeout(POLL_INTERVAL, self.pipe.readable()).await.unwrap_or(Ok(()))
    }

    /// Takes the events since the last call.
    ///
    /// # Errors
    /// The kernel's; it reports no further events then.
    pub(super) fn take_events(&mut self) -> io::Result<TraceUpdate> {
        let mut buffer = [0; BUFFER];
        loop {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.rest.extend_from_slice(&buffer[..length]),
                // Without a wake-up tokio does not even try, and the kernel may have lost one.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match rustix::io::read(&self.pipe, &mut buffer) {
                        Ok(length @ 1..) => self.rest.extend_from_slice(&buffer[..length]),
                        Ok(0) | Err(_) => break,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }

        let end = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines = self.rest[..end].split(|&byte| byte == b'\n');
        let lost = lines.clone().any(|line| line.starts_with(b"CPU:") && line.ends_with(b" EVENTS]"));
        let listeners = lines.filter_map(parse).collect();
        self.rest.drain(..end);
        Ok(TraceUpdate { listeners, lost })
    }

    /// Whether it happened in our network namespace; `None`: unknown, because the process has ended.
    pub(super) fn is_here(&self, event: &TraceEvent) -> Option<bool> {
        identity(&event.thread.to_string()).map(|network| network == self.network)
    }
}

/// Whether process ids are those of the whole machine.
pub(super) fn is_first_pid_namespace() -> bool {
    fs::metadata("/proc/self/ns/pid").is_ok_and(|namespace| namespace.ino() == FIRST_PIDS)
}

/// A tracing instance of our own, removed when dropped.
struct TraceInstance {
    path: PathBuf,
    /// The mount that the path is in, if it is our own.
    _mount: Option<OwnedFd>,
}

impl TraceInstance {
    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Whether this process may trace.
///
/// # Errors
/// What keeps it from that.
pub(crate) fn check_tracing() -> io::Result<()> {
    if !is_first_pid_namespace() {
        return Err(io::Error::other(FOREIGN_PIDS));
    }
    let (instances, _mount) = instances()?;
    fs::read_dir(instances).map(drop)
}

/// The folder of the tracing instances, and our own mount of the tracing file system where the machine has none: it is attached
/// to no folder, so that nothing else sees it, and ends with this process. What hides the usual place hides it from us too.
fn instances() -> io::Result<(PathBuf, Option<OwnedFd>)> {
    let usual = Path::new(TRACING).join("instances");
    if usual.is_dir() {
        return Ok((usual, None));
    }
    let (place, parent) = (fs::metadata(TRACING)?, fs::metadata("/sys/kernel")?);
    if place.dev() != parent.dev() {
        return Err(io::Error::other("another file system is mounted there"));
    }

    let tracefs = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&tracefs)?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = fsmount(&tracefs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/instances", mount.as_raw_fd()));
    Ok((path, Some(mount)))
}

impl Drop for TraceInstance {
    fn drop(&mut self) {
        // If it cannot be removed, the next watch removes it.
        let _ = fs::write(self.file(EVENT).join("enable"), "0");
        let _ = fs::remove_dir(&self.path);
    }
}

/// Removes instances of portolan processes that were killed.
fn remove_stale_instances(instances: &Path) {
    let ours = fs::read_dir(instances).into_iter().flatten().flatten();
    for instance in ours {
        let name = instance.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split_once('-')?.0.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir(instance.path());
        }
    }
}

/// The identity of a process's network namespace.
fn identity(process: &str) -> Option<(u64, u64)> {
    fs::metadata(format!("/proc/{process}/ns/net")).ok().map(|found| (found.dev(), found.ino()))
}

/// The process that a thread belongs to.
pub(super) fn process_of(thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// `NAME-PID [CPU] FLAGS TIME: inet_sock_set_state: family=AF_INET … sport=80 … saddr=… saddrv6=… oldstate=… newstate=…`
fn parse(line: &[u8]) -> Option<TraceEvent> {
    const MARK: &str = ": inet_sock_set_state: ";
    let text = String::from_utf8_lossy(line);
    // A name may hold anything, but not all of that.
    let (task, fields) = text.rsplit_once(MARK)?;
    let (name, thread) = task.rsplit_once(" [")?.0.trim_end().rsplit_once('-')?;
    let began = match (field(fields, "oldstate")?, field(fields, "newstate")?) {
        (_, "TCP_LISTEN") => true,
        ("TCP_LISTEN", "TCP_CLOSE") => false,
        _ => return None,
    };

    let ip = match field(fields, "family")? {
        "AF_INET" => IpAddr::V4(field(fields, "saddr")?.parse::<Ipv4Addr>().ok()?),
        _ => IpAddr::V6(field(fields, "saddrv6")?.parse::<Ipv6Addr>().ok()?),
    };

    let name = Untrusted::from(name.trim_start());
    Some(TraceEvent { began, ip, port: field(fields, "sport")?.parse().ok()?, thread: thread.parse().ok()?, name })
}

/// The value of `name=value` among fields separated by spaces.
fn field<'f>(fields: &'f str, name: &str) -> Option<&'f str> {
    fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "        a - b-c-8714    [000] ..... 23815.648337: inet_sock_set_state: family=AF_INET6 \
        protocol=IPPROTO_TCP sport=51415 dport=0 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=::1 daddrv6=:: oldstate=TCP_CLOSE \
        newstate=TCP_LISTEN";

    #[test]
    fn a_line_is_read() {
        let event = parse(LINE.as_bytes()).unwrap();
        let expected = TraceEvent {
            began: true,
            ip: Ipv6Addr::LOCALHOST.into(),
            port: 51415,
            thread: 8714,
            name: "a - b-c".into(),
        };

        assert_eq!(event, expected);
        let ended = LINE
            .replace("oldstate=TCP_CLOSE", "oldstate=TCP_LISTEN")
            .replace("newstate=TCP_LISTEN", "newstate=TCP_CLOSE");
        assert!(!parse(ended.as_bytes()).unwrap().began);
        let accepted = ended.replace("newstate=TCP_CLOSE", "newstate=TCP_SYN_RECV");
        assert_eq!(parse(accepted.as_bytes()), None, "the socket of a connection");
        assert_eq!(parse(b"CPU:1 [LOST 2600 EVENTS]"), None);
    }

    proptest! {
        #[test]
        fn no_process_name_causes_a_panic(name: Vec<u8>, cut in 0..300_usize) {
            let line = [&name[..], LINE.as_bytes()].concat();
            let _ = parse(&line[..cut.min(line.len())]);
        }
    }
}
