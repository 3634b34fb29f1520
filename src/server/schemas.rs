//! The types of the API's description. They only describe; a test compares them with what the server takes and gives.

#![allow(dead_code, reason = "they only describe")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::api_error::ApiError;
use super::checks::MonitorStats;
use super::fleet_drift::FleetDrift;
use super::strategy::Strategy;

/// An instance that registers. Durations are whole seconds, or texts such as `30s`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Registration)]
pub(super) struct RegistrationBody {
    /// A UUID that the client makes, so that a repeated registration is the same one; without it the server makes one.
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
    id: Option<String>,
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")]
    namespace: Option<String>,
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")]
    name: String,
    #[schema(min_length = 1, max_length = 64)]
    version: Option<String>,
    /// An IP address or a host name.
    #[schema(min_length = 1, max_length = 253)]
    address: String,
    #[schema(minimum = 1, maximum = 65535)]
    port: u16,
    /// http, https, grpc, tcp, udp
    protocol: Option<String>,
    #[schema(minimum = 0, maximum = 65535)]
    weight: Option<u16>,
    /// 0 for an instance that needs no heartbeats
    #[schema(minimum = 0, maximum = 86400)]
    ttl: Option<u32>,
    /// Or 0 for never, which the minimum cannot say
    #[schema(minimum = 60, maximum = 31_536_000)]
    deregister_after: Option<u32>,
    tags: Option<Vec<String>>,
    capabilities: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    node: Option<String>,
    zone: Option<String>,
    status: Option<StatusValue>,
    health_check: Option<HealthCheck>,
    health_checks: Option<Vec<HealthCheck>>,
    /// The path of an HTTP check.
    health_endpoint: Option<String>,
}

/// The answer of `drift`.
#[derive(ToSchema)]
pub(super) struct DriftAnswer {
    data: FleetDrift,
}

/// The report of an agent.
#[derive(ToSchema)]
#[schema(as = DriftReport)]
pub(super) struct DriftReportBody {
    /// The host, by the name that registrations have as their node
    #[schema(max_length = 128)]
    host: String,
    /// Seconds until the next report, or a text with a unit
    #[schema(minimum = 1, maximum = 3600)]
    interval: f64,
    /// What the agent could not look at
    #[schema(max_items = 20)]
    gaps: Option<Vec<String>>,
    #[schema(max_items = 500)]
    findings: Vec<ReportedFindingBody>,
}

/// A finding of a report.
#[derive(ToSchema)]
#[schema(as = ReportedFinding)]
pub(super) struct ReportedFindingBody {
    /// The same in every report
    id: String,
    #[schema(pattern = "^drift-[a-z0-9-]+$")]
    code: String,
    text: String,
    service: Option<String>,
    namespace: Option<String>,
    instance: Option<String>,
    address: Option<String>,
    registry: Option<String>,
    holder: Option<String>,
    command: Option<String>,
    /// RFC 3339
    since: Option<String>,
}

/// The answer of `audit`.
#[derive(ToSchema)]
pub(super) struct AuditAnswer {
    data: AuditPart,
}

/// A part of the audit log, the oldest records first.
#[derive(ToSchema)]
pub(super) struct AuditPart {
    records: Vec<AuditLine>,
    /// The number of the first record of the whole log; 0 if it is empty.
    first: u64,
    /// The number of its last record.
    last: u64,
    /// What `after` continues with; null at the end of the log.
    next: Option<u64>,
}

/// A record. Its hash is SHA-256 of `previous`, the number as eight bytes, and the JSON of its other fields without blanks.
#[derive(ToSchema)]
#[schema(as = AuditRecord)]
pub(super) struct AuditLine {
    number: u64,
    /// RFC 3339
    time: String,
    /// `key ID (NAME)`, `token SUBJECT`, `certificate NAME`, `anonymous`, `anyone` or `server`
    who: String,
    /// Address and port
    from: Option<String>,
    action: String,
    target: Option<String>,
    /// `ok`, `unchanged`, or the code of an error
    result: String,
    index: Option<u64>,
    /// The id of the request
    request: Option<String>,
    detail: Option<String>,
    /// The last record that was removed because of the settings: its number and its hash
    anchor: Option<Value>,
    previous: String,
    hash: String,
}

/// Whether an instance takes calls; `healthy` and `active` mean up.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StatusValue {
    Up,
    Healthy,
    Active,
    Draining,
    Maintenance,
}

/// A health.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum HealthValue {
    Healthy,
    Degraded,
    Unhealthy,
    Unknown,
}

