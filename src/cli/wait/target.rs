//! The targets of `wait`.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::spawn_blocking;

use super::tries::{TryLog, TryOutcome, TryStep, begin};
use crate::clean::{clean, redacted_url};
use crate::cli::port_words::{misspelled_host, parse_host_port};
use crate::cli::validate::{NamedServices, is_services_file};
use crate::health::is_checked_protocol;
use crate::model::{Address, HostPort, ParseError, ServiceUrl, Untrusted, UrlPlace};
use crate::net::{ConnectError, Deadline, dial, is_localhost, localhost_addresses, resolve, try_unix_socket};

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Hosts with ports: more than one only in a connection string that has no check of its own.
    Hosts(Vec<HostPort>),
    /// A Unix-domain socket: its path, or `@name` in the abstract name space.
    Socket(PathBuf),
    /// A URL or a services file, which says what to check.
    Checked(String),
    /// The services of a source with this name: SOURCE/NAME.
    Named(String),
}

const HINT: &str = "write HOST:PORT, as in db:5432, [::1]:80 or :8080, the path of a socket, a URL, or SOURCE/NAME; a command follows --";

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        if ServiceUrl::is_meant(text) {
            return Self::of_url(text);
        }
        if is_services_file(text) {
            return Ok(Self::Checked(text.to_owned()));
        }
        if NamedServices::is_one(text) {
            return Ok(Self::Named(text.to_owned()));
        }

        let at = parse_host_port(text)
            .map_err(|error| misspelled_host(text).unwrap_or_else(|| ParseError::new(error.to_string(), HINT)))?;
        Ok(if at.port.is_none() { Self::Socket(text.into()) } else { Self::Hosts(vec![at]) })
    }

    /// A URL is checked if its protocol has a check; otherwise its hosts must accept connections.
    fn of_url(text: &str) -> Result<Self, ParseError> {
        let ServiceUrl { place, spec } = text.parse()?;
        let protocol = spec.protocol.unwrap_or_default();
        match place {
            UrlPlace::Socket(path) => Ok(Self::Socket(path)),
            UrlPlace::Hosts(_) if is_checked_protocol(&protocol) => Ok(Self::Checked(text.to_owned())),
            UrlPlace::Hosts(hosts) => Ok(Self::Hosts(hosts)),
        }
    }

    /// The same target as targets with one host each, so that each is named.
    pub(super) fn split(&self) -> Vec<Self> {
        match self {
            Self::Hosts(hosts) => hosts.iter().map(|at| Self::Hosts(vec![at.clone()])).collect(),
            other => vec![other.clone()],
        }
    }

    /// The target as the user wrote it, with its secrets.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Checked(word) | Self::Named(word) => word.clone(),
            Self::Socket(path) => path.to_string_lossy().into_owned(),
            Self::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// Connects, and closes the connection. Records each step in `tries`.
    pub(super) async fn connect(&self, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
        match self {
            Self::Socket(path) => of_result(try_unix_socket(Path::new(path))),
            Self::Checked(_) | Self::Named(_) => {
                TryOutcome::Unknown("it is checked instead of connected to".to_owned())
            }
            Self::Hosts(hosts) => {
                let mut worst = TryOutcome::Accepts;
                for at in hosts {
                    worst = worst.max(connect_host(at, limit, tries).await);
                }
                worst
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean(&redacted_url(&self.word())))
    }
}

/// Connects to all addresses of a host at once; one that accepts is enough. The host refuses only if every address refuses.
async fn connect_host(at: &HostPort, limit: Duration, tries: &Mutex<TryLog>) -> TryOutcome {
    let deadline = Deadline::after(limit);
    let addresses = match addresses(&at.address, tries).await {
        Ok(addresses) => addresses,
        Err(error) => return TryOutcome::Unknown(format!("the name cannot be resolved: {error}")),
    };

    begin(tries, TryStep::Check);
    let interface = at.interface.as_ref().map(Untrusted::as_raw);
    let port = at.port.unwrap_or(0);
    let mut connections: FuturesUnordered<_> =
        addresses.iter().map(|ip| connect(SocketAddr::new(*ip, port), interface, deadline)).collect();

    let mut worst = None;
    while let Some(outcome) = connections.next().await {
        if outcome == TryOutcome::Accepts {
            return outcome;
        }
        worst = worst.max(Some(outcome));
    }
    worst.unwrap_or_else(|| TryOutcome::Unknown("the name has no address".to_owned()))
}

async fn addresses(address: &Address, tries: &Mutex<TryLog>) -> io::Result<Vec<IpAddr>> {
    let name = match address {
        Address::Ip(ip) => return Ok(vec![*ip]),
        Address::Name(name) | Address::Unix(name) | Address::Other(name) => name.as_raw().to_owned(),
    };
    begin(tries, TryStep::Resolve);
    if is_localhost(&name) {
        return spawn_blocking(move || localhost_addresses(&name)).await.map_err(io::Error::other);
    }
    spawn_blocking(move || resolve(&name)).await.map_err(io::Error::other)?
}

