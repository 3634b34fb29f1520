//! What a server will do: the given settings, checked as a whole. Nothing is started yet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::compat::CompatAddresses;
use super::data::DataPlace;
use super::dns::DnsAddresses;
use super::given::{GivenValues, Variable};
use super::trace_export::{self, TraceExport};
use super::values::{duration, flag, number, written, wrong, wrong_of};
use super::{
    addresses, authentication, check_methods, compat, data, dns, imports, origins, redis, scripts, secret_files,
    value_kinds,
};
use crate::check::Roots;
use crate::clean::{clean, redacted};
use crate::error::Result;
use crate::model::Thresholds;
use crate::registry::Rules;
use crate::server::{
    AuditSettings, Authentication, HealthCheckSettings, Import, LogLevel, RateLimitSettings, RequestRate,
    ServerSettings, ServerTls, SizeLimits, Strategy, TimeLimits, TlsFiles,
};

/// A checked plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) listen: Vec<SocketAddr>,
    /// What set the addresses, for errors about them.
    pub(super) listen_by: String,
    pub(super) consul: CompatAddresses,
    pub(super) eureka: CompatAddresses,
    pub(super) dns: DnsAddresses,
    /// Other registries whose services it shows.
    pub(super) imports: Vec<Import>,
    pub(super) data: DataPlace,
    pub(super) authentication: Authentication,
    pub(super) tls: Option<TlsFiles>,
    /// The TLS handshakes that one address may begin.
    pub(super) handshakes: RequestRate,
    pub(super) server: ServerSettings,
    pub(super) rules: Rules,
    pub(super) log_filter: String,
    pub(super) log_json: bool,
    /// `None`: spans are not exported.
    pub(super) trace_export: Option<TraceExport>,
    pub(super) is_insecure: bool,
    /// What is off although a server could have it, with the reason if it was asked for.
    pub(super) off: Vec<String>,
    /// What others may do with files that they should not.
    pub(super) warnings: Vec<String>,
}

/// The most audit records that are kept in memory: about 5 MB.
const MAX_AUDIT_IN_MEMORY: u64 = 10_000;
/// A path of metrics may not hide the API.
const API_PATHS: [&str; 5] = ["/api", "/health", "/openapi.json", "/sd", "/v3"];

impl Plan {
    /// Checks every value, alone and together.
    ///
    /// # Errors
    /// The first value that cannot be used.
    pub(super) fn new(given: &GivenValues, variable: Variable, host_name: &str) -> Result<Self> {
        value_kinds::check(given)?;
        let mut off = Vec::new();
        let is_insecure = flag(given, "server.insecure");
        let (listen, listen_by) = addresses::choose(given)?;
        let data = data::choose(given, variable, &mut off)?;
        let authentication = authentication::choose(given, variable, is_insecure, &mut off)?;
        addresses::refuse_wide(&listen, &listen_by, is_insecure || authentication.is_on())?;
        let may_be_wide = is_insecure || authentication.is_on();
        let consul = compat::addresses(given, "server.consul.listen", "Consul", may_be_wide)?;
        let eureka = compat::addresses(given, "server.eureka.listen", "Eureka", may_be_wide)?;
        let dns = dns::addresses(given, is_insecure)?;

        let imports = imports::imports(given, &[("portolan", &listen), ("consul", &consul.listen)])?;

        let warnings = secret_files::warnings(given, data.file());
        let tls = tls(given)?;
        if tls.is_none() {
            off.push("TLS".to_owned());
        }
        name_unsupported(given, &mut off);
        redis::name_unused(given, &data, &mut off);
        let trace_export = trace_export::choose(given, &mut off)?;
        let rules = rules(given)?;
        let (log_filter, log_json) = logging(given)?;
        // Each of these APIs takes registrations with checks.
        let reached_at = [&*listen, &consul.listen, &eureka.listen].concat();
        let mut server = server(given, host_name, &reached_at, &dns.listen)?;
        server.allowed_origins = origins::choose(given, authentication.is_on() || is_insecure)?;
        #[cfg(feature = "redis")]
        {
            server.redis = redis::choose(given, &data)?;
        }
        #[cfg(not(feature = "redis"))]
        redis::refuse(given, &data)?;
        if data == DataPlace::Memory {
            server.audit.max_records = server.audit.max_records.min(MAX_AUDIT_IN_MEMORY);
        }
        Ok(Self {
            listen,
            listen_by,
            consul,
            eureka,
            dns,
            imports,
            data,
            authentication,
            tls,
            handshakes: rate(given, "handshakes_per_second_per_address", ServerTls::DEFAULT_HANDSHAKES),
            server,
            rules,
            log_filter,
            log_json,
            trace_export,
            is_insecure,
            off,
            warnings,
        })
    }

