//! The types of the API's description. They only describe; a test compares them with what the server takes and gives.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::api_error::ApiError;

/// An instance that registers. Durations are whole seconds, or texts such as `30s`.
#[derive(ToSchema)]
#[schema(as = Registration)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct RegistrationBody {
    /// A UUID that the client makes, so that a repeated registration is the same one; without it the server makes one.
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
    id: Option<String>,
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")]
    namespace: Option<String>,
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")]
    name: String,
    #[schema(max_length = 64)]
    version: Option<String>,
    /// An IP address or a host name.
    address: String,
    #[schema(minimum = 1, maximum = 65535)]
    port: u16,
    /// http, https, grpc, tcp, udp
    protocol: Option<String>,
    #[schema(minimum = 0, maximum = 65535)]
    weight: Option<u16>,
    #[schema(value_type = Option<Object>)]
    ttl: Option<Value>,
    #[schema(value_type = Option<Object>)]
    deregister_after: Option<Value>,
    tags: Option<Vec<String>>,
    capabilities: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    node: Option<String>,
    zone: Option<String>,
    /// up (or healthy), draining or maintenance
    status: Option<String>,
    health_check: Option<HealthCheck>,
    health_checks: Option<Vec<HealthCheck>>,
    /// The path of an HTTP check.
    health_endpoint: Option<String>,
}

/// A check.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct HealthCheck {
    name: Option<String>,
    /// http, tcp, grpc, tls or ttl
    check_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    interval: Option<Value>,
    #[schema(value_type = Option<Object>)]
    timeout: Option<Value>,
    failure_threshold: Option<u32>,
    success_threshold: Option<u32>,
    config: Option<CheckConfig>,
}

/// What a check does.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
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
#[expect(dead_code, reason = "it only describes")]
pub(super) struct Instance {
    id: String,
    namespace: String,
    name: String,
    version: Option<String>,
    address: String,
    port: u16,
    protocol: Option<String>,
    weight: u16,
    tags: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    /// up, draining or maintenance
    status: String,
    /// healthy, degraded, unhealthy or unknown
    health: String,
    healthy: bool,
    generation: u64,
    index: u64,
    registered_at: String,
    last_seen: String,
    #[schema(value_type = Option<Object>)]
    lease: Option<Value>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct InstanceBody {
    data: Instance,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct InstanceList {
    data: ServiceList,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct ServiceList {
    services: Vec<Instance>,
}

/// What can be changed about an instance.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct ChangeBody {
    /// up (or healthy), draining or maintenance
    status: Option<String>,
    #[schema(minimum = 0, maximum = 65535)]
    weight: Option<u16>,
    #[schema(minimum = 1)]
    generation: Option<u64>,
}

/// What a heartbeat may say.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct HeartbeatBody {
    /// The id of the path again.
    service_id: Option<String>,
    /// healthy, degraded, unhealthy or unknown: the health that the instance reports itself
    status: Option<String>,
    message: Option<String>,
    #[schema(minimum = 1)]
    generation: Option<u64>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct HeartbeatAnswer {
    /// id, generation, health, ttl in seconds, expires
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct BulkBody {
    #[schema(min_items = 1, max_items = 1000)]
    operations: Vec<BulkOperation>,
}

/// One of these.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct BulkOperation {
    register: Option<RegistrationBody>,
    /// {"id", "generation"}
    #[schema(value_type = Option<Object>)]
    deregister: Option<Value>,
    /// {"id", "status", "message", "generation"}
    #[schema(value_type = Option<Object>)]
    heartbeat: Option<Value>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct BulkAnswer {
    /// {"results": [BulkResult…]}
    #[schema(value_type = Object)]
    data: Value,
}

/// The result of one operation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct BulkResult {
    status: u16,
    id: Option<String>,
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    error: Option<ApiError>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct PicksAnswer {
    /// service_name, namespace, default_strategy, requests, instances
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct MonitorAnswer {
    /// enabled, reason, registered_checks
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct StatusAnswer {
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct HealthAnswer {
    /// healthy or unhealthy
    status: String,
    ready: Option<bool>,
    #[schema(value_type = Option<Object>)]
    parts: Option<Value>,
}