/// A check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthCheck {
    name: Option<String>,
    /// http, tcp, grpc, tls, dns, ttl, or a protocol such as redis or postgresql
    check_type: Option<String>,
    /// Seconds, or a text such as `1500ms`. A ttl check takes up to a year, or 0 for a report that lasts for ever.
    #[schema(minimum = 1, maximum = 86400)]
    interval: Option<f64>,
    /// Seconds, or a text such as `500ms`; at most the interval
    #[schema(minimum = 0.01, maximum = 86400)]
    timeout: Option<f64>,
    #[schema(minimum = 1, maximum = 100)]
    failure_threshold: Option<u32>,
    #[schema(minimum = 1, maximum = 100)]
    success_threshold: Option<u32>,
    config: Option<CheckConfig>,
}

/// What a check does.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckConfig {
    #[schema(rename = "type")]
    kind: Option<String>,
    path: Option<String>,
    method: Option<String>,
    #[schema(value_type = Option<Object>)]
    expected_status: Option<Value>,
    service: Option<String>,
}

/// An instance as the registry knows it: the fields of its registration, and these.
#[derive(ToSchema)]
pub(super) struct Instance {
    id: String,
    namespace: String,
    name: String,
    version: Option<String>,
    address: String,
    port: u16,
    protocol: Option<String>,
    /// What lasts from one renewal to the next, in seconds, or a text such as `1500ms`; 0 needs no renewal
    #[schema(required = false)]
    ttl: Value,
    /// As `ttl`; how long an unhealthy instance stays
    #[schema(required = false)]
    deregister_after: Value,
    weight: u16,
    /// The weight without the split, while the service splits its traffic
    own_weight: Option<u16>,
    tags: Option<Vec<String>>,
    capabilities: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    node: Option<String>,
    zone: Option<String>,
    /// The same as `node`
    node_id: Option<String>,
    /// up, draining or maintenance
    status: String,
    /// Why its operator gave it that status
    status_reason: Option<String>,
    /// healthy, degraded, unhealthy or unknown
    health: String,
    healthy: bool,
    generation: u64,
    index: u64,
    registered_at: String,
    last_seen: String,
    #[schema(value_type = Option<Object>)]
    lease: Option<Value>,
    /// The health that it reported itself with its last heartbeat
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
    /// The checks with their results
    #[schema(value_type = Option<Vec<Object>>)]
    health_checks: Option<Value>,
    /// The same as `health`
    health_status: String,
    /// The path of its HTTP check
    health_endpoint: Option<String>,
    /// The interval of its first check, in seconds, or a text such as `1500ms`; null if it sets none
    health_check_interval: Value,
    /// When one of its checks ran last
    last_health_check: Option<String>,
    node_down: Option<bool>,
    flapping: Option<bool>,
    monitoring_stopped: Option<bool>,
    protected: Option<bool>,
}

#[derive(ToSchema)]
pub(super) struct InstanceBody {
    data: Instance,
}

#[derive(ToSchema)]
pub(super) struct InstanceList {
    data: ServiceList,
}

#[derive(ToSchema)]
pub(super) struct ServiceList {
    services: Vec<Instance>,
}

/// What can be changed about an instance.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    status: Option<StatusValue>,
    /// Why the instance takes no calls; only with a status.
    #[schema(max_length = 200)]
    reason: Option<String>,
    #[schema(minimum = 0, maximum = 65535)]
    weight: Option<u16>,
    #[schema(minimum = 1)]
    generation: Option<u64>,
}

/// What a heartbeat may say; also `service_id`, the id of the path again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatBody {
    /// The id of the path again.
    #[schema(ignore)]
    service_id: Option<String>,
    /// The health that the instance reports itself.
    status: Option<HealthValue>,
    message: Option<String>,
    #[schema(minimum = 1)]
    generation: Option<u64>,
}

#[derive(ToSchema)]
pub(super) struct HeartbeatAnswer {
    /// id, generation, health, ttl in seconds, expires; durable is false while the database is away
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BulkBody {
    /// Each has one of `register` (a registration), `deregister` and `heartbeat` (with an `id`). One that is wrong fails alone.
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<Value>,
}

#[derive(ToSchema)]
pub(super) struct BulkAnswer {
    /// {"results": [BulkResult…]}
    #[schema(value_type = Object)]
    data: Value,
}

/// The result of one operation.
#[derive(ToSchema)]
pub(super) struct BulkResult {
    status: u16,
    id: Option<String>,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    error: Option<ApiError>,
}

#[derive(ToSchema)]
pub(super) struct PicksAnswer {
    /// service_name, namespace, default_strategy, is_own, requests, gone, instances
    #[schema(value_type = Object)]
    data: Value,
}

/// The strategy of clients that ask for none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StrategyBody {
    #[schema(value_type = Strategy)]
    strategy: String,
}