    /// What an operator should know, one line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let off = (!self.off.is_empty()).then(|| format!("off: {}", self.off.join(", ")));
        let mut notes: Vec<String> = off.into_iter().collect();
        let mut all = self.listen.iter().chain(&self.consul.listen).chain(&self.eureka.listen);
        let is_wide = all.any(|address| !address.ip().to_canonical().is_loopback());
        if self.is_insecure && is_wide {
            notes.push(
                "warning: every machine that reaches this address can change the registry (--insecure)".to_owned(),
            );
        } else if is_wide && self.tls.is_none() {
            notes.push("warning: keys and tokens cross the network unencrypted: use --tls-cert".to_owned());
        }
        let is_dns_wide = self.dns.listen.iter().any(|address| !address.ip().to_canonical().is_loopback());
        if is_dns_wide && self.authentication.is_on() {
            notes.push("warning: every machine that reaches the DNS address can read the registry by DNS".to_owned());
        }
        if self.authentication.is_on() {
            notes.push(self.authentication_note());
        }
        notes.extend(self.warnings.iter().cloned());

        notes
    }

    /// How callers prove who they are.
    fn authentication_note(&self) -> String {
        let keys = self.authentication.keys_file.as_ref().map(|path| {
            let none = if path.exists() { "" } else { " (none yet: `portolan key create` creates one)" };
            format!("API keys of {}{none}", clean(&path.to_string_lossy()))
        });
        let tokens =
            self.authentication.tokens.as_ref().map(|rules| format!("tokens of the issuer {}", clean(&rules.issuer)));
        let ways: Vec<String> = keys.into_iter().chain(tokens).collect();
        format!("authentication: {}", ways.join(", "))
    }

    /// Where DNS is served, and for which domain.
    pub(super) fn dns_line(&self, addresses: &[SocketAddr]) -> String {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        format!("DNS on {}: NAME.service.{}", addresses.join(" and "), self.server.dns.domain)
    }

    /// What the settings mean, one line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let addresses: Vec<String> = self.listen.iter().map(ToString::to_string).collect();
        let data = match &self.data {
            DataPlace::Memory => "memory".to_owned(),
            DataPlace::File(path) => format!("SQLite file {}", clean(&redacted(&path.to_string_lossy()))),
            #[cfg(feature = "postgres")]
            DataPlace::Postgres(url) => clean(&format!("PostgreSQL {url}")),
        };
        let mut lines = vec![format!("listens on {}", addresses.join(" and ")), format!("data: {data}")];
        #[cfg(feature = "redis")]
        lines.extend(self.server.redis.as_ref().map(|redis| format!("Redis: {}", redis.url)));
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if !self.consul.listen.is_empty() {
            lines.push(compat::line("Consul", &self.consul.listen, scheme, ""));
        }
        if !self.eureka.listen.is_empty() {
            lines.push(compat::line("Eureka", &self.eureka.listen, scheme, "/eureka/"));
        }

        if !self.dns.listen.is_empty() {
            lines.push(self.dns_line(&self.dns.listen));
        }
        if !self.imports.is_empty() {
            lines.push(imports::line(&self.imports));
        }
        lines.extend(self.notes());
        lines
    }
}

/// The files of the certificate.
fn tls(given: &GivenValues) -> Result<Option<TlsFiles>> {
    let (key, client_ca) = (file(given, "server.tls.key_file"), file(given, "server.tls.client_ca_file"));
    match file(given, "server.tls.cert_file") {
        Some(certificate) => Ok(Some(TlsFiles { certificate, key, client_ca })),
        None => {
            match ["server.tls.key_file", "server.tls.client_ca_file"].iter().find(|key| given.get(key).is_some()) {
                Some(key) => Err(wrong(given, key, "there is no certificate", "add server.tls.cert_file (--tls-cert)")),
                None => Ok(None),
            }
        }
    }
}

fn file(given: &GivenValues, key: &str) -> Option<PathBuf> {
    given.get(key).and_then(|value| value.texts.first()).map(PathBuf::from)
}

