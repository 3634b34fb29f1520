//! The metrics: by the rules of Prometheus, and what the dashboard and the alert rules of `packaging` ask for is there.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::Server;
use super::server::{folder, wait_until};
use super::tls::{self, Authority, curl_path};
use crate::support::{hear, needs_root, output, portolan_path, tool};

const ID: &str = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";

/// What promtool says of metrics; `Err` if it finds something.
fn promtool(metrics: &str) -> Result<(), String> {
    let mut promtool = tool("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = hear(child, "promtool");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.trim().is_empty() { Ok(()) } else { Err(said) }
}

/// The value of a line.
#[track_caller]
fn value(metrics: &str, line: &str) -> f64 {
    let found = metrics.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{line} is not in\n{metrics}")).parse().unwrap()
}

/// A server that has done a little of everything.
fn busy_server(folder: &Path) -> (Server, TcpListener) {
    server_with(folder, "")
}

/// The same with more settings.
fn server_with(folder: &Path, more: &str) -> (Server, TcpListener) {
    // A file that is not there: an import that is not read.
    let missing = folder.join("missing.toml");
    let settings = format!("    default_interval: 5\n  imports: [\"missing=file:{}\"]\n{more}", missing.display());
    let server = Server::with_checks(folder, &settings);
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = target.local_addr().unwrap().port();
    let checks = json!([{ "check_type": "tcp", "interval": 1, "timeout": 1 }]);
    let web =
        json!({ "id": ID, "name": "web", "address": "127.0.0.1", "port": port, "ttl": 30, "health_checks": checks });

    server.register(&web.to_string());
    server.discover("service_name=web");
    server.get("/nothing");
    server.post(&format!("/api/v1/services/{ID}/heartbeat"), "");
    (server, target)
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let dir = folder();
    let (server, _target) = busy_server(dir.path());
    wait_until(|| server.get("/metrics").text().contains("portolan_checks_total{kind=\"tcp\",result=\"healthy\"}"));
    let metrics = server.get("/metrics").text();
    promtool(&metrics).unwrap();
    promtool(&metrics.replace("portolan_writes_total", "portolan_writes")).unwrap_err();

    for (line, wanted) in [
        ("portolan_services", 1.0),
        ("portolan_instances{state=\"healthy\"}", 1.0),
        ("portolan_service_instances{namespace=\"default\",service=\"web\",state=\"healthy\"}", 1.0),
        ("portolan_service_instances{namespace=\"default\",service=\"web\",state=\"unhealthy\"}", 0.0),
        ("portolan_unlisted_services", 0.0),
        ("portolan_leases", 1.0),
        ("portolan_expired_leases", 0.0),
        ("portolan_writes_total", 1.0),
        ("portolan_heartbeats_total", 1.0),
        ("portolan_picks_total", 1.0),
        ("portolan_changes_total{kind=\"added\",cause=\"registered\"}", 1.0),
        ("portolan_changes_total{kind=\"removed\",cause=\"lease-expired\"}", 0.0),
        ("portolan_http_requests_total{route=\"/api/v1/services\",method=\"POST\",status=\"201\"}", 1.0),
        ("portolan_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"}", 1.0),
        ("portolan_http_request_duration_seconds_count{route=\"/api/v1/discover\",method=\"GET\"}", 1.0),
        ("portolan_ready", 1.0),
        ("portolan_store_healthy", 1.0),
        ("portolan_max_queued_writes", 4_096.0),
        ("portolan_max_connections", 10_000.0),
        ("portolan_event_stream_max_lag", 0.0),
        ("portolan_import_up{import=\"missing\"}", 0.0),
        ("portolan_import_instances{import=\"missing\"}", 0.0),
    ] {
        assert!((value(&metrics, line) - wanted).abs() < f64::EPSILON, "{line}\n{metrics}");
    }
    for line in ["process_open_fds", "process_max_fds", "process_threads", "process_resident_memory_bytes"] {
        assert!(value(&metrics, line) >= 1.0, "{line}");
    }
    assert!(value(&metrics, "process_start_time_seconds") > 1.7e9);
    value(&metrics, "process_cpu_seconds_total");
}

/// C44: the six names of the seed, only when they are asked for.
#[test]
fn the_older_names_are_there_on_request() {
    let server = Server::with(["--data", ":memory:", "--compat-metrics"]);
    for (id, port) in [("a", 1), ("b", 2), ("c", 3)] {
        server.register(&json!({ "id": id, "name": "web", "address": "10.0.0.1", "port": port }).to_string());
    }
    server.post("/api/v1/services/c/heartbeat", r#"{"status":"unhealthy"}"#);
    for _ in 0..4 {
        server.discover("service_name=web");
    }

    // Row O9: by kind and result.
    let checked = "service_discovery_health_checks_total{kind=\"tcp\",result=\"healthy\"}";
    let dir = folder();
    let (checking, _target) = server_with(dir.path(), "monitoring: { metrics: { compat: true } }\n");
    let checks = || {
        let metrics = checking.get("/metrics").text();
        metrics.lines().find_map(|line| line.strip_prefix(checked)?.trim().parse::<u64>().ok())
    };
    wait_until(|| checks().is_some_and(|count| count >= 2));

    let metrics = server.get("/metrics").text();
    let picks = |id: &str| {
        let line = format!("service_discovery_load_balancer_requests{{service=\"web\",instance=\"{id}\"}}");
        value(&metrics, &line)
    };
    for (line, wanted) in [
        ("service_discovery_services_total", 3.0),
        ("service_discovery_healthy_services", 2.0),
        ("service_discovery_requests_total{route=\"/api/v1/discover\",method=\"GET\",status=\"200\"}", 4.0),
        ("service_discovery_request_duration_seconds_count{route=\"/api/v1/discover\",method=\"GET\"}", 4.0),
        // Row O8: buckets around the times that an answer takes.
        (
            "service_discovery_request_duration_seconds_bucket{route=\"/api/v1/discover\",method=\"GET\",le=\"+Inf\"}",
            4.0,
        ),
    ] {
        assert!((value(&metrics, line) - wanted).abs() < f64::EPSILON, "{line}\n{metrics}");
    }
    for bound in ["0.001", "0.0025", "0.005", "0.01"] {
        let bucket =
            format!("_request_duration_seconds_bucket{{route=\"/api/v1/discover\",method=\"GET\",le=\"{bound}\"}}");
        assert!(metrics.contains(&bucket), "{bucket}\n{metrics}");
    }
    assert!((picks("a") + picks("b") + picks("c") - 4.0).abs() < f64::EPSILON, "the sum is the number of answers");
    assert!(metrics.contains("# TYPE service_discovery_health_checks_total counter"), "{metrics}");
    assert!(!Server::in_memory().get("/metrics").text().contains("service_discovery_"));
}

/// The names in a query of Prometheus that portolan or its process exports.
fn names(query: &str) -> BTreeSet<String> {
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("portolan_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// Every query below a key of a document.
fn queries(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key).and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| queries(value, key, found));
        }
        Value::Array(list) => list.iter().for_each(|value| queries(value, key, found)),
        _ => {}
    }
}

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

