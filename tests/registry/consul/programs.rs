//! Consul's own command line against ours and against the real server, and our own commands against ours.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use portolan::source::{Consul, collect};
use serde_json::{Value, json};

use super::client::{ConsulServer, send};
use crate::sources::programs::{consul, consul_path};
use crate::support::{HANG, TempDir, portolan_path};

/// Runs Consul's program against a server.
fn run(address: SocketAddr, args: &[&str]) -> Output {
    let mut command = Command::new(consul_path());
    command.args(args).env_clear().env("CONSUL_HTTP_ADDR", address.to_string()).stdin(Stdio::null());
    command.output().unwrap()
}

/// What it printed, line by line, without the width of its columns and what differs between any two servers.
fn printed(address: SocketAddr, args: &[&str]) -> (bool, Vec<String>) {
    let output = run(address, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(|line| line.split_whitespace().map(plain).collect::<Vec<_>>().join(" "));
    (output.status.success(), lines.collect())
}

/// A word, without addresses, ports and ids.
fn plain(word: &str) -> String {
    let bare = word.trim_matches(|c| matches!(c, '"' | ',' | ':'));
    let host = bare.rsplit('=').next().unwrap_or(bare);
    let is_address = host.split(':').next().is_some_and(|ip| ip.parse::<std::net::Ipv4Addr>().is_ok());
    let is_hex = |text: &str| text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if is_address {
        word.replace(host, "ADDRESS")
    } else if is_hex(bare) {
        word.replace(bare, "ID")
    } else {
        word.to_owned()
    }
}

#[test]
fn consuls_own_program_prints_the_same() {
    let (real, own) = (consul(), ConsulServer::start());
    let begun = std::time::Instant::now();
    while !send(real.address, "GET", "/v1/catalog/services", "", &Value::Null).text().contains("\"consul\"") {
        assert!(begun.elapsed() < HANG, "{}", real.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let folder = TempDir::new();
    let file = folder.path().join("db.json");
    let definition = json!({ "service": { "name": "db", "id": "db-1", "port": 5432, "tags": ["sql"], "meta": { "v": "1" },
        "checks": [{ "ttl": "1h", "status": "passing" }] } });
    std::fs::write(&file, definition.to_string()).unwrap();
    let file = file.to_str().unwrap();

    let commands: [&[&str]; 26] = [
        &["services", "register", "-name=web", "-port=80", "-tag=a", "-tag=b", "-meta=x=y"],
        &["services", "register", file],
        &["services", "register"],
        &["catalog", "datacenters"],
        &["catalog", "services"],
        &["catalog", "services", "-tags"],
        &["catalog", "services", "-node=n1"],
        &["catalog", "nodes"],
        &["catalog", "nodes", "-service=web"],
        &["catalog", "nodes", "-service=nope"],
        &["members"],
        &["maint", "-enable", "-reason=upgrade"],
        &["maint"],
        &["maint", "-disable"],
        &["maint", "-enable", "-service=web", "-reason=why"],
        &["maint"],
        &["maint", "-disable", "-service=web"],
        &["maint"],
        &["maint", "-enable", "-service=nope"],
        &["reload"],
        &["watch", "-type=services"],
        &["watch", "-type=checks", "-state=warning"],
        &["services", "deregister", "-id=web"],
        &["services", "deregister", "-id=nope"],
        &["services", "deregister", file],
        &["catalog", "services"],
    ];
    for args in commands {
        let (mut real, mut own) = (printed(real.address, args), printed(own.address, args));
        if args[0] == "watch" {
            // Consul lists tags in any order, and a comma stands behind all but the last.
            for (_, lines) in [&mut real, &mut own] {
                *lines = lines.iter().map(|line| line.trim_end_matches(',').to_owned()).collect();
                lines.sort_unstable();
            }
        }
        assert_eq!(own, real, "consul {}", args.join(" "));
    }
    info_and_watches(real.address, own.address);
}

/// Commands whose output also holds what only one of the servers has.
fn info_and_watches(real: SocketAddr, own: SocketAddr) {
    let (_, real_info) = printed(real, &["info"]);
    let (success, info) = printed(own, &["info"]);
    assert!(success);
    for line in [
        "agent:",
        "build:",
        "consul:",
        "acl = disabled",
        "bootstrap = true",
        "leader = true",
        "version = 1.8.7",
        "state = Leader",
    ] {
        assert!(real_info.iter().any(|known| known == line), "{real_info:?}");
        assert!(info.iter().any(|known| known == line), "{line}: {info:?}");
    }

    for address in [real, own] {
        let body = json!({ "ID": "w", "Name": "watched", "Port": 80, "Address": "127.0.0.1", "Check": { "TTL": "1h", "Status": "passing" } });
        assert_eq!(send(address, "PUT", "/v1/agent/service/register", "", &body).status, 200);
    }
    let watched = |address, args: &[&str]| -> Value {
        let output = run(address, args);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let args = ["watch", "-type=service", "-service=watched"];
    let [real_seen, own_seen] = [real, own].map(|address| watched(address, &args)[0].clone());
    for field in ["ID", "Service", "Port", "Tags", "Weights", "TaggedAddresses"] {
        assert_eq!(own_seen["Service"][field], real_seen["Service"][field], "{field}");
    }
    let names = |value: &Value| value.as_array().unwrap().iter().map(|one| one["Node"].clone()).collect::<Vec<_>>();
    let args = ["watch", "-type=nodes"];
    assert_eq!(names(&watched(own, &args)), names(&watched(real, &args)));
}

/// Our own commands take ours for a Consul.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_commands_use_it_as_a_consul() {
    let server = ConsulServer::start();
    let url = format!("consul://{}", server.address);
    let portolan = |args: &[&str]| {
        let mut command = Command::new(portolan_path());
        command.args(args).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
        command.output().unwrap()
    };

    let mut registered = Command::new(portolan_path());
    let place = ["--name", "web", "--address", "127.0.0.1", "--port", "8080", "--id", "web-1", "--tag", "api"];
    registered.arg("register").args(place).args(["--ttl", "30s", "--registry", &url]);
    registered
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = registered.spawn().unwrap();
    let begun = std::time::Instant::now();
    while server.read("/v1/health/service/web?passing").as_array().unwrap().is_empty() {
        assert!(begun.elapsed() < HANG, "it does not register");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let check = server.read("/v1/agent/checks")["service:web-1"].clone();
    assert_eq!((&check["Status"], &check["Name"]), (&json!("passing"), &json!("portolan heartbeat")));

    let resolved = portolan(&["resolve", "web", "--registry", &url]);
    assert_eq!(String::from_utf8_lossy(&resolved.stdout).trim(), "127.0.0.1:8080", "{resolved:?}");
    let source = Consul { address: Some(server.address.to_string()), ..Consul::default() };
    let listing = collect(&source).await.unwrap();
    let ids: Vec<String> = listing.services.iter().map(|service| service.id.to_string()).collect();
    assert_eq!(ids, ["consul/consul", "consul/web"]);

    crate::support::kill(child.id(), rustix::process::Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert!(server.read("/v1/health/service/web").as_array().unwrap().is_empty(), "it deregisters: {output:?}");
}