#[derive(ToSchema)]
pub(super) struct StrategyAnswer {
    /// service_name, namespace, strategy, is_own
    #[schema(value_type = Object)]
    data: Value,
}

/// The instances that calls go to: by their version, a range of versions, or a tag.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrafficTarget {
    version: Option<String>,
    #[schema(min_length = 1)]
    tag: Option<String>,
}

/// Where all calls go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchBody {
    to: TrafficTarget,
}

/// A shift of traffic.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShiftBody {
    to: TrafficTarget,
    /// Percentages from 1 to 100, rising
    #[schema(min_items = 1, max_items = 100)]
    steps: Vec<u8>,
    /// How long each step lasts: seconds, or a text such as 5m
    #[schema(value_type = Option<Object>)]
    every: Option<Value>,
    /// The score below which everything goes back
    #[schema(minimum = 1, maximum = 100)]
    abort_below: Option<u8>,
}

/// What is done with a shift.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShiftActionBody {
    /// pause, resume, abort or finish
    #[schema(pattern = "^(pause|resume|abort|finish)$")]
    action: String,
}

#[derive(ToSchema)]
pub(super) struct TrafficAnswer {
    /// service_name, namespace, strategy, switched_to, shift, instances (own_weight, weight in force, percent of the calls)
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct ConfigBody {
    /// name, version, index, updated_at, deleted, format (json, text), bytes, rollback_of, author, value
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct ConfigListAnswer {
    /// {"configs": […]}, without their values
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct ConfigHistoryAnswer {
    /// name, versions: the newest first, without their values
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct ConfigDiffAnswer {
    /// name, from, to, diff: every line, with a space, `-` or `+` before it; empty if the values are the same
    #[schema(value_type = Object)]
    data: Value,
}

/// The version to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollbackBody {
    #[schema(minimum = 1)]
    version: u64,
}

#[derive(ToSchema)]
pub(super) struct MonitorAnswer {
    data: MonitorStats,
}

#[derive(ToSchema)]
pub(super) struct CheckAllAnswer {
    /// finished, instances, health (counts by state), services, omitted
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct LogLevelBody {
    /// off, error, warn, info, debug, trace, or a list such as `portolan=debug,warn`
    #[schema(min_length = 1)]
    level: String,
}

#[derive(ToSchema)]
pub(super) struct LogLevelAnswer {
    data: LogLevelBody,
}

#[derive(ToSchema)]
pub(super) struct MonitoringAnswer {
    /// monitoring, instances, reason
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct HealthReportBody {
    data: HealthView,
}

/// The health of an instance; of a service, with its instances in `services`.
#[derive(ToSchema)]
pub(super) struct HealthView {
    id: Option<String>,
    service_name: String,
    namespace: String,
    /// healthy, degraded, unhealthy or unknown: the worst of status, lease, node, report and checks
    health: String,
    /// 0 to 100: the lowest of the last results of its checks; of a service, the mean by weight
    score: Option<u8>,
    /// A to F, with a ? if a check could not run
    grade: Option<String>,
    /// Whether every check could run
    complete: bool,
    /// Why it is not healthy
    reasons: Option<Vec<String>>,
    /// Whether its checks run at an interval
    monitored: Option<bool>,
    /// The server that runs its checks, if several share the registry: only that one has scores and results
    checked_by: Option<String>,
    /// Its checks, with the values in force, the confirmed state, and the last result
    checks: Option<Vec<CheckReport>>,
    /// Past results, the newest first: at, check, name, state, score, duration_ms, finding
    #[schema(value_type = Option<Vec<Object>>)]
    history: Option<Value>,
    /// The instances of a service
    #[schema(value_type = Option<Vec<Object>>)]
    services: Option<Value>,
    /// After a check: whether all of them ended
    finished: Option<bool>,
}

/// A check of an instance.
#[derive(ToSchema)]
pub(super) struct CheckReport {
    /// Its position in the registration
    check: usize,
    name: String,
    check_type: String,
    /// The confirmed state
    state: String,
    note: Option<String>,
    checked_at: Option<String>,
    interval: f64,
    timeout: f64,
    failure_threshold: u32,
    success_threshold: u32,
    /// at, duration_ms, state, score, complete, excuse, findings, hindered, evidence
    #[schema(value_type = Option<Object>)]
    last: Option<Value>,
}

#[derive(ToSchema)]
pub(super) struct StatusAnswer {
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
pub(super) struct HealthAnswer {
    /// healthy, degraded or unhealthy
    status: String,
    ready: Option<bool>,
    #[schema(value_type = Option<Object>)]
    parts: Option<Value>,
}
