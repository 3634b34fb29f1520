//! What the service manager reads of the server's state (sd_notify(3)): ready, reloading, stopping, alive.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::given::Variable;
use crate::engine::Shutdown;
use crate::error::plain;

/// A watchdog interval below this is a mistake of the unit.
const MIN_WATCHDOG_INTERVAL: Duration = Duration::from_millis(10);

/// The service manager; without one, nothing is sent.
#[derive(Debug, Default)]
pub(super) struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The manager that started this process, by `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub(super) fn of_environment(variable: Variable) -> Self {
        let Some(path) = variable("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else { return Self::default() };
        let socket = address(&path).and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();

        // The variables may be those of a parent process.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| is_ours).map(Duration::from_micros);
        match socket {
            Ok(socket) => Self { socket: Some(socket), watchdog },
            Err(error) => {
                warn!(error = plain(&error), "the service manager cannot be notified");
                Self::default()
            }
        }
    }

    /// The server takes requests.
    pub(super) fn ready(&self) {
        self.send("READY=1\nSTATUS=taking requests");
    }

    /// The server cannot take requests yet, and goes on: the manager gives it some more time.
    #[cfg(feature = "postgres")]
    pub(super) fn waiting(&self, what: &str) {
        self.send(&format!("STATUS={what}\nEXTEND_TIMEOUT_USEC=15000000"));
    }

    /// The settings are read again. [`ready`](Self::ready) follows.
    pub(super) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The server stops.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Reports that the process lives, twice in each interval of the watchdog, until the server has stopped. It is one of
    /// the tasks that serve requests: if those are stuck, it is, too.
    pub(super) async fn feed_watchdog(&self, shutdown: Shutdown) {
        let Some(limit) = self.watchdog.filter(|_| self.socket.is_some()) else { return };
        let mut ticks = interval((limit / 2).max(MIN_WATCHDOG_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                _ = ticks.tick() => self.send("WATCHDOG=1"),
            }
        }
    }

    fn send(&self, state: &str) {
        let Some((socket, manager)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), manager) {
            warn!(error = plain(&error), "the service manager cannot be notified");
        }
    }
}

/// A path, or the name of an abstract socket behind `@`.
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(path),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "NOTIFY_SOCKET is neither a path nor an abstract name")),
    }
}
