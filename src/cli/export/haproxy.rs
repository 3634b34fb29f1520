//! HAProxy: a backend for each service, for a second file beside the main one (`haproxy -f main.cfg -f services.cfg`).

use std::fmt::Write as _;
use std::net::IpAddr;

use super::servers::{ExportedService, ProxyServer, ServerHost};

/// HAProxy's largest weight.
const MAX_WEIGHT: u32 = 256;

pub(super) fn render(services: &[ExportedService]) -> String {
    let mut text = "# Written by portolan export; changes are lost.\n".to_owned();
    for service in services {
        let heaviest = service.servers.iter().map(|server| u32::from(server.weight)).max().unwrap_or(1);
        // Writing to a String never fails.
        let _ = writeln!(text, "backend {}", service.name);
        for server in &service.servers {
            let _ = write!(text, "    server {} {}", name(server), server.place());
            if service.has_weights() {
                let _ = write!(text, " weight {}", weight(u32::from(server.weight), heaviest));
            }
            text.push('\n');
        }
    }
    text
}

/// The weight in HAProxy's range, in the same proportion.
fn weight(weight: u32, heaviest: u32) -> u32 {
    if heaviest <= MAX_WEIGHT { weight } else { (weight * MAX_WEIGHT / heaviest).max(1) }
}

/// The name of a server, which may have colons and no brackets. It is the same as long as the address is, so that HAProxy
/// keeps the server's state over a reload.
fn name(server: &ProxyServer) -> String {
    match &server.host {
        ServerHost::Ip(IpAddr::V6(ip)) => format!("{ip}:{}", server.port),
        _ => server.place(),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::export::servers::tests::example;

    #[test]
    fn weights_keep_their_proportion_within_256() {
        assert_eq!(
            super::render(&example()),
            "# Written by portolan export; changes are lost.\n\
             backend web\n    \
             server 10.0.0.1:8080 10.0.0.1:8080 weight 1\n    \
             server 2001:db8::1:8080 [2001:db8::1]:8080 weight 256\n    \
             server db.example.org:8080 db.example.org:8080 weight 1\n\
             backend cart.v2\n"
        );
    }
}
