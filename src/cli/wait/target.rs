//! The targets of `wait`, and the log of attempts.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::check::{MAX_ADDRESSES, Race};
use crate::clean::clean;
use crate::cli::validate::{Named, is_services_file};
use crate::model::{Address, HostPort, ParseError};
use crate::net::{ConnectError, Deadline, interface_index, resolve, runtime};

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A host name or an address with a port, or a Unix-domain socket.
    HostPort(HostPort),
    /// A URL or a services file, which says what to check.
    Checked(String),
    /// The services of a source with this name: SOURCE/NAME.
    Named(String),
}

/// The outcome of an attempt, in the order of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TryOutcome {
    Accepts,
    /// The addresses are unreachable from here, and the source reports enough endpoints as ready.
    ReportedReady,
    Refused,
    Silent,
    Unreachable,
    /// The socket file does not exist.
    Missing,
    /// The source lists no service with that name.
    Unlisted,
    /// The source lists a service with that name.
    Listed,
    /// The score is too low, for this reason.
    Unhealthy(String),
    /// The attempt is inconclusive, for example because the name cannot be resolved.
    Unknown(String),
}

impl TryOutcome {
    fn of(result: io::Result<()>) -> Self {
        let Err(error) = result else { return Self::Accepts };
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Silent,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Unknown(error.to_string()),
        }
    }

    /// Whether the outcome is the one that a wait without `--gone` ends with.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self, Self::Accepts | Self::ReportedReady)
    }

    /// Whether the outcome proves that the target is gone. Silence does not: a listener with a full backlog, or behind a
    /// firewall, is silent too.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused | Self::Missing | Self::Unlisted)
    }
}

impl fmt::Display for TryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts => f.write_str("accepted"),
            Self::ReportedReady => f.write_str("ready according to its source"),
            Self::Refused => f.write_str("connection refused"),
            Self::Silent => f.write_str("no reply"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Missing => f.write_str("no such socket"),
            Self::Unlisted => f.write_str("no service has that name"),
            Self::Listed => f.write_str("still listed"),
            Self::Unhealthy(why) | Self::Unknown(why) => f.write_str(&clean(why)),
        }
    }
}

const HINT: &str =
    "write HOST:PORT, as in db:5432 or [::1]:80, the path of a Unix-domain socket, a URL, or SOURCE/NAME";

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        if text.contains("://") || is_services_file(text) {
            return Ok(Self::Checked(text.to_owned()));
        }
        if Named::is_one(text) {
            return Ok(Self::Named(text.to_owned()));
        }
        text.parse().map(Self::HostPort).map_err(|error: ParseError| ParseError::new(error.to_string(), HINT))
    }

    /// The target as the user wrote it.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Checked(word) | Self::Named(word) => word.clone(),
            Self::HostPort(place) => place.to_string(),
        }
    }

    /// Connects to the first address that accepts, and closes the connection. Records each step in `tries`.
    pub(super) fn connect(&self, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
        match self {
            Self::Checked(_) | Self::Named(_) => {
                TryOutcome::Unknown("it is checked instead of connected to".to_owned())
            }
            Self::HostPort(HostPort { address: Address::Unix(path), .. }) => {
                TryOutcome::of(connect_unix(path.as_raw()))
            }
            Self::HostPort(place) => connect_host(place, limit, tries),
        }
    }
}

fn connect_host(place: &HostPort, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
    let zone = match place.interface.as_ref().map(|name| interface_index(name.as_raw())) {
        None => 0,
        Some(Some(index)) => index,
        Some(None) => return TryOutcome::Unknown("this machine has no such interface".to_owned()),
    };

    let addresses = match &place.address {
        Address::Ip(ip) => vec![*ip],
        Address::Name(name) | Address::Unix(name) => {
            begin(tries, TryStep::Resolve);
            match resolve(name.as_raw()) {
                Ok(addresses) => addresses,
                Err(error) => return TryOutcome::Unknown(format!("the name cannot be resolved: {error}")),
            }
        }
    };

    begin(tries, TryStep::Check);
    connect_any(&addresses, zone, place.port.unwrap_or(0), limit)
}

