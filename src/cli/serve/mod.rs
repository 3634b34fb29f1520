//! `portolan serve`: the registry server.

mod activation;
mod addresses;
mod authentication;
mod check_methods;
mod compat;
mod data;
mod dns;
#[cfg(feature = "otel")]
mod exporter;
mod given;
mod imports;
mod keys;
mod logging;
mod origins;
mod plan;
mod redis;
mod reload;
mod scripts;
mod secret_files;
mod service_manager;
mod show;
mod start;
mod telemetry;
mod trace_export;
mod trusted_path;
mod value_kinds;
mod values;
#[cfg(feature = "postgres")]
mod wait_for_database;
mod yaml_place;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use self::activation::{PassedListeners, passed_listeners};
pub(in crate::cli) use self::data::{DataPlace, state_directory};
use self::given::GivenValues;
use self::plan::Plan;
use self::reload::SettingsOrigin;
use super::Global;
use super::exit::Exit;
use crate::error::{Error, Result};
use crate::model::parse_duration;

/// Where Consul's API is served if no address is given; Consul's port.
const CONSUL_ADDRESS: &str = "127.0.0.1:8500";
/// Where Eureka's API is served if no address is given; Eureka's port.
const EUREKA_ADDRESS: &str = "127.0.0.1:8761";
/// Where DNS is served if no address is given; Consul's port.
const DNS_ADDRESS: &str = "127.0.0.1:8600";

const EXAMPLES: &str = "\
Examples:
  portolan serve                               on 127.0.0.1:7440, kept in a file
  portolan serve --data :memory: --port 0      on any free port, for a test
  portolan serve --database-url postgresql://portolan@db1,db2/registry  one of several servers
  portolan serve --config serve.yaml --check   what a settings file means; starts nothing
  portolan serve --config serve.yaml --migrate   its tables only, before an upgrade
  portolan serve --listen 127.0.0.1:7440 --listen '[::1]:7440'
  portolan serve --consul                      Consul's HTTP API on 127.0.0.1:8500
  portolan serve --eureka                      Eureka's HTTP API on http://127.0.0.1:8761/eureka
  portolan serve --import consul: --import k8s:  the services of Consul and of a cluster beside its own
  portolan serve --dns --dns-domain consul     DNS on 127.0.0.1:8600: web.service.consul
  curl http://127.0.0.1:7440/api/v1/services   every registered instance";

