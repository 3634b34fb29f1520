//! What is waited for, and what came of trying.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clean::clean;
use crate::cli::validate::{Named, is_services_file};
use crate::model::ParseError;
use crate::net::resolve;

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A name or an address, and a port.
    Host(String, u16),
    /// A Unix-domain socket.
    Path(PathBuf),
    /// A URL or a services file, which says what to ask.
    Checked(String),
    /// What a source has by that name.
    Named(String),
}

/// The outcome of an attempt, in the order of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TryOutcome {
    Accepts,
    Refused,
    Silent,
    Unreachable,
    /// There is no such file.
    Missing,
    /// Its source has nothing that is called so.
    Unlisted,
    /// It was checked, and does not score enough.
    Unwell(String),
    /// Nothing is known: a name that cannot be looked up, or something that this machine lacks.
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

    /// Whether it proves that nothing listens there. Silence does not: a listener with a full backlog, or behind a
    /// firewall, is silent too.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused | Self::Missing | Self::Unlisted)
    }
}

impl fmt::Display for TryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts => f.write_str("accepted"),
            Self::Refused => f.write_str("refused"),
            Self::Silent => f.write_str("no answer"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Missing => f.write_str("no such socket"),
            Self::Unlisted => f.write_str("nothing is called so"),
            Self::Unwell(why) | Self::Unknown(why) => f.write_str(&clean(why)),
        }
    }
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        const HINT: &str =
            "write HOST:PORT, as in db:5432 or [::1]:80, the path of a Unix-domain socket, a URL, or SOURCE/NAME";
        if text.contains("://") || is_services_file(text) {
            return Ok(Self::Checked(text.to_owned()));
        }
        if text.starts_with(['/', '.']) {
            return Ok(Self::Path(text.into()));
        }
        if Named::is_one(text) {
            return Ok(Self::Named(text.to_owned()));
        }
        if text.parse::<u16>().is_ok() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()) {
            return Err(ParseError::new("it has no host", HINT));
        }
        let (host, port) = text.rsplit_once(':').ok_or(ParseError::new("it has no port", HINT))?;
        let port = port.parse().ok().filter(|&port| port > 0);
        let port = port.ok_or(ParseError::new("its port is no number from 1 to 65535", HINT))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare {
            Some(ip) if ip.parse::<std::net::Ipv6Addr>().is_err() => {
                Err(ParseError::new("there is no IPv6 address in its brackets", HINT))
            }
            None if host.is_empty() || host.contains([':', '/', '[', ']']) => {
                Err(ParseError::new("its host is neither a name nor an address", HINT))
            }
            _ => Ok(Self::Host(bare.unwrap_or(host).to_owned(), port)),
        }
    }

    /// As it was written.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Checked(word) | Self::Named(word) => word.clone(),
            Self::Path(path) => path.to_string_lossy().into_owned(),
            Self::Host(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Self::Host(host, port) => format!("{host}:{port}"),
        }
    }

    /// Connects once, to the first address that accepts, and closes again. `tries` is told how far it is.
    pub(super) fn connect(&self, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
        match self {
            Self::Path(path) => TryOutcome::of(UnixStream::connect(path).map(drop)),
            Self::Checked(_) | Self::Named(_) => TryOutcome::Unknown("it is checked, not connected to".to_owned()),
            Self::Host(name, port) => {
                let addresses = match name.parse::<IpAddr>() {
                    Ok(ip) => vec![ip],
                    Err(_) => {
                        begin(tries, TryStep::LookUp);
                        match resolve(name) {
                            Ok(addresses) => addresses,
                            Err(error) => return TryOutcome::Unknown(format!("the name cannot be looked up: {error}")),
                        }
                    }
                };
                begin(tries, TryStep::Check);
                let Some(share) = limit.checked_div(u32::try_from(addresses.len()).unwrap_or(u32::MAX)) else {
                    return TryOutcome::Unknown("the name has no address".to_owned());
                };
                let mut worst = None;
                for ip in addresses {
                    let outcome = TryOutcome::of(connect(SocketAddr::new(ip, *port), share));
                    if outcome == TryOutcome::Accepts {
                        return outcome;
                    }
                    // It is refused only if every address refuses.
                    worst = worst.max(Some(outcome));
                }
                worst.unwrap_or_else(|| TryOutcome::Unknown("the name has no address".to_owned()))
            }
        }
    }
}