/// The dashboard and the alerts ask for nothing that the server does not export.
#[test]
fn the_dashboard_and_the_alerts_name_metrics_that_exist() {
    let dir = folder();
    let (server, _target) = busy_server(dir.path());
    wait_until(|| server.get("/metrics").text().contains("portolan_checks_total{"));
    // The certificate is there only with TLS.
    let authority = Authority::new();
    authority.issue(dir.path(), "server");
    let (_, encrypted) = curl_path(&tls::start(&dir, &[]), &dir, "/metrics", &["-k"]);
    let metrics = server.get("/metrics").text() + &encrypted;
    let exported = |name: &str| {
        metrics.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
    };
    assert!(exported("portolan_commit_duration_seconds_bucket") && !exported("portolan_commit_duration"));

    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(packaging("grafana/portolan.json")).unwrap()).unwrap();
    let alerts = fs::read_to_string(packaging("prometheus/alerts.yml")).unwrap();
    let alerts: Value = yaml_serde::from_str(&alerts).unwrap();
    let mut found = Vec::new();
    queries(&dashboard, "expr", &mut found);
    queries(&dashboard, "definition", &mut found);
    queries(&alerts, "expr", &mut found);
    assert!(found.len() > 50, "{}", found.len());
    let missing: BTreeSet<String> =
        found.iter().flat_map(|query| names(query)).filter(|name| !exported(name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in\n{metrics}");
}

#[test]
fn promtool_runs_the_tests_of_the_alert_rules() {
    let folder = packaging("prometheus");
    let tested = output(tool("promtool").args(["test", "rules", "alerts.test.yml"]).current_dir(&folder));
    let said = String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");

    // Each alert has a test of its own.
    let rules: Value = yaml_serde::from_str(&fs::read_to_string(folder.join("alerts.yml")).unwrap()).unwrap();
    let tests: Value = yaml_serde::from_str(&fs::read_to_string(folder.join("alerts.test.yml")).unwrap()).unwrap();
    let (mut alerts, mut tested) = (Vec::new(), Vec::new());
    queries(&rules, "alert", &mut alerts);
    queries(&tests, "name", &mut tested);
    assert!(alerts.iter().all(|alert| tested.contains(alert)), "{alerts:?} {tested:?}");
}

/// Rows I24 and F20: a store that fails does not end the server, and readiness tries it.
#[test]
fn health_names_the_parts() {
    let server = Server::in_memory();
    assert_eq!(server.get("/health").json(), json!({ "status": "healthy" }));
    assert_eq!(server.get("/health?ready=true").json(), json!({ "status": "healthy", "ready": true }));
    let deep = server.get("/health?deep=true").json();
    for part in ["store", "accepting", "write_queue"] {
        assert_eq!(deep["parts"][part]["status"], "healthy", "{deep}");
    }
    assert_eq!(deep["parts"]["health_monitor"]["status"], "off", "{deep}");
    assert_eq!(
        (&deep["status"], &deep["parts"]["imports"]),
        (&json!("healthy"), &json!({ "status": "healthy", "failing": 0 }))
    );

    // Row O2: it is ready, and what it shows of an import may be out of date.
    let dir = folder();
    let (server, _target) = busy_server(dir.path());
    wait_until(|| server.get("/health?deep=true").json()["status"] == "degraded");
    let ready = server.get("/health?ready=true");
    assert_eq!((ready.status, ready.json()), (200, json!({ "status": "degraded", "ready": true })));
    let deep = server.get("/health?deep=true").json();
    assert_eq!(deep["parts"]["imports"], json!({ "status": "degraded", "failing": 1 }), "{deep}");
}

/// Row L9: the metrics are at another path, or nowhere.
#[test]
fn the_settings_say_where_the_metrics_are() {
    let statuses = |env: (&str, &str)| {
        let server = Server::with_environment(["--data", ":memory:"], &[env]);
        ["/metrics", "/internal/metrics"].map(|path| server.get(path).status)
    };
    assert_eq!(statuses(("PORTOLAN__MONITORING__METRICS__ENABLED", "false")), [404, 404]);
    assert_eq!(statuses(("PORTOLAN__MONITORING__METRICS__PATH", "/internal/metrics")), [404, 200]);
}

/// Row F20: a full disk is a server that is not ready, and says which part fails; with room again it is ready by itself.
#[test]
fn a_full_disk_is_named_and_readiness_comes_back_without_a_write() {
    needs_root("it mounts a file system");
    let dir = folder();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mut command = tool("unshare");
    command.args([
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs -o size=1m none \"$1\" && exec \"$0\" serve --data \"$1/a.db\" --port 0",
    ]);
    command.arg(portolan_path()).arg(&disk).env("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false");
    let server = Server::from_command(command).unwrap();
    assert_eq!(server.get("/health?ready=true").status, 200);

    // The disk as the server sees it.
    let filler = PathBuf::from(format!("/proc/{}/root{}", server.pid(), disk.join("filler").display()));
    let full = |server: &Server| {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&filler).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
        let web =
            json!({ "name": "web", "address": "10.0.0.1", "port": 80, "metadata": { "note": "x".repeat(4_096) } });
        server.post("/api/v1/services", &web.to_string()).status == 507
    };
    wait_until(|| full(&server));
    assert_eq!(server.get("/health").status, 200, "it lives");
    let deep = server.get("/health?deep=true");
    assert_eq!((deep.status, &deep.json()["parts"]["store"]["status"]), (503, &"unhealthy".into()), "{}", deep.text());
    assert!(deep.json()["parts"]["store"]["error"].is_string(), "{}", deep.text());
    assert!(server.get("/metrics").text().contains("portolan_store_healthy 0"));
    assert_eq!(server.get("/api/v1/services").status, 200, "reads go on");

    fs::remove_file(&filler).unwrap();
    wait_until(|| server.get("/health?ready=true").status == 200);
    assert!(server.stop().success());
}