/// Names what was asked for and does not exist yet, and what needs no setting here.
fn name_unsupported(given: &GivenValues, off: &mut Vec<String>) {
    if !flag(given, "registry.health_checks.enabled") {
        off.push("health checks".to_owned());
    }
    if ["max_connections", "idle_timeout"].iter().any(|key| given.get(&format!("database.postgres.{key}")).is_some()) {
        off.push("the connection pool of database.postgres (a server uses two connections)".to_owned());
    }

    if !flag(given, "monitoring.audit.enabled") {
        off.push("audit log".to_owned());
    }
    if !flag(given, "monitoring.metrics.enabled") {
        off.push("metrics".to_owned());
    }

    if ["cache_ttl", "refresh_interval", "enable_caching"]
        .iter()
        .any(|key| given.get(&format!("registry.discovery.{key}")).is_some())
    {
        off.push("the cache of registry.discovery (replies come from memory, and are always current)".to_owned());
    }
}

/// The settings of the rules.
fn rules(given: &GivenValues) -> Result<Rules> {
    let ttl = duration(given, "registry.registration.default_ttl");
    let heartbeat = duration(given, "registry.registration.heartbeat_interval");
    if ttl < heartbeat * 2 {
        let why = format!("it is shorter than two heartbeat intervals of {}", written(heartbeat));
        let hint = "raise registry.registration.default_ttl, or lower registry.registration.heartbeat_interval";
        return Err(wrong_of(
            given,
            &["registry.registration.default_ttl", "registry.registration.heartbeat_interval"],
            &why,
            hint,
        ));
    }

    let interval = duration(given, "registry.health_checks.default_interval");
    let timeout = duration(given, "registry.health_checks.timeout");
    if interval < timeout {
        let why = format!("the interval of {} is shorter than the timeout of {}", written(interval), written(timeout));
        let keys = ["registry.health_checks.default_interval", "registry.health_checks.timeout"];
        return Err(wrong_of(given, &keys, &why, "let a check end before the next one begins"));
    }

    let max = number(given, "registry.registration.max_instances_per_service").unwrap_or(0);
    let deregister_after = given.get("registry.registration.deregister_after");
    let deregister_after = deregister_after.map(|_| duration(given, "registry.registration.deregister_after"));
    if deregister_after.is_some_and(|after| after < Duration::from_mins(1)) {
        let key = "registry.registration.deregister_after";
        return Err(wrong(
            given,
            key,
            "it is shorter than a minute",
            "a short network failure must not remove services",
        ));
    }
    Ok(Rules {
        default_ttl: ttl,
        grace: duration(given, "registry.registration.grace_period"),
        deregister_after: deregister_after.unwrap_or_default(),
        check_interval: interval,
        thresholds: Thresholds {
            rise: threshold(given, "registry.health_checks.success_threshold"),
            fall: threshold(given, "registry.health_checks.failure_threshold"),
        },
        check_methods: check_methods::choose(given)?,
        max_instances_per_service: usize::try_from(max).unwrap_or(usize::MAX),
        ..Rules::default()
    })
}

fn threshold(given: &GivenValues, key: &str) -> u32 {
    number(given, key).and_then(|number| u32::try_from(number).ok()).unwrap_or(1)
}

fn logging(given: &GivenValues) -> Result<(String, bool)> {
    let filter = given.text("monitoring.logging.level").unwrap_or("info").to_owned();
    if let Err(error) = LogLevel::check(&filter) {
        return Err(wrong(given, "monitoring.logging.level", &error.to_string(), error.hint()));
    }
    Ok((filter, given.text("monitoring.logging.format") == Some("json")))
}

