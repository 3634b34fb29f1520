//! nginx: an upstream for each service, for an include within `http` or `stream`.

use std::fmt::Write as _;

use super::servers::ExportedService;

pub(super) fn render(services: &[ExportedService]) -> String {
    let mut text = "# Written by portolan export; changes are lost.\n".to_owned();
    for service in services {
        // Writing to a String never fails.
        let _ = writeln!(text, "upstream {} {{", service.name);
        for server in &service.servers {
            let _ = write!(text, "    server {}", server.place());
            if service.has_weights() {
                let _ = write!(text, " weight={}", server.weight);
            }
            text.push_str(";\n");
        }
        // nginx refuses an upstream without a server; one that is down is never connected to.
        if service.servers.is_empty() {
            text.push_str("    server 127.0.0.1:9 down;\n");
        }
        text.push_str("}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::cli::export::servers::tests::example;

    #[test]
    fn an_empty_upstream_has_a_server_that_is_down() {
        assert_eq!(
            super::render(&example()),
            "# Written by portolan export; changes are lost.\n\
             upstream web {\n    \
             server 10.0.0.1:8080 weight=1;\n    \
             server [2001:db8::1]:8080 weight=600;\n    \
             server db.example.org:8080 weight=1;\n\
             }\n\
             upstream cart.v2 {\n    \
             server 127.0.0.1:9 down;\n\
             }\n"
        );
    }
}
