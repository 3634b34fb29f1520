//! Traefik: HTTP services for its file provider.

use std::fmt::Write as _;

use super::servers::{ExportedService, ProxyServer};

pub(super) fn render(services: &[ExportedService]) -> String {
    let mut text = "# Written by portolan export; changes are lost.\nhttp:\n  services:\n".to_owned();
    for service in services {
        // Writing to a String never fails.
        let _ = writeln!(text, "    \"{}\":\n      loadBalancer:", service.name);
        if service.servers.is_empty() {
            text.push_str("        servers: []\n");
            continue;
        }
        text.push_str("        servers:\n");
        for server in &service.servers {
            let _ = writeln!(text, "          - url: \"{}://{}\"", scheme(server), server.place());
            if service.has_weights() {
                let _ = writeln!(text, "            weight: {}", server.weight);
            }
        }
    }
    text
}

/// The scheme of a server's URL: gRPC is HTTP/2 without TLS.
fn scheme(server: &ProxyServer) -> &'static str {
    match server.protocol.as_deref() {
        Some("https") => "https",
        Some("grpc" | "h2c") => "h2c",
        _ => "http",
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::export::servers::tests::example;

    #[test]
    fn the_file_is_yaml() {
        let document: serde_json::Value = yaml_serde::from_str(&super::render(&example())).unwrap();
        let services = &document["http"]["services"];
        let servers = services["web"]["loadBalancer"]["servers"].as_array().unwrap();
        assert_eq!(servers[1], serde_json::json!({ "url": "http://[2001:db8::1]:8080", "weight": 600 }));
        assert_eq!(services["cart.v2"]["loadBalancer"]["servers"], serde_json::json!([]));
    }
}
