//! The URL of a database: `postgresql://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?sslmode=require`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::store::StoreError;

/// How long a connect may take, for each host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long sent data may be unacknowledged until the connection is given up. By default that takes a quarter of an hour.
const USER_TIMEOUT: Duration = Duration::from_secs(2);
/// An idle connection is probed after this time, and then at this interval.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_RETRIES: u32 = 2;
/// PostgreSQL's port.
const DEFAULT_PORT: u16 = 5432;

/// A database of one PostgreSQL, or of several of which one can be written to.
#[derive(Clone)]
pub struct PostgresUrl {
    /// One for each host, in the order in which they are tried.
    pub(super) hosts: Vec<Config>,
    /// The authorities of the server's certificate; `None`: those of the system.
    pub(super) root_certificates: Option<PathBuf>,
    shown: String,
}

impl PostgresUrl {
    /// The same with this password, unless the URL has one.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        for host in self.hosts.iter_mut().filter(|host| host.get_password().is_none()) {
            host.password(password);
        }
        self
    }

    /// Whether it has a password.
    pub fn has_password(&self) -> bool {
        self.hosts.iter().any(|host| host.get_password().is_some())
    }

    pub(super) fn unusable(&self, cause: impl Into<String>, hint: &'static str) -> StoreError {
        StoreError::Unusable { database: self.shown.clone(), cause: cause.into(), hint }
    }

    /// The error for a database that may be usable a moment later.
    pub(super) fn not_ready(&self, cause: String, hint: &'static str) -> StoreError {
        StoreError::NotReady { database: self.shown.clone(), cause, hint }
    }
}

/// Without the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PostgresUrl({self})")
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.hosts == other.hosts && self.root_certificates == other.root_certificates
    }
}

impl Eq for PostgresUrl {}

impl FromStr for PostgresUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (text, root_certificates) = own_parameters(text);
        let config: Config = text.parse().map_err(|error| wrong(&error))?;
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        if count == 0 {
            return Err(unusable("it names no host"));
        }

        let hosts: Vec<Config> = (0..count).map(|at| of_host(&config, at)).collect();
        let places: Vec<String> = hosts.iter().map(place).collect();
        let user = config.get_user().map_or_else(String::new, |user| format!("{user}@"));
        let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
        let shown = format!("postgresql://{user}{}/{name}", places.join(","));
        Ok(Self { hosts, root_certificates, shown })
    }
}

fn wrong(error: &tokio_postgres::Error) -> StoreError {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    unusable(&format!("its URL cannot be read: {cause}"))
}

fn unusable(cause: &str) -> StoreError {
    StoreError::Unusable {
        database: "postgresql://…".to_owned(),
        cause: cause.to_owned(),
        hint: "the form is postgresql://HOST:PORT,HOST:PORT/NAME, user and password come before the first host; PGPASSWORD is read too",
    }
}

/// Takes out the parameters that the driver does not know. Certificates are always verified, so that the stricter modes
/// are the same as `require`.
fn own_parameters(text: &str) -> (String, Option<PathBuf>) {
    let Some((base, query)) = text.split_once('?') else { return (text.to_owned(), None) };
    let mut certificates = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", file)) => certificates = Some(PathBuf::from(decoded(file))),
            Some(("sslmode", "verify-ca" | "verify-full")) => kept.push("sslmode=require"),
            _ => kept.push(pair),
        }
    }
    (format!("{base}?{}", kept.join("&")), certificates)
}

fn decoded(text: &str) -> String {
    let pair = format!("f={}", text.replace('+', "%2B"));
    let mut pairs = ::url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
}

/// The settings of one host. Each is tried alone, because the driver waits without a limit for a host that accepts and then
/// stays silent.
fn of_host(all: &Config, at: usize) -> Config {
    let mut config = Config::new();
    if let Some(user) = all.get_user() {
        config.user(user);
    }
    if let Some(password) = all.get_password() {
        config.password(password);
    }
    if let Some(name) = all.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = all.get_options() {
        config.options(options);
    }
    config.application_name(all.get_application_name().unwrap_or("portolan"));

    match all.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(config.host(name)),
        Some(Host::Unix(path)) => drop(config.host_path(path)),
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(at) {
        if config.get_hosts().is_empty() {
            config.host(address.to_string());
        }
        config.hostaddr(*address);
    }
    let ports = all.get_ports();
    config.port(ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT));

    config.ssl_mode(all.get_ssl_mode()).channel_binding(all.get_channel_binding());
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(*all.get_connect_timeout().unwrap_or(&CONNECT_TIMEOUT));
    config.tcp_user_timeout(*all.get_tcp_user_timeout().unwrap_or(&USER_TIMEOUT));
    config.keepalives_idle(KEEPALIVE_INTERVAL).keepalives_interval(KEEPALIVE_INTERVAL);
    config.keepalives_retries(KEEPALIVE_RETRIES);
    config
}

/// Where a host is: `db1:5432`, `[::1]:5432`, or the folder of a socket.
fn place(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match config.get_hosts().first() {
        Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
        Some(Host::Tcp(name)) if name.contains(':') => format!("[{name}]:{port}"),
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        None => String::new(),
    }
}

/// Whether connections may use TLS.
pub(super) fn may_use_tls(config: &Config) -> bool {
    // A socket of this machine has no name that a certificate could prove.
    let is_local = matches!(config.get_hosts().first(), Some(Host::Unix(_)));
    config.get_ssl_mode() != SslMode::Disable && !is_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_is_tried_alone_and_the_password_is_never_shown() {
        let text = "postgresql://app:s3cret@db1:5432,db2:5433/registry?sslmode=verify-full&sslrootcert=%2Fca%2Bx.pem";
        let url: PostgresUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "postgresql://app@db1:5432,db2:5433/registry");
        assert!(url.has_password() && !format!("{url:?}").contains("s3cret"));
        assert_eq!(url.root_certificates, Some(PathBuf::from("/ca+x.pem")));
        let ports: Vec<_> = url.hosts.iter().map(|host| (host.get_hosts().len(), host.get_ports().to_vec())).collect();
        assert_eq!(ports, [(1, vec![5432]), (1, vec![5433])]);
        assert!(url.hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Require));

        let url: PostgresUrl = "postgres://app@[::1]/r".parse().unwrap();
        assert_eq!(url.to_string(), "postgresql://app@[::1]:5432/r");
        assert!(!url.has_password() && url.with_password("x").has_password());
    }

    #[test]
    fn what_is_no_url_of_a_database_says_why_on_one_line() {
        for text in ["postgresql:///name", "postgresql://u:pw@h:port/d", "postgresql://u@h/d?color=red"] {
            let error = text.parse::<PostgresUrl>().unwrap_err();
            let line = error.to_string();
            assert!(!line.contains('\n') && !line.contains("pw") && !error.hint().is_empty(), "{line}");
        }
    }
}
