//! The URL of a database: `postgresql://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?sslmode=require`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::clean::clean;
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
    pub(super) trust: ServerTrust,
    shown: String,
}

/// How the certificate of the server is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerTrust {
    pub(super) verification: ServerVerification,
    /// The authorities of the certificate; `None`: those of the system.
    pub(super) root_certificates: Option<PathBuf>,
}

/// What is verified, as libpq does for the modes of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ServerVerification {
    /// Nothing: the connection is encrypted, to whichever server replies.
    #[default]
    Nothing,
    /// The certificate comes from a trusted authority.
    Authority,
    /// It also has the name of the host.
    Name,
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
        self.hosts == other.hosts && self.trust == other.trust
    }
}

impl Eq for PostgresUrl {}

impl FromStr for PostgresUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (text, trust) = own_parameters(text)?;
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
        Ok(Self { hosts, trust, shown })
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

/// Takes out the parameters that the driver does not know: it only encrypts.
fn own_parameters(text: &str) -> Result<(String, ServerTrust), StoreError> {
    let Some((base, query)) = text.split_once('?') else { return Ok((text.to_owned(), ServerTrust::default())) };
    let mut trust = ServerTrust::default();
    let mut is_of_system = false;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", "system")) => is_of_system = true,
            Some(("sslrootcert", file)) => trust.root_certificates = Some(PathBuf::from(decoded(file))),
            Some(("sslmode", mode)) => {
                let (mode, verification) = ssl_mode(mode)?;
                trust.verification = verification;
                kept.push(mode);
            }
            _ => kept.push(pair),
        }
    }

    // A file that is named is meant to be used, in every mode. That a certificate comes from one of the many authorities of
    // the system says nothing without the name.
    if is_of_system {
        trust.verification = ServerVerification::Name;
    } else if trust.root_certificates.is_some() && trust.verification == ServerVerification::Nothing {
        trust.verification = ServerVerification::Authority;
    }
    Ok((format!("{base}?{}", kept.join("&")), trust))
}

/// The driver's mode, and what it leaves out.
fn ssl_mode(mode: &str) -> Result<(&'static str, ServerVerification), StoreError> {
    use ServerVerification as V;

    match mode {
        "disable" => Ok(("sslmode=disable", V::Nothing)),
        "prefer" => Ok(("sslmode=prefer", V::Nothing)),
        "require" => Ok(("sslmode=require", V::Nothing)),
        "verify-ca" => Ok(("sslmode=require", V::Authority)),
        "verify-full" => Ok(("sslmode=require", V::Name)),
        other => Err(StoreError::Unusable {
            database: "postgresql://…".to_owned(),
            cause: format!("its sslmode cannot be '{}'", clean(other)),
            hint: "write disable, prefer, require, verify-ca or verify-full",
        }),
    }
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
        let trust =
            ServerTrust { verification: ServerVerification::Name, root_certificates: Some(PathBuf::from("/ca+x.pem")) };
        assert_eq!(url.trust, trust);
        let ports: Vec<_> = url.hosts.iter().map(|host| (host.get_hosts().len(), host.get_ports().to_vec())).collect();
        assert_eq!(ports, [(1, vec![5432]), (1, vec![5433])]);
        assert!(url.hosts.iter().all(|host| host.get_ssl_mode() == SslMode::Require));

        let url: PostgresUrl = "postgres://app@[::1]/r".parse().unwrap();
        assert_eq!(url.to_string(), "postgresql://app@[::1]:5432/r");
        assert!(!url.has_password() && url.with_password("x").has_password());
    }

    /// As libpq verifies: nothing, unless the mode or a file of authorities says so.
    #[test]
    fn the_mode_of_tls_says_what_is_verified() {
        use ServerVerification as V;
        use SslMode::{Disable, Prefer, Require};

        for (query, mode, verification) in [
            ("", Prefer, V::Nothing),
            ("sslmode=disable", Disable, V::Nothing),
            ("sslmode=prefer&sslrootcert=ca.pem", Prefer, V::Authority),
            ("sslmode=require", Require, V::Nothing),
            ("sslrootcert=ca.pem&sslmode=require", Require, V::Authority),
            ("sslmode=verify-ca", Require, V::Authority),
            ("sslmode=verify-full&sslrootcert=ca.pem", Require, V::Name),
            ("sslmode=require&sslrootcert=system", Require, V::Name),
        ] {
            let url: PostgresUrl = format!("postgresql://u@h/d?{query}").parse().unwrap();
            assert_eq!((url.hosts[0].get_ssl_mode(), url.trust.verification), (mode, verification), "{query}");
        }
        for mode in ["allow", "", "REQUIRE", "verify_full", "on"] {
            let error = format!("postgresql://u@h/d?sslmode={mode}").parse::<PostgresUrl>().unwrap_err();
            assert!(
                error.to_string().contains("its sslmode cannot be") && error.hint().contains("verify-ca"),
                "{error}"
            );
        }
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
