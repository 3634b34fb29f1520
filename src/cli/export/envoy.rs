//! Envoy: the endpoints of clusters (EDS), for a `path_config_source`.

use serde_json::{Value, json};

use super::servers::{ExportedService, ProxyServer, ServerHost};

pub(super) fn render(services: &[ExportedService]) -> String {
    let resources: Vec<Value> = services.iter().map(assignment).collect();
    // Texts and numbers always serialise.
    let mut text = serde_json::to_string_pretty(&json!({ "resources": resources })).unwrap_or_default();
    text.push('\n');
    text
}

fn assignment(service: &ExportedService) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": service.name,
        "endpoints": [{ "lb_endpoints": service.servers.iter().map(endpoint).collect::<Vec<_>>() }],
    })
}

fn endpoint(server: &ProxyServer) -> Value {
    let address = match &server.host {
        ServerHost::Ip(ip) => ip.to_string(),
        // Only the other proxies get these.
        ServerHost::Name(name) => name.clone(),
    };
    json!({
        "endpoint": { "address": { "socket_address": { "address": address, "port_value": server.port } } },
        "load_balancing_weight": server.weight,
    })
}

#[cfg(test)]
mod tests {
    use crate::cli::export::servers::tests::example;

    #[test]
    fn each_service_is_a_cluster() {
        let document: serde_json::Value = serde_json::from_str(&super::render(&example())).unwrap();
        let cluster = &document["resources"][0];
        assert_eq!(cluster["cluster_name"], "web");
        let second = &cluster["endpoints"][0]["lb_endpoints"][1];
        assert_eq!(second["endpoint"]["address"]["socket_address"]["address"], "2001:db8::1");
        assert_eq!(second["load_balancing_weight"], 600);
    }
}