/// A connection to a port that the kernel draws numbers from for clients may meet itself: then nothing listens.
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

/// How far a try is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TryStep {
    LookUp,
    Check,
}

/// Every try at one target.
#[derive(Debug, Default)]
pub(super) struct TryLog {
    ended: BTreeMap<TryOutcome, (u32, Option<Instant>)>,
    /// The one that has not, and since when it is there.
    going_on: Option<(TryStep, Instant)>,
}

/// Says how far the next try is.
pub(super) fn begin(tries: &Mutex<TryLog>, step: TryStep) {
    tries.lock().unwrap_or_else(PoisonError::into_inner).going_on = Some((step, Instant::now()));
}

impl TryLog {
    pub(super) fn add(&mut self, verdict: TryOutcome) {
        let (count, last) = self.ended.entry(verdict).or_default();
        (*count, *last) = (count.saturating_add(1), Some(Instant::now()));
        self.going_on = None;
    }
}

/// A pending attempt older than this is reported.
const LONG: Duration = Duration::from_millis(100);

/// `refused 57 times, last 0.4 s ago; no answer 2 times, last 31.0 s ago; its name is being looked up for 5.0 s`
impl fmt::Display for TryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (verdict, (count, last))) in self.ended.iter().enumerate() {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            let ago = last.map_or(0.0, |last| last.elapsed().as_secs_f64());
            write!(f, "{}{verdict} {times}, last {ago:.1} s ago", if at > 0 { "; " } else { "" })?;
        }
        let none = self.ended.is_empty();
        let semicolon = if none { "" } else { "; " };
        match self.going_on.map(|(step, since)| (step, since.elapsed())) {
            // That it was silent stands there already.
            Some((TryStep::Check, _)) if self.ended.contains_key(&TryOutcome::Silent) => Ok(()),
            Some((step, time)) if none || time >= LONG => {
                let what = if step == TryStep::LookUp { "its name is being looked up" } else { "no answer" };
                write!(f, "{semicolon}{what} for {:.1} s", time.as_secs_f64())
            }
            None if none => f.write_str("it was not tried"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_hosts_with_ports_and_paths() {
        let host = |host: &str, port| Target::Host(host.to_owned(), port);
        assert_eq!(Target::parse("db:5432").unwrap(), host("db", 5432));
        assert_eq!(Target::parse("[::1]:80").unwrap(), host("::1", 80));
        assert_eq!(Target::parse("127.0.0.1:65535").unwrap().to_string(), "127.0.0.1:65535");
        assert_eq!(Target::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(Target::parse("local/nginx").unwrap(), Target::Named("local/nginx".to_owned()));
        assert_eq!(Target::parse("/run/x.sock").unwrap(), Target::Path("/run/x.sock".into()));
        for bad in ["80", ":80", "db", ":80", "db:0", "db:65536", "db:http", "::1:80", "[db]:80", ""] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tries_are_counted_by_what_they_came_to() {
        let mut tries = TryLog::default();
        assert_eq!(tries.to_string(), "it was not tried");
        for verdict in [TryOutcome::Refused, TryOutcome::Refused, TryOutcome::Silent] {
            tries.add(verdict);
        }
        assert_eq!(tries.to_string(), "refused 2 times, last 0.0 s ago; no answer once, last 0.0 s ago");
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        tries.going_on = Some((TryStep::LookUp, ago(5)));
        assert!(tries.to_string().ends_with("ago; its name is being looked up for 5.0 s"), "{tries}");
        let tries = TryLog { going_on: Some((TryStep::Check, ago(1))), ..TryLog::default() };
        assert_eq!(tries.to_string(), "no answer for 1.0 s");
    }
}
