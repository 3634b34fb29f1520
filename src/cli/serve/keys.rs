//! The keys of a server's settings: what each takes, and its default.

/// A key of the settings.
pub(super) struct SettingKey {
    /// Its path: `server.port`.
    pub(super) name: &'static str,
    pub(super) kind: KeyKind,
    pub(super) default: Option<&'static str>,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Text,
    /// A text that is never shown.
    Secret,
    /// A URL, whose password is never shown.
    Url,
    Flag,
    /// Seconds, or a number with a unit.
    Duration,
    /// A duration that may be 0.
    DurationOrZero,
    /// A number from the first to the second.
    Number(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a load balancing strategy.
    Strategy,
    /// Several texts.
    List,
}

const fn key(name: &'static str, kind: KeyKind, default: &'static str) -> SettingKey {
    SettingKey { name, kind, default: Some(default) }
}

const fn unset(name: &'static str, kind: KeyKind) -> SettingKey {
    SettingKey { name, kind, default: None }
}

const MANY: u64 = 1_000_000;

/// Every key, in the order in which they are shown.
pub(super) const KEYS: &[SettingKey] = &[
    key("server.host", KeyKind::Text, "127.0.0.1"),
    key("server.port", KeyKind::Number(0, 65_535), "7440"),
    unset("server.listen", KeyKind::List),
    key("server.insecure", KeyKind::Flag, "false"),
    key("server.shutdown_timeout", KeyKind::Duration, "30s"),
    unset("server.cors.allowed_origins", KeyKind::List),
    unset("server.tls.cert_file", KeyKind::Text),
    unset("server.tls.key_file", KeyKind::Text),
    unset("server.tls.client_ca_file", KeyKind::Text),
    unset("server.node", KeyKind::Text),
    key("server.cluster", KeyKind::Text, "default"),
    unset("server.advertise", KeyKind::Text),
    unset("server.consul.listen", KeyKind::List),
    unset("server.consul.node_id", KeyKind::Text),
    unset("server.consul.node_meta", KeyKind::List),
    unset("server.eureka.listen", KeyKind::List),
    unset("server.dns.listen", KeyKind::List),
    key("server.dns.public", KeyKind::Flag, "false"),
    key("server.dns.domain", KeyKind::Text, "portolan"),
    key("server.dns.ttl", KeyKind::DurationOrZero, "0s"),
    unset("server.dns.queries_per_second", KeyKind::Number(0, MANY)),
    key("server.limits.connections", KeyKind::Number(1, MANY), "10000"),
    key("server.limits.connections_per_address", KeyKind::Number(1, MANY), "2500"),
    key("server.limits.event_streams", KeyKind::Number(1, MANY), "5000"),
    key("server.limits.body_bytes", KeyKind::Number(1_024, 64 << 20), "65536"),
    key("server.limits.queued_writes", KeyKind::Number(1, MANY), "4096"),
    unset("server.limits.requests_per_second_per_key", KeyKind::Number(0, MANY)),
    unset("server.limits.requests_per_second_per_address", KeyKind::Number(0, MANY)),
    unset("server.limits.heartbeats_per_second_per_key", KeyKind::Number(0, MANY)),
    unset("server.limits.heartbeats_per_second_per_address", KeyKind::Number(0, MANY)),
    unset("server.limits.handshakes_per_second_per_address", KeyKind::Number(0, MANY)),
    key("server.limits.header_timeout", KeyKind::Duration, "10s"),
    key("server.limits.body_timeout", KeyKind::Duration, "30s"),
    key("server.limits.idle_timeout", KeyKind::Duration, "75s"),
    key("server.limits.write_timeout", KeyKind::Duration, "20s"),
    unset("registry.imports", KeyKind::List),
    key("registry.registration.default_ttl", KeyKind::Duration, "30s"),
    key("registry.registration.heartbeat_interval", KeyKind::Duration, "10s"),
    key("registry.registration.grace_period", KeyKind::DurationOrZero, "15s"),
    unset("registry.registration.deregister_after", KeyKind::Duration),
    key("registry.registration.max_instances_per_service", KeyKind::Number(1, MANY), "10000"),
    key("registry.events.buffer_size", KeyKind::Number(16, MANY), "16384"),
    unset("registry.discovery.cache_ttl", KeyKind::Duration),
    unset("registry.discovery.refresh_interval", KeyKind::Duration),
    unset("registry.discovery.enable_caching", KeyKind::Flag),
    key("registry.health_checks.enabled", KeyKind::Flag, "true"),
    key("registry.health_checks.default_interval", KeyKind::Duration, "30s"),
    key("registry.health_checks.timeout", KeyKind::Duration, "5s"),
    key("registry.health_checks.failure_threshold", KeyKind::Number(1, 1_000), "3"),
    key("registry.health_checks.success_threshold", KeyKind::Number(1, 1_000), "2"),
    unset("registry.health_checks.allow_own_addresses", KeyKind::Flag),
    unset("registry.health_checks.ca", KeyKind::Text),
    key("registry.health_checks.methods", KeyKind::List, "GET, HEAD"),
    unset("registry.health_checks.scripts", KeyKind::List),
    key("load_balancer.default_strategy", KeyKind::Strategy, "round_robin"),
    unset("database.file", KeyKind::Text),
    unset("database.postgres.url", KeyKind::Url),
    unset("database.postgres.password_file", KeyKind::Text),
    unset("database.postgres.max_connections", KeyKind::Number(1, 10_000)),
    unset("database.postgres.idle_timeout", KeyKind::Duration),
    unset("database.redis.url", KeyKind::Url),
    unset("database.redis.database", KeyKind::Number(0, 65_535)),
    key("database.redis.prefix", KeyKind::Text, "portolan:"),
    unset("database.redis.max_connections", KeyKind::Number(1, 10_000)),
    unset("auth.jwt.secret", KeyKind::Secret),
    unset("auth.jwt.secret_file", KeyKind::Text),
    unset("auth.jwt.keys_file", KeyKind::Text),
    key("auth.jwt.algorithms", KeyKind::List, "HS256, RS256, ES256, EdDSA"),
    key("auth.jwt.issuer", KeyKind::Text, "portolan"),
    key("auth.jwt.audience", KeyKind::Text, "portolan"),
    key("auth.jwt.expiration", KeyKind::Duration, "1h"),
    unset("auth.keys_file", KeyKind::Text),
    unset("auth.certificates", KeyKind::List),
    unset("auth.rbac.enabled", KeyKind::Flag),
    unset("auth.rbac.default_role", KeyKind::Choice(&["admin", "operator", "viewer"])),
    key("monitoring.metrics.enabled", KeyKind::Flag, "true"),
    key("monitoring.metrics.path", KeyKind::Text, "/metrics"),
    key("monitoring.metrics.compat", KeyKind::Flag, "false"),
    key("monitoring.metrics.max_services", KeyKind::Number(0, MANY), "500"),
    key("monitoring.audit.enabled", KeyKind::Flag, "true"),
    key("monitoring.audit.max_records", KeyKind::Number(1_000, 1_000_000_000), "1000000"),
    key("monitoring.audit.min_age", KeyKind::Duration, "7d"),
    unset("monitoring.audit.max_age", KeyKind::Duration),
    unset("monitoring.tracing.enabled", KeyKind::Flag),
    unset("monitoring.tracing.endpoint", KeyKind::Url),
    key("monitoring.tracing.sample_percent", KeyKind::Number(0, 100), "100"),
    unset("monitoring.tracing.jaeger_endpoint", KeyKind::Url),
    key("monitoring.logging.level", KeyKind::Text, "info"),
    key("monitoring.logging.format", KeyKind::Choice(&["text", "json"]), "text"),
];

/// The key with this path.
pub(super) fn find(name: &str) -> Option<&'static SettingKey> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether keys begin with this path.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What may stand below a section: its keys and sections, without their path.
pub(super) fn words_below(section: &str) -> Vec<&'static str> {
    let mut words: Vec<&str> = Vec::new();
    for key in KEYS {
        let below = if section.is_empty() {
            Some(key.name)
        } else {
            key.name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'))
        };
        let word = below.and_then(|below| below.split('.').next());
        words.extend(word.filter(|word| !words.contains(word)));
    }
    words
}