async fn connect(address: SocketAddr, interface: Option<&str>, deadline: Deadline) -> TryOutcome {
    match dial(address, interface, deadline).await {
        Ok(_) | Err(ConnectError::Reset) => TryOutcome::Accepts,
        Err(ConnectError::Refused) => TryOutcome::Refused,
        Err(ConnectError::TimedOut) => TryOutcome::Silent,
        Err(ConnectError::Unreachable) => TryOutcome::Unreachable,
        Err(ConnectError::Local(error)) => TryOutcome::Unknown(crate::error::plain(&error)),
    }
}

/// The outcome of a connection to a Unix-domain socket.
fn of_result(result: io::Result<()>) -> TryOutcome {
    let Err(error) = result else { return TryOutcome::Accepts };
    match error.kind() {
        ErrorKind::ConnectionRefused => TryOutcome::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => TryOutcome::Silent,
        ErrorKind::NotFound => TryOutcome::Missing,
        _ => TryOutcome::Unknown(crate::error::plain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Global;
    use crate::cli::validate::Targets;
    use crate::model::SocketPatterns;
    use crate::model::host_port::tests::SPELLINGS;

    #[test]
    fn targets_are_hosts_with_ports_and_paths() {
        for text in ["db:5432", "[::1]:80", "127.0.0.1:65535", "[fe80::7%v0]:80"] {
            let target = Target::parse(text).unwrap();
            assert!(matches!(target, Target::Hosts(_)), "{target:?}");
            assert_eq!(target.to_string(), text);
        }
        assert_eq!(Target::parse("local/nginx").unwrap(), Target::Named("local/nginx".to_owned()));
        for path in ["/run/x.sock", "unix:///run/x.sock", "unix:/run/x.sock"] {
            assert_eq!(Target::parse(path).unwrap(), Target::Socket("/run/x.sock".into()));
        }

        for name in ["@x", "unix:@x"] {
            assert_eq!(Target::parse(name).unwrap(), Target::Socket("@x".into()));
        }
        let error = Target::parse("::1:80").unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint()), ("the port is missing", HINT));
    }

    /// U1, U4: connection strings are taken, and shown without their passwords.
    #[test]
    fn connection_strings_have_no_passwords() {
        for (text, shown) in [
            ("postgresql://u:s3cret@db/shop", "postgresql://***@db/shop"),
            ("http://u:s3cret@h/x?token=s3cret", "http://***@h/x?token=***"),
            ("amqp://u:s3cret@mq/", "amqp://***@mq/"),
            ("mongodb://u:s3cret@a,b:1/db", "mongodb://***@a,b:1/db"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), shown);
            assert!(!target.split().iter().any(|target| target.to_string().contains("s3cret")));
        }
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
            let is_here = text.starts_with([':', '*']) && !text.starts_with("::");
            let here = is_here.then(|| expected_here(text));
            let given = here.unwrap_or_else(|| expected.clone());
            let waits = Target::parse(text).ok().map(|target| target.word());
            assert_eq!(waits, given, "wait {text:?}");
            assert_eq!(first_endpoint(text, &global), given, "validate {text:?}");

            let entry = format!("[[service]]\nname = 'a'\nendpoints = [{}]\n", toml::Value::from(*text));
            std::fs::write(&path, entry).unwrap();
            assert_eq!(first_endpoint(&path.display().to_string(), &global), expected, "file {text:?}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    /// On the command line, a port without a host is one of this machine.
    fn expected_here(text: &str) -> Option<String> {
        let port = text.rsplit_once(':').map_or("", |(_, port)| port);
        let port: SocketPatterns = port.parse().ok()?;
        Some(format!("localhost:{port}"))
    }

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        for (text, word) in [
            (":6379", "localhost:6379"),
            ("*:80", "localhost:80"),
            (":http", "localhost:80"),
            ("443/tcp", "localhost:443"),
            ("tcp/443", "localhost:443"),
            ("127.0.0.1:443/tcp", "127.0.0.1:443"),
        ] {
            assert_eq!(Target::parse(text).unwrap().word(), word, "{text}");
        }
        let error = Target::parse("udp/53").unwrap_err();
        assert_eq!(error.to_string(), "it is a UDP port, which accepts no connections");
        assert_eq!(Target::parse("80").unwrap_err().to_string(), "the host is missing");
    }

    /// The endpoint that `validate` would check.
    fn first_endpoint(word: &str, global: &Global) -> Option<String> {
        let targets = Targets::read(&[word.to_owned()], global).ok()?;
        let listing = crate::engine::block_on(crate::source::collect(&targets)).unwrap();
        Some(listing.services[0].endpoints[0].to_string())
    }
}
