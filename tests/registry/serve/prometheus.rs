//! Targets for Prometheus: what the route answers, and that a real Prometheus follows it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Server;
use super::server::{exchange, folder};
use crate::support::{HANG, finish, kill, output, tool};

fn web(id: &str, port: u16) -> String {
    json!({ "id": id, "name": "web", "version": "1.2.0", "address": "127.0.0.1", "port": port, "protocol": "http", "ttl": 0,
        "tags": ["api", "v1"], "metadata": { "team-name": "platform" }, "node": "n1", "zone": "a" })
    .to_string()
}

#[test]
fn targets_have_the_labels_of_consul_sd() {
    let server = Server::in_memory();
    let never = server.get("/sd/prometheus");
    assert_eq!(never.status, 503, "a server that never had a set does not claim that it is empty: {}", never.text());
    assert_eq!(never.header("retry-after"), Some("1"));

    let id = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";
    server.register(&web(id, 9_100));
    let reply = server.get("/sd/prometheus");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(
        reply.json(),
        json!([{ "targets": ["127.0.0.1:9100"], "labels": {
            "__meta_consul_service": "web",
            "__meta_consul_service_id": id,
            "__meta_consul_service_address": "127.0.0.1",
            "__meta_consul_service_port": "9100",
            "__meta_consul_address": "127.0.0.1",
            "__meta_consul_node": "n1",
            "__meta_consul_dc": "default",
            "__meta_consul_namespace": "default",
            "__meta_consul_health": "passing",
            "__meta_consul_tags": ",api,v1,",
            "__meta_consul_service_metadata_team_name": "platform",
            "__meta_portolan_version": "1.2.0",
            "__meta_portolan_protocol": "http",
            "__meta_portolan_zone": "a",
            "__meta_portolan_status": "up",
        } }])
    );

    server.register(r#"{"name":"db","address":"db.example.org","port":5432,"ttl":0,"status":"maintenance"}"#);
    server.register(r#"{"name":"cache","address":"::1","port":6379,"ttl":0}"#);
    for (query, targets) in [
        ("", &["127.0.0.1:9100", "[::1]:6379", "db.example.org:5432"] as &[&str]),
        ("?service=web", &["127.0.0.1:9100"]),
        ("?service=web&service=cache", &["127.0.0.1:9100", "[::1]:6379"]),
        ("?tag=api&tag=v1", &["127.0.0.1:9100"]),
        ("?tag=api&tag=v2", &[]),
        ("?metadata.team-name=platform", &["127.0.0.1:9100"]),
        ("?usable=true", &["127.0.0.1:9100", "[::1]:6379"]),
        ("?health=unhealthy", &["db.example.org:5432"]),
        ("?health=critical", &[]),
        ("?health=passing&service=web", &["127.0.0.1:9100"]),
        ("?health=maintenance", &["db.example.org:5432"]),
    ] {
        let reply = server.get(&format!("/sd/prometheus{query}"));
        let groups = reply.json();
        let groups = groups.as_array().unwrap().iter();
        let found: BTreeSet<&str> = groups.map(|group| group["targets"][0].as_str().unwrap()).collect();
        assert_eq!(found, targets.iter().copied().collect(), "{query}");
    }
    assert_eq!(server.get("/sd/prometheus?servce=web").status, 400);
    for (query, part) in [
        ("health=passin", "passin"),
        ("service=wep", "did you mean web?"),
        ("service=web&service=w*", "is a pattern"),
        ("service=nothing-of-this", "no service has the name"),
    ] {
        let reply = server.get(&format!("/sd/prometheus?{query}"));
        assert!(reply.status == 400 && reply.text().contains(part), "{query}: {}", reply.text());
    }

    // An instance that drains is in maintenance, as in Consul's API.
    assert_eq!(server.send("PUT", &format!("/api/v1/services/{id}"), Some(r#"{"status":"draining"}"#)).status, 200);
    let draining = server.get("/sd/prometheus?service=web").json();
    assert_eq!(draining[0]["labels"]["__meta_consul_health"], "maintenance", "{draining}");

    for instance in server.get("/api/v1/services").json()["data"]["services"].as_array().unwrap() {
        let path = format!("/api/v1/services/{}", instance["id"].as_str().unwrap());
        assert_eq!(server.send("DELETE", &path, None).status, 204);
    }
    let empty = server.get("/sd/prometheus");
    assert_eq!((empty.status, empty.json()), (200, json!([])), "now it is true");
    let gone = server.get("/sd/prometheus?service=web");
    assert_eq!((gone.status, gone.json()), (200, json!([])), "its last instance has gone");
}

/// A Prometheus that is ended with the test.
struct Prometheus {
    child: Option<Child>,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &Path, registry: SocketAddr) -> Self {
        let settings = format!(
            "global: {{scrape_interval: 1h}}\nscrape_configs:\n- job_name: registry\n  http_sd_configs:\n  \
             - {{url: 'http://{registry}/sd/prometheus?service=web', refresh_interval: 1s}}\n  relabel_configs:\n  \
             - {{source_labels: [__meta_consul_tags], regex: '.*,api,.*', action: keep}}\n  \
             - {{source_labels: [__meta_consul_service], target_label: service}}\n"
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, settings).unwrap();
        let checked = output(tool("promtool").args(["check", "config"]).arg(&file));
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = tool("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < HANG, "Prometheus does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    /// The targets, with the label `service`.
    fn targets(&self) -> BTreeSet<String> {
        let request = b"GET /api/v1/targets?state=active HTTP/1.1\r\nHost: prometheus\r\nConnection: close\r\n\r\n";
        let reply = exchange(self.address, request);
        if reply.status != 200 {
            return BTreeSet::new();
        }
        let document: Value = reply.json();
        let active = document["data"]["activeTargets"].as_array().unwrap().iter();
        active
            .map(|target| {
                let labels = &target["labels"];
                format!("{} {}", labels["service"].as_str().unwrap(), labels["instance"].as_str().unwrap())
            })
            .collect()
    }

    fn until(&self, wanted: &[&str]) {
        let wanted: BTreeSet<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        let begun = Instant::now();
        loop {
            let found = self.targets();
            if found == wanted {
                return;
            }
            assert!(begun.elapsed() < HANG, "{found:?}, not {wanted:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill(child.id(), Signal::TERM);
            finish(child);
        }
    }
}

/// Targets follow the registry, and outlast its restart.
#[test]
fn a_real_prometheus_follows_the_registry() {
    let dir = folder();
    let data = dir.path().join("registry.db");
    let server = Server::on_file(&data);
    let (first, second) = ("0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f", "1b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f");
    server.register(&web(first, 19_101));
    let prometheus = Prometheus::start(dir.path(), server.address);
    prometheus.until(&["web 127.0.0.1:19101"]);
    server.register(&web(second, 19_102));
    prometheus.until(&["web 127.0.0.1:19101", "web 127.0.0.1:19102"]);

    // Longer than a refresh interval without the registry: no target is lost.
    let address = server.address;
    server.kill();
    let both = prometheus.targets();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(prometheus.targets(), both);
        thread::sleep(Duration::from_millis(50));
    }
    let again = Server::with(["--data", data.to_str().unwrap(), "--listen", &address.to_string()]);
    assert_eq!(again.send("DELETE", &format!("/api/v1/services/{first}"), None).status, 204);
    prometheus.until(&["web 127.0.0.1:19102"]);
}