/// Run a registry server: services register over HTTP, clients discover them
///
/// The server keeps the registry in a SQLite file; an acknowledged write is on disk. Replies come from memory. docs/serve.md
/// describes the API, the settings and what the server does when something fails.
///
/// The command line overrides environment variables (PORTOLAN__SERVER__PORT is server.port), which override the file of
/// --config: YAML, or TOML with the same sections. The settings file of the other commands does not apply.
///
/// Stops on SIGINT and SIGTERM: it accepts no more connections, finishes the requests in progress, and exits with 0.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// Keep the registry in this file [default: registry.db in the state directory]; :memory: keeps it in memory only
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    data: Option<PathBuf>,
    /// Keep the registry in this database: postgresql://USER@HOST/NAME for several servers, or sqlite:FILE
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    database_url: Option<String>,
    /// Share changes, rates and revoked keys with the other servers through this Redis: redis://HOST
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Also read NAME.ENVIRONMENT.yaml, if --config is NAME.yaml; its settings win
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Check the settings, print them with their origin, and exit
    #[arg(long)]
    check: bool,
    /// Create or migrate the tables of the database, and exit; without it, a server does so when it starts
    #[arg(long, conflicts_with = "check")]
    migrate: bool,

    /// Listen on this address; can be repeated
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Network", conflicts_with_all = ["host", "port"])]
    listen: Vec<String>,
    /// Listen on this address [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    host: Option<String>,
    /// Listen on this port; 0 is any free one [default: 7440]
    #[arg(short, long, value_name = "PORT", help_heading = "Network")]
    port: Option<String>,
    /// Require an API key or a token from every caller; `portolan key create` creates keys
    #[arg(long, help_heading = "Access")]
    auth: bool,
    /// Speak TLS with this certificate and its chain (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Access", value_hint = ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// Use this private key for --tls-cert (PEM) [default: the one in the same file]
    #[arg(long, value_name = "FILE", help_heading = "Access", value_hint = ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    /// Accept only clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Access", value_hint = ValueHint::FilePath)]
    tls_client_ca: Option<PathBuf>,
    /// Allow addresses that other machines reach without authentication
    #[arg(long, help_heading = "Network")]
    insecure: bool,
    /// Limit the open connections [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Network")]
    max_connections: Option<String>,
    /// Limit the open connections of one address [default: 2500]
    #[arg(long, value_name = "N", help_heading = "Network")]
    max_connections_per_address: Option<String>,
    /// When the server stops, give requests in progress this time [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = "Network", value_parser = parse_duration)]
    shutdown_timeout: Option<Duration>,

    /// Serve Consul's HTTP API on this address, or on 127.0.0.1:8500; can be repeated
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Consul", num_args = 0..=1, default_missing_value = CONSUL_ADDRESS)]
    consul: Vec<String>,
    /// Show this address of the server in Consul's catalog [default: the one that it listens on]
    #[arg(long, value_name = "ADDRESS", help_heading = "Consul")]
    advertise: Option<String>,

    /// Serve Eureka's HTTP API on this address, or on 127.0.0.1:8761; can be repeated
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Eureka", num_args = 0..=1, default_missing_value = EUREKA_ADDRESS)]
    eureka: Vec<String>,

    /// Serve DNS over UDP and TCP on this address, or on 127.0.0.1:8600; can be repeated
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "DNS", num_args = 0..=1, default_missing_value = DNS_ADDRESS)]
    dns: Vec<String>,
    /// Let every machine that reaches an address of --dns read the registry through it: DNS has no authentication
    #[arg(long, help_heading = "DNS")]
    dns_public: bool,
    /// Use this domain for all DNS names [default: portolan]
    #[arg(long, value_name = "NAME", help_heading = "DNS")]
    dns_domain: Option<String>,
    /// Let clients cache a DNS reply for this time [default: 0s]
    #[arg(long, value_name = "TIME", help_heading = "DNS")]
    dns_ttl: Option<String>,

    /// Show the services of this registry beside those registered here; can be repeated
    ///
    /// The imported services are read-only; their metadata has imported_from=NAME [default: the name of the provider].
    #[arg(long = "import", value_name = "[NAME=]URL", help_heading = "Registry", value_hint = ValueHint::Url)]
    imports: Vec<String>,
    /// Set the name of this server [default: the host name]
    #[arg(long, value_name = "NAME", help_heading = "Registry")]
    node: Option<String>,
    /// Set the name of the cluster [default: default]
    #[arg(long, value_name = "NAME", help_heading = "Registry")]
    cluster: Option<String>,
    /// Let a registration without a ttl last this long [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = "Registry", value_parser = parse_duration)]
    default_ttl: Option<Duration>,

    /// Also export six of the metrics under the names service_discovery_*
    #[arg(long, help_heading = "Logging")]
    compat_metrics: bool,
    /// Set the log level: off, error, warn, info, debug, trace, or a list such as portolan=debug,warn [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Logging")]
    log_level: Option<String>,
    /// Write the log on stderr in this format [default: text]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Logging")]
    log_format: Option<LogFormat>,
    /// Short for --log-level debug
    #[arg(long, help_heading = "Logging")]
    debug: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Serve {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = self.check && global.wants_json("portolan serve --check")?;
        if !self.check && (global.json || global.output_on_line) {
            let option = if global.json { "--json" } else { "--output" };
            let why = "a server writes nothing to standard output";
            return Err(Error::usage(option, why, "leave it out, or add --check to print the settings"));
        }

        let passed = passed_listeners(variable)?;
        let addresses = passed.addresses();
        let given = self.given(global.config.as_ref(), &addresses)?;
        let plan = Plan::new(&given, variable, &plan::host_name())?;
        if self.check {
            return show::show(&given, &plan, json);
        }
        let origin = ServeSettings { serve: self, config: global.config.as_ref(), passed: addresses };
        start::start((&given, &plan), &origin, self.environment.as_deref(), global.quiet, passed)
    }

    /// With --migrate, the database to migrate and the cluster of its servers.
    ///
    /// # Errors
    /// As [`run`](Self::run), for the settings.
    pub(super) fn migration(&self, global: &Global) -> Result<Option<(DataPlace, String)>> {
        if !self.migrate {
            return Ok(None);
        }
        let given = self.given(global.config.as_ref(), &[])?;
        let plan = Plan::new(&given, variable, &plan::host_name())?;
        Ok(Some((plan.data, plan.server.cluster)))
    }

    /// Every setting that was given: the file and its overlay, then the environment, then the options, then the addresses of
    /// sockets that were passed.
    fn given(&self, config: Option<&PathBuf>, passed: &[(&'static str, Vec<String>)]) -> Result<GivenValues> {
        let mut given = GivenValues::default();
        if let Some(path) = config {
            given.read_file(path, variable)?;
            if let Some(overlay) = self.overlay(path).filter(|overlay| overlay.exists()) {
                given.read_file(&overlay, variable)?;
            }
        }
        given.read_environment(std::env::vars_os(), variable)?;
        self.set_flags(&mut given);
        PassedListeners::set(passed, &mut given);
        Ok(given)
    }

    /// The file that the environment adds to the settings file; it need not exist.
    fn overlay(&self, path: &Path) -> Option<PathBuf> {
        self.environment.as_deref().map(|environment| given::overlay(path, environment))
    }

    fn set_flags(&self, given: &mut GivenValues) {
        let debug = self.debug.then(|| "debug".to_owned());
        let log_format = self.log_format.and_then(|format| format.to_possible_value());

        for (name, key, value) in [
            ("--data", "database.file", text_of(self.data.as_ref())),
            ("--database-url", "database.postgres.url", self.database_url.clone()),
            ("--redis", "database.redis.url", self.redis.clone()),
            ("--host", "server.host", self.host.clone()),
            ("--port", "server.port", self.port.clone()),
            ("--tls-cert", "server.tls.cert_file", text_of(self.tls_cert.as_ref())),
            ("--tls-key", "server.tls.key_file", text_of(self.tls_key.as_ref())),
            ("--tls-client-ca", "server.tls.client_ca_file", text_of(self.tls_client_ca.as_ref())),
            ("--auth", "auth.rbac.enabled", self.auth.then(|| "true".to_owned())),
            ("--insecure", "server.insecure", self.insecure.then(|| "true".to_owned())),
            ("--max-connections", "server.limits.connections", self.max_connections.clone()),
            (
                "--max-connections-per-address",
                "server.limits.connections_per_address",
                self.max_connections_per_address.clone(),
            ),
            ("--shutdown-timeout", "server.shutdown_timeout", self.shutdown_timeout.map(in_millis)),
            ("--dns-public", "server.dns.public", self.dns_public.then(|| "true".to_owned())),
            ("--dns-domain", "server.dns.domain", self.dns_domain.clone()),
            ("--dns-ttl", "server.dns.ttl", self.dns_ttl.clone()),
            ("--node", "server.node", self.node.clone()),
            ("--cluster", "server.cluster", self.cluster.clone()),
            ("--advertise", "server.advertise", self.advertise.clone()),
            ("--default-ttl", "registry.registration.default_ttl", self.default_ttl.map(in_millis)),
            ("--compat-metrics", "monitoring.metrics.compat", self.compat_metrics.then(|| "true".to_owned())),
            ("--debug", "monitoring.logging.level", debug),
            ("--log-level", "monitoring.logging.level", self.log_level.clone()),
            ("--log-format", "monitoring.logging.format", log_format.map(|format| format.get_name().to_owned())),
        ] {
            if let Some(value) = value {
                given.set_flag(name, key, vec![value]);
            }
        }
        if !self.listen.is_empty() {
            given.set_flag("--listen", "server.listen", self.listen.clone());
        }
        if !self.imports.is_empty() {
            given.set_flag("--import", "registry.imports", self.imports.clone());
        }
        if !self.consul.is_empty() {
            given.set_flag("--consul", "server.consul.listen", self.consul.clone());
        }
        if !self.eureka.is_empty() {
            given.set_flag("--eureka", "server.eureka.listen", self.eureka.clone());
        }
        if !self.dns.is_empty() {
            given.set_flag("--dns", "server.dns.listen", self.dns.clone());
        }
    }
}

/// The settings of a running server: the same command line, read again.
struct ServeSettings<'s> {
    serve: &'s Serve,
    config: Option<&'s PathBuf>,
    /// The addresses of sockets that were passed.
    passed: Vec<(&'static str, Vec<String>)>,
}

impl SettingsOrigin for ServeSettings<'_> {
    fn read(&self) -> Result<(GivenValues, Plan)> {
        let given = self.serve.given(self.config, &self.passed)?;
        let plan = Plan::new(&given, variable, &plan::host_name())?;
        Ok((given, plan))
    }

    fn files(&self) -> Vec<PathBuf> {
        let overlay = self.config.and_then(|path| self.serve.overlay(path));
        self.config.cloned().into_iter().chain(overlay).collect()
    }
}