/// Connects to the addresses until one accepts, as a client does. The target refuses only if every address refuses.
fn connect_any(addresses: &[IpAddr], zone: u32, port: u16, limit: Duration) -> TryOutcome {
    if let [ip] = addresses {
        let mut address = SocketAddr::new(*ip, port);
        if let SocketAddr::V6(v6) = &mut address {
            v6.set_scope_id(zone);
        }
        return TryOutcome::of(connect(address, limit));
    }

    let parts = addresses.chunks(MAX_ADDRESSES);
    let share = limit.checked_div(u32::try_from(parts.len()).unwrap_or(u32::MAX)).unwrap_or_default();
    let mut worst = None;
    for part in parts {
        let outcome = match runtime(0) {
            Ok(runtime) => runtime.block_on(race(part, port, share)),
            Err(error) => TryOutcome::Unknown(error.to_string()),
        };
        if outcome == TryOutcome::Accepts {
            return outcome;
        }
        worst = worst.max(Some(outcome));
    }
    worst.unwrap_or_else(|| TryOutcome::Unknown("the name has no address".to_owned()))
}

/// Races several addresses of a name: a dead one costs the others little.
async fn race(addresses: &[IpAddr], port: u16, limit: Duration) -> TryOutcome {
    let mut race = Race::new(addresses, port, Deadline::after(limit));
    if race.winner().await.is_some() {
        return TryOutcome::Accepts;
    }

    let outcomes = race.failures().iter().map(|(_, error)| match error {
        ConnectError::Refused => TryOutcome::Refused,
        ConnectError::TimedOut => TryOutcome::Silent,
        ConnectError::Unreachable => TryOutcome::Unreachable,
        ConnectError::Reset | ConnectError::Local(_) => TryOutcome::Unknown(error.to_string()),
    });
    outcomes.max().unwrap_or_else(|| TryOutcome::Unknown("the name has no address".to_owned()))
}

/// Connects to the path of a socket, or to `@name` in the abstract namespace.
fn connect_unix(path: &str) -> io::Result<()> {
    let address = match path.strip_prefix('@') {
        Some(name) => UnixAddr::from_abstract_name(name)?,
        None => UnixAddr::from_pathname(path)?,
    };
    UnixStream::connect_addr(&address).map(drop)
}

/// Connects. A client on an ephemeral port may connect to itself; then nothing listens.
fn connect(address: SocketAddr, limit: Duration) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(&address, limit.max(Duration::from_millis(1)))?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean(&self.word()))
    }
}

/// The step of an attempt in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TryStep {
    Resolve,
    Check,
}

/// The attempts at one target.
#[derive(Debug, Default)]
pub(super) struct TryLog {
    /// How often and when last each outcome came.
    ended: BTreeMap<TryOutcome, (u32, Option<Instant>)>,
    /// The step of the attempt in progress, and its start.
    pending: Option<(TryStep, Instant)>,
}

/// Records the step of the attempt in progress.
pub(super) fn begin(tries: &Mutex<TryLog>, step: TryStep) {
    tries.lock().unwrap_or_else(PoisonError::into_inner).pending = Some((step, Instant::now()));
}

impl TryLog {
    pub(super) fn add(&mut self, outcome: TryOutcome) {
        let (count, last) = self.ended.entry(outcome).or_default();
        (*count, *last) = (count.saturating_add(1), Some(Instant::now()));
        self.pending = None;
    }

    /// The outcome of the last attempt.
    pub(super) fn last(&self) -> Option<&TryOutcome> {
        self.ended.iter().max_by_key(|(_, (_, last))| *last).map(|(outcome, _)| outcome)
    }
}

/// A pending attempt older than this is reported.
const LONG: Duration = Duration::from_millis(100);