/// Row A33: the state as a whole.
#[test]
fn the_status_has_all_eight_facts() {
    let status = Server::in_memory().get("/api/v1/status").json()["data"].clone();
    for field in ["local_registry", "cache", "node_id", "cluster_name", "health_check_interval", "cache_ttl", "status"]
    {
        assert!(!status[field].is_null(), "{field}: {status}");
    }
    // Row P17: checks run every 30 s; there is no cache, and no other server to synchronize with.
    assert_eq!(status["health_check_interval"].as_f64(), Some(30.0), "{status}");
    assert_eq!((&status["cache_ttl"], &status["cache"]["entries"]), (&0.into(), &0.into()), "{status}");
    assert_eq!(status.as_object().unwrap().get("registry_sync_interval"), Some(&Value::Null), "{status}");
    // Row I26.
    assert_eq!(
        (&status["version"], &status["store"]["kind"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("memory")),
        "{status}"
    );
    assert!(status["uptime_seconds"].is_u64() && status["started_at"].is_string(), "{status}");
}

/// Each service has four time series: more services than the settings allow are counted, and not listed.
#[test]
fn the_metrics_of_services_are_limited() {
    let limit = [("PORTOLAN__MONITORING__METRICS__MAX_SERVICES", "2")];
    let server = Server::with_environment(["--data", ":memory:"], &limit);
    for name in ["c", "a", "b"] {
        server.register(&json!({ "name": name, "address": "10.0.0.1", "port": 80, "ttl": 0 }).to_string());
    }
    let metrics = server.get("/metrics").text();
    let listed: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.split_once("service=\"")?.1.split_once("\",state=\"unknown\"} 1"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(listed, ["a", "b"], "{metrics}");
    assert!(metrics.contains("portolan_unlisted_services 1\n"), "{metrics}");
}