/// The file of API keys of a server with these settings.
///
/// # Errors
/// Settings that cannot be read, or no place for the file.
pub(super) fn keys_file(config: Option<&PathBuf>) -> Result<PathBuf> {
    let mut given = GivenValues::default();
    if let Some(path) = config {
        given.read_file(path, variable)?;
    }
    given.read_environment(std::env::vars_os(), variable)?;
    authentication::keys_file(&given, variable)
}

/// The database that is `named`, or that of a server with these settings, and the cluster of that server.
///
/// # Errors
/// Settings that cannot be read, or a name that is none of a database.
pub(super) fn database(config: Option<&PathBuf>, named: Option<&str>) -> Result<(DataPlace, String)> {
    let mut given = GivenValues::default();
    if let Some(path) = config {
        given.read_file(path, variable)?;
    }
    given.read_environment(std::env::vars_os(), variable)?;
    if let Some(named) = named {
        let is_url = named.starts_with("sqlite:") || named.contains("://");
        let key = if is_url { "database.postgres.url" } else { "database.file" };
        given.set_flag("the database", key, vec![named.to_owned()]);
    }

    let cluster = given.text("server.cluster").unwrap_or_default().to_owned();
    Ok((data::choose(&given, variable, &mut Vec::new())?, cluster))
}

fn text_of(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.to_string_lossy().into_owned())
}

/// A duration as the settings write it.
fn in_millis(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}

/// Whether a text is a settings file whose keys and values have the right form.
#[cfg(any(fuzzing, test))]
pub(super) fn is_settings_file(path: &Path, text: &str) -> bool {
    GivenValues::default().read_text(path, text, |_| None).is_ok()
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
