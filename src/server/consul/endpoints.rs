//! The endpoints, with their methods.

use crate::model::HealthState;
use crate::server::access::Permission;

/// An endpoint. A path that ends with a slash is a prefix: what follows is a name or an id, which may hold slashes.
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    /// Whether a parameter for a namespace is refused; others leave it unread.
    pub(super) has_namespace: bool,
    pub(super) handler: Handler,
    /// What its caller must be permitted.
    pub(super) permission: Permission,
}

/// What an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handler {
    StatusLeader,
    StatusPeers,
    AgentSelf,
    AgentMembers,
    AgentMetrics,
    AgentReload,
    AgentServices,
    AgentService,
    AgentChecks,
    AgentHealthById,
    AgentHealthByName,
    CatalogDatacenters,
    CatalogNodes,
    CatalogServices,
    CatalogService,
    CatalogNode,
    CatalogNodeServices,
    HealthNode,
    HealthChecks,
    HealthService,
    HealthState,
    Write(WriteHandler),
}

/// What an endpoint changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteHandler {
    AgentMaintenance,
    AgentServiceRegister,
    AgentServiceDeregister,
    AgentServiceMaintenance,
    AgentCheckRegister,
    AgentCheckDeregister,
    AgentCheckReport(HealthState),
    AgentCheckUpdate,
    CatalogRegister,
    CatalogDeregister,
}

const fn read(path: &'static str, handler: Handler) -> Endpoint {
    Endpoint { path, method: "GET", has_namespace: true, handler, permission: Permission::Discover }
}

const fn write(path: &'static str, handler: WriteHandler) -> Endpoint {
    let handler = Handler::Write(handler);
    Endpoint { path, method: "PUT", has_namespace: true, handler, permission: Permission::Register }
}

/// A read that knows no namespaces.
const fn plain(path: &'static str, handler: Handler) -> Endpoint {
    Endpoint { has_namespace: false, ..read(path, handler) }
}

/// What the server itself is and does.
const fn status(path: &'static str, handler: Handler) -> Endpoint {
    Endpoint { permission: Permission::ReadStatus, ..plain(path, handler) }
}

/// A write to the server itself.
const fn node(path: &'static str, handler: Handler, permission: Permission) -> Endpoint {
    Endpoint { path, method: "PUT", has_namespace: false, handler, permission }
}

/// What a service says of its own health.
const fn report(path: &'static str, handler: WriteHandler) -> Endpoint {
    Endpoint { permission: Permission::Heartbeat, ..write(path, handler) }
}

/// All of them. Of several prefixes of a path the longest counts.
pub(super) const ENDPOINTS: [Endpoint; 33] = [
    status("/v1/status/leader", Handler::StatusLeader),
    status("/v1/status/peers", Handler::StatusPeers),
    status("/v1/agent/self", Handler::AgentSelf),
    status("/v1/agent/members", Handler::AgentMembers),
    status("/v1/agent/metrics", Handler::AgentMetrics),
    node("/v1/agent/reload", Handler::AgentReload, Permission::Administer),
    node("/v1/agent/maintenance", Handler::Write(WriteHandler::AgentMaintenance), Permission::Register),
    read("/v1/agent/services", Handler::AgentServices),
    read("/v1/agent/service/", Handler::AgentService),
    write("/v1/agent/service/register", WriteHandler::AgentServiceRegister),
    write("/v1/agent/service/deregister/", WriteHandler::AgentServiceDeregister),
    write("/v1/agent/service/maintenance/", WriteHandler::AgentServiceMaintenance),
    read("/v1/agent/checks", Handler::AgentChecks),
    write("/v1/agent/check/register", WriteHandler::AgentCheckRegister),
    write("/v1/agent/check/deregister/", WriteHandler::AgentCheckDeregister),
    report("/v1/agent/check/pass/", WriteHandler::AgentCheckReport(HealthState::Healthy)),
    report("/v1/agent/check/warn/", WriteHandler::AgentCheckReport(HealthState::Degraded)),
    report("/v1/agent/check/fail/", WriteHandler::AgentCheckReport(HealthState::Unhealthy)),
    report("/v1/agent/check/update/", WriteHandler::AgentCheckUpdate),
    read("/v1/agent/health/service/id/", Handler::AgentHealthById),
    read("/v1/agent/health/service/name/", Handler::AgentHealthByName),
    write("/v1/catalog/register", WriteHandler::CatalogRegister),
    write("/v1/catalog/deregister", WriteHandler::CatalogDeregister),
    plain("/v1/catalog/datacenters", Handler::CatalogDatacenters),
    plain("/v1/catalog/nodes", Handler::CatalogNodes),
    read("/v1/catalog/services", Handler::CatalogServices),
    read("/v1/catalog/service/", Handler::CatalogService),
    read("/v1/catalog/node/", Handler::CatalogNode),
    read("/v1/catalog/node-services/", Handler::CatalogNodeServices),
    read("/v1/health/node/", Handler::HealthNode),
    read("/v1/health/checks/", Handler::HealthChecks),
    read("/v1/health/service/", Handler::HealthService),
    read("/v1/health/state/", Handler::HealthState),
];

