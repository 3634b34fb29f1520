//! The protocol checks, STARTTLS and h2 against real servers.

use serde_json::Value;

use crate::support::{KINDS, Kind, Servers};

const NAMES: &[&str] = &[
    "imap",
    "imaps",
    "mariadb",
    "memcached",
    "mosquitto",
    "nats",
    "nginx",
    "nginx-tls",
    "pop3",
    "pop3s",
    "postfix",
    "postgresql",
    "redis",
    "redis-password",
    "redis-tls",
    "slapd",
    "ssh",
    "vsftpd",
    "zookeeper",
];

/// The codes of one server's findings that do not depend on latency, and the checks that ran.
fn judged(servers: &Servers, name: &str, args: &str) -> (Vec<String>, Vec<String>) {
    let (server, scene) = (servers.get(name), servers.scene());
    let certificate = scene.dir().join(name).join("cert.pem");
    let trusting = format!("--ca {} --server-name test.local --no-check dns", certificate.display());
    let run = scene.validate().arg(&server.address.to_string()).args(args).args(&trusting).args("--json");
    let outcome = run.run();
    // 1 where the server is unhealthy.
    assert!(matches!(outcome.code, Some(0 | 1)), "{args}: {}", outcome.stderr);
    let document = outcome.document();

    let health = &document["items"][0]["endpoints"][0]["health"];
    assert_eq!(health["complete"], true, "{args}: {health}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let codes = health["findings"].as_array().unwrap().iter().map(|found| text(&found["code"]));
    let coverage = health["coverage"].as_array().unwrap().iter().map(text).collect();

    // The package decides which old versions a server accepts.
    (codes.filter(|code| !code.contains("latency") && code != "tls-obsolete-accepted").collect(), coverage)
}

/// The arguments for a healthy server.
fn how(kind: &Kind) -> &'static str {
    match kind.name {
        "imaps" => "imaps",
        "pop3s" => "pop3s",
        "nginx-tls" => "https",
        "redis-tls" => "rediss",
        _ => kind.protocol,
    }
}

#[test]
fn healthy_servers_pass_their_protocol_checks() {
    let servers = Servers::start(KINDS.iter().filter(|kind| NAMES.contains(&kind.name)), 0);
    for server in &servers.all {
        let name = server.kind.name;
        let (found, coverage) = judged(&servers, name, &format!("--protocol {}", how(server.kind)));
        assert_eq!(found, [""; 0], "{name}");
        let check = if server.kind.protocol == "http" { "http" } else { "protocol" };
        assert!(coverage.iter().any(|word| word == check), "{name}: {coverage:?}");
    }
    for (name, word) in [
        ("postfix", "smtp"),
        ("imap", "imap"),
        ("pop3", "pop3"),
        ("vsftpd", "ftp"),
        ("postgresql", "postgresql"),
        ("mariadb", "mysql"),
        ("slapd", "ldap"),
    ] {
        let (found, coverage) = judged(&servers, name, &format!("--starttls {word} --protocol {word}"));
        assert_eq!(found, [""; 0], "{name} with STARTTLS");
        assert!(coverage.iter().any(|word| word == "tls"), "{name}: {coverage:?}");
    }
    let (found, _) = judged(&servers, "nginx", "--starttls ldap --timeout 1s --retries 0");

    assert_eq!(found, ["tls-handshake-failed"], "HTTP where LDAP is said to go over to TLS");
    for wrong in [
        "redis",
        "smtp",
        "imap",
        "nats",
        "ssh",
        "memcached",
        "zookeeper",
        "postgresql",
        "mysql",
        "mongodb",
        "mqtt",
        "ldap",
    ] {
        let (found, _) = judged(&servers, "nginx", &format!("--protocol {wrong} --timeout 1s --retries 0"));
        assert_eq!(found, ["protocol-unwell"], "HTTP where {wrong} is declared");
    }
    let (found, _) = judged(&servers, "ssh", "--protocol http");

    assert_eq!(found, ["http-invalid"]);
}
