//! The application protocol of a port, as the cluster declares it.

/// The protocol of a port: its appProtocol, else what its name says by the convention `PROTOCOL` or `PROTOCOL-SUFFIX` (Istio,
/// "Protocol Selection"). An appProtocol that portolan does not know still rules out every other protocol.
pub(super) fn declared_protocol(app_protocol: Option<&str>, name: Option<&str>) -> Option<String> {
    if let Some(declared) = app_protocol.filter(|declared| !declared.is_empty()) {
        let declared = declared.to_ascii_lowercase();
        let protocol = match declared.as_str() {
            "kubernetes.io/h2c" | "http2" => "h2c",
            "kubernetes.io/ws" | "ws" | "grpc-web" => "http",
            "kubernetes.io/wss" | "wss" => "https",
            other => canonical(other).unwrap_or(other),
        };
        return Some(protocol.to_owned());
    }

    let name = name?.to_ascii_lowercase();
    let first = name.split('-').next().unwrap_or_default();
    let protocol = match (first, name.as_str()) {
        ("grpc", name) if name.starts_with("grpc-web") => "http",
        ("http2" | "h2c", _) => "h2c",
        (first, _) => canonical(first)?,
    };
    Some(protocol.to_owned())
}

/// The name that checks use for a protocol.
fn canonical(word: &str) -> Option<&'static str> {
    Some(match word {
        "http" => "http",
        "https" => "https",
        "grpc" => "grpc",
        "grpcs" => "grpcs",
        "tcp" => "tcp",
        "tls" => "tls",
        "redis" => "redis",
        "rediss" => "rediss",
        "postgres" | "postgresql" => "postgresql",
        "mysql" => "mysql",
        "mongo" | "mongodb" => "mongodb",
        "amqp" => "amqp",
        "memcached" => "memcached",
        "nats" => "nats",
        "smtp" => "smtp",
        "imap" => "imap",
        "ssh" => "ssh",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_protocol_comes_before_the_name_and_a_name_may_have_a_suffix() {
        let cases = [
            (Some("http"), None, Some("http")),
            (Some("HTTPS"), Some("http"), Some("https")),
            (Some("kubernetes.io/h2c"), None, Some("h2c")),
            (Some("kubernetes.io/wss"), None, Some("https")),
            (Some("example.com/own"), Some("http"), Some("example.com/own")),
            (Some("tcp"), Some("http"), Some("tcp")),
            (Some(""), Some("http"), Some("http")),
            (None, Some("http"), Some("http")),
            (None, Some("http-metrics"), Some("http")),
            (None, Some("https-web"), Some("https")),
            (None, Some("http2-api"), Some("h2c")),
            (None, Some("grpc-web"), Some("http")),
            (None, Some("grpc-api"), Some("grpc")),
            (None, Some("mongo"), Some("mongodb")),
            (None, Some("tcp-main"), Some("tcp")),
            (None, Some("httpd"), None),
            (None, Some("web"), None),
            (None, Some("metrics-http"), None),
            (None, None, None),
        ];
        for (app_protocol, name, expected) in cases {
            let declared = declared_protocol(app_protocol, name);
            assert_eq!(declared.as_deref(), expected, "{app_protocol:?} {name:?}");
        }
    }
}