/// `connection refused (tried 6 times)`, or `connection refused (57 times, last 0.4 s ago); no reply (2 times, last 31.0 s
/// ago); the name is still being resolved after 5.0 s`
impl fmt::Display for TryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_single = self.ended.len() == 1;
        for (at, (outcome, (count, last))) in self.ended.iter().enumerate() {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            let ago = last.map_or(0.0, |last| last.elapsed().as_secs_f64());
            if is_single {
                write!(f, "{outcome} (tried {times})")?;
            } else {
                write!(f, "{}{outcome} ({times}, last {ago:.1} s ago)", if at > 0 { "; " } else { "" })?;
            }
        }

        let is_untried = self.ended.is_empty();
        let separator = if is_untried { "" } else { "; " };
        match self.pending.map(|(step, start)| (step, start.elapsed())) {
            // The silence is in the list already.
            Some((TryStep::Check, _)) if self.ended.contains_key(&TryOutcome::Silent) => Ok(()),
            Some((TryStep::Check, _)) if is_untried => f.write_str("no reply"),
            Some((step, time)) if is_untried || time >= LONG => {
                let state = if step == TryStep::Resolve { "the name is still being resolved" } else { "no reply" };
                write!(f, "{separator}{state} after {:.1} s", time.as_secs_f64())
            }
            None if is_untried => f.write_str("no attempt was made"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Global;
    use crate::cli::validate::Targets;
    use crate::model::host_port::tests::SPELLINGS;

    #[test]
    fn targets_are_hosts_with_ports_and_paths() {
        let place = |text: &str| Target::HostPort(text.parse().unwrap());
        assert_eq!(Target::parse("db:5432").unwrap(), place("db:5432"));
        assert_eq!(Target::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(Target::parse("local/nginx").unwrap(), Target::Named("local/nginx".to_owned()));
        assert_eq!(Target::parse("/run/x.sock").unwrap(), place("/run/x.sock"));

        let error = Target::parse("::1:80").unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint()), ("the port is missing", HINT));
    }

    /// `wait`, `validate` and a services file accept the same spellings of a host and a port, and mean the same place.
    #[test]
    fn each_command_reads_each_spelling_alike() {
        let directory = std::env::temp_dir().join(format!("portolan-spellings-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("services.toml");
        let words = ["portolan", "wait", "db:1"];
        let global = <crate::cli::Cli as clap::Parser>::try_parse_from(words).unwrap().global;

        // `validate` and services files check no Unix-domain socket, and a slash makes a target SOURCE/NAME.
        for (text, meaning) in SPELLINGS.iter().filter(|(text, _)| !text.contains(['/', '@'])) {
            let expected = meaning.ok().map(ToOwned::to_owned);
            let waits = Target::parse(text).ok().map(|target| target.word());
            assert_eq!(waits, expected, "wait {text:?}");

            assert_eq!(first_endpoint(text, &global), expected, "validate {text:?}");

            let entry = format!("[[service]]\nname = 'a'\nendpoints = [{}]\n", toml::Value::from(*text));
            std::fs::write(&path, entry).unwrap();
            assert_eq!(first_endpoint(&path.display().to_string(), &global), expected, "file {text:?}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    /// The endpoint that `validate` would check.
    fn first_endpoint(word: &str, global: &Global) -> Option<String> {
        let targets = Targets::read(&[word.to_owned()], global).ok()?;
        let listing = crate::engine::block_on(crate::source::collect(&targets)).unwrap();
        Some(listing.services[0].endpoints[0].to_string())
    }

    #[test]
    fn attempts_are_counted_by_outcome() {
        let mut tries = TryLog::default();
        assert_eq!(tries.to_string(), "no attempt was made");

        tries.add(TryOutcome::Refused);
        assert_eq!(tries.to_string(), "connection refused (tried once)");
        tries.add(TryOutcome::Refused);
        tries.add(TryOutcome::Silent);
        assert_eq!(tries.to_string(), "connection refused (2 times, last 0.0 s ago); no reply (once, last 0.0 s ago)");
        assert_eq!(tries.last(), Some(&TryOutcome::Silent));

        tries.pending = Some((TryStep::Resolve, seconds_ago(5)));
        assert!(tries.to_string().ends_with("ago); the name is still being resolved after 5.0 s"), "{tries}");
        let tries = TryLog { pending: Some((TryStep::Check, seconds_ago(1))), ..TryLog::default() };
        assert_eq!(tries.to_string(), "no reply");
    }

    fn seconds_ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap()
    }
}