/// Paths of Consul that are not here, and what they are.
pub(super) const UNSUPPORTED: [(&str, &str); 13] = [
    ("/v1/kv", "key/value store"),
    ("/v1/session", "sessions"),
    ("/v1/acl", "ACLs"),
    ("/v1/agent/token", "ACLs"),
    ("/v1/connect", "Connect"),
    ("/v1/agent/connect", "Connect"),
    ("/v1/config", "configuration entries"),
    ("/v1/query", "prepared queries"),
    ("/v1/event", "events"),
    ("/v1/txn", "transactions"),
    ("/v1/snapshot", "snapshots"),
    ("/v1/coordinate", "coordinates"),
    ("/v1/operator", "operator API"),
];

/// The endpoint of a path, and what follows it.
pub(super) fn find(path: &str) -> Option<(&'static Endpoint, &str)> {
    let matching = ENDPOINTS.iter().filter_map(|endpoint| {
        let rest = path.strip_prefix(endpoint.path)?;
        (rest.is_empty() || endpoint.path.ends_with('/')).then_some((endpoint, rest))
    });
    matching.max_by_key(|(endpoint, _)| endpoint.path.len())
}

/// The paths of all endpoints, each of them once.
pub(super) fn metric_paths() -> impl Iterator<Item = &'static &'static str> {
    let paths = ENDPOINTS.iter().map(|endpoint| &endpoint.path);
    paths
        .enumerate()
        .filter(|(at, path)| ENDPOINTS[..*at].iter().all(|known| known.path != **path))
        .map(|(_, path)| path)
}

/// Whether a path is the prefix of an endpoint.
pub(super) fn is_prefix(path: &str) -> bool {
    ENDPOINTS.iter().any(|endpoint| endpoint.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(Handler, &str)> {
        find(path).map(|(endpoint, rest)| (endpoint.handler, rest))
    }

    #[test]
    fn the_longest_prefix_counts_and_names_may_hold_slashes() {
        assert_eq!(found("/v1/agent/service/register"), Some((Handler::Write(WriteHandler::AgentServiceRegister), "")));
        assert_eq!(found("/v1/agent/service/web/1"), Some((Handler::AgentService, "web/1")));
        assert_eq!(
            found("/v1/agent/service/deregister/a"),
            Some((Handler::Write(WriteHandler::AgentServiceDeregister), "a"))
        );
        assert_eq!(found("/v1/catalog/service/"), Some((Handler::CatalogService, "")));
        assert_eq!(found("/v1/catalog/services/"), None);
        assert_eq!(found("/v1/kv/a"), None);
        assert!(is_prefix("/v1/catalog/service/") && !is_prefix("/v1/catalog/services/"));
    }
}