fn count(given: &GivenValues, key: &str) -> usize {
    number(given, key).and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

fn server(
    given: &GivenValues,
    host_name: &str,
    reached_at: &[SocketAddr],
    dns_listen: &[SocketAddr],
) -> Result<ServerSettings> {
    let path = given.text("monitoring.metrics.path").unwrap_or("/metrics");
    let is_path = path.starts_with('/') && path.len() > 1 && path.bytes().all(|byte| byte.is_ascii_graphic());
    let is_taken = API_PATHS.iter().any(|taken| path.starts_with(taken));
    if !is_path || is_taken || path.contains(['{', '}', '?', '#', '%', '*']) {
        let why = if is_taken { "the API has that path" } else { "it is not a path" };
        return Err(wrong(given, "monitoring.metrics.path", why, "write a path such as /metrics"));
    }

    let size_limits = SizeLimits {
        connections: count(given, "server.limits.connections"),
        connections_per_address: count(given, "server.limits.connections_per_address"),
        body_bytes: count(given, "server.limits.body_bytes"),
        queued_writes: count(given, "server.limits.queued_writes"),
        kept_events: count(given, "registry.events.buffer_size"),
        event_streams: count(given, "server.limits.event_streams"),
        ..SizeLimits::default()
    };
    let header = duration(given, "server.limits.header_timeout");
    let time_limits = TimeLimits {
        first_byte: header,
        head: header,
        body: duration(given, "server.limits.body_timeout"),
        idle: duration(given, "server.limits.idle_timeout"),
        write: duration(given, "server.limits.write_timeout"),
    };

    let cluster = given.text("server.cluster").unwrap_or("default");
    let default_strategy = given.text("load_balancer.default_strategy").unwrap_or_default().parse();
    Ok(ServerSettings {
        time_limits,
        size_limits,
        default_strategy: default_strategy.unwrap_or(Strategy::RoundRobin),
        metrics_path: flag(given, "monitoring.metrics.enabled").then(|| path.to_owned()),
        has_compat_metrics: flag(given, "monitoring.metrics.compat"),
        max_service_metrics: count(given, "monitoring.metrics.max_services"),
        shutdown_timeout: duration(given, "server.shutdown_timeout"),
        node: given.text("server.node").unwrap_or(host_name).to_owned(),
        cluster: cluster.to_owned(),
        advertise: compat::advertise(given)?,
        node_id: compat::node_id(given)?,
        node_meta: compat::node_meta(given)?,
        dns: dns::settings(given, cluster, dns_listen)?,
        heartbeat_interval: duration(given, "registry.registration.heartbeat_interval"),
        health_checks: health_checks(given, reached_at)?,
        scripts: Arc::new(scripts::scripts(given)?),
        audit: audit(given),
        rate_limits: rate_limits(given),
        #[cfg(feature = "redis")]
        redis: None,
        allowed_origins: Vec::new(),
    })
}

/// Whether there is an audit log, and for how long its records stay.
fn audit(given: &GivenValues) -> AuditSettings {
    let max_age = given.get("monitoring.audit.max_age").map(|_| duration(given, "monitoring.audit.max_age"));

    AuditSettings {
        enabled: flag(given, "monitoring.audit.enabled"),
        max_records: number(given, "monitoring.audit.max_records").unwrap_or(u64::MAX),
        min_age: duration(given, "monitoring.audit.min_age"),
        max_age,
    }
}

/// How many requests a caller may send.
fn rate_limits(given: &GivenValues) -> RateLimitSettings {
    let defaults = RateLimitSettings::default();

    RateLimitSettings {
        requests_per_key: rate(given, "requests_per_second_per_key", defaults.requests_per_key),
        requests_per_address: rate(given, "requests_per_second_per_address", defaults.requests_per_address),
        heartbeats_per_key: rate(given, "heartbeats_per_second_per_key", defaults.heartbeats_per_key),
        heartbeats_per_address: rate(given, "heartbeats_per_second_per_address", defaults.heartbeats_per_address),
    }
}

/// A limit. One that is given also holds for callers on this machine.
fn rate(given: &GivenValues, name: &str, default: RequestRate) -> RequestRate {
    let given = number(given, &format!("server.limits.{name}"));
    let given = given.map(|given| u32::try_from(given).unwrap_or(u32::MAX));
    given.map_or(default, |per_second| RequestRate { per_second, limits_loopback: true })
}

/// Clients on this machine reach its own addresses anyway; those on others must not do it through a check.
///
/// # Errors
/// The file of authorities cannot be read.
fn health_checks(given: &GivenValues, reached_at: &[SocketAddr]) -> Result<HealthCheckSettings> {
    let key = "registry.health_checks.allow_own_addresses";
    let is_local = reached_at.iter().all(|address| address.ip().to_canonical().is_loopback());

    let ca_key = "registry.health_checks.ca";
    let ca = given.text(ca_key).map(PathBuf::from);
    if let Some(Err(why)) = ca.as_deref().map(Roots::beside_system) {
        return Err(wrong(given, ca_key, &why, "name a PEM file with the certificates of the authorities"));
    }

    Ok(HealthCheckSettings {
        enabled: flag(given, "registry.health_checks.enabled"),
        timeout: duration(given, "registry.health_checks.timeout"),
        allow_own_addresses: if given.get(key).is_some() { flag(given, key) } else { is_local },
        ca,
    })
}

/// The name of this machine.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "portolan".to_owned() } else { name.to_owned() }
}
