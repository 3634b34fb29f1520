//! The audit log: every write, refusal and use of a key, whole or found to be changed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Server;
use super::access::{Guarded, id, web};
use super::server::{exchange, folder, wait_until};
use crate::support::{kill, output, portolan_path};

/// The records of a server with authentication, the oldest first.
fn records(guarded: &Guarded, admin: &str) -> Vec<Value> {
    let reply = guarded.send(Some(admin), "GET", "/api/v1/audit", None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"]["records"].as_array().unwrap().clone()
}

/// Waits for a record with these fields, and returns it.
#[track_caller]
fn record(guarded: &Guarded, admin: &str, fields: &[(&str, &str)]) -> Value {
    let is_it = |record: &&Value| {
        fields.iter().all(|(name, value)| record[name].as_str().is_some_and(|text| text.contains(value)))
    };
    // What is no write waits for a tick of the server.
    wait_until(|| records(guarded, admin).iter().any(|record| is_it(&record)));
    records(guarded, admin).iter().find(is_it).unwrap().clone()
}

/// `portolan audit` about a server without authentication.
fn audit(server: &Server, args: &[&str]) -> Output {
    let url = format!("portolan://{}", server.address);
    output(Command::new(portolan_path()).arg("audit").args(args).args(["--server", &url]).env_clear())
}

fn verify(file: &Path, args: &[&str]) -> Output {
    output(Command::new(portolan_path()).args(["audit", "verify"]).arg(file).args(args).env_clear())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Row N16: who, what, when, from where and with which result, for writes, refusals, keys and their uses.
#[test]
fn writes_refusals_and_keys_are_recorded_with_who_and_from_where() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let viewer = guarded.key(&["--role", "viewer"]);
    let shop = guarded.key(&["--role", "operator", "--namespace", "shop"]);
    let key_of = |key: &str| format!("key {}", key.split('_').nth(1).unwrap());

    let register = |key: &str, id: &str, namespace: &str| {
        guarded.send_with(
            Some(key),
            "X-Request-Id: deploy-42\r\n",
            "POST",
            "/api/v1/services",
            Some(&web(id, "web", namespace)),
        )
    };
    let first = register(&admin, &id(1), "default");
    assert_eq!((first.status, first.header("x-request-id")), (201, Some("deploy-42")));
    assert_eq!(register(&admin, &id(1), "default").status, 200);
    assert_eq!(register(&viewer, &id(2), "default").status, 403);
    assert_eq!(register(&shop, &id(3), "default").status, 403);
    let path = format!("/api/v1/services/{}", id(1));
    assert_eq!(guarded.send(Some(&admin), "POST", &format!("{path}/heartbeat"), None).status, 200);
    assert_eq!(guarded.send(Some(&admin), "DELETE", "/api/v1/load-balancer/web/stats", None).status, 204);
    assert_eq!(guarded.send(Some(&admin), "DELETE", &path, None).status, 204);
    assert_eq!(guarded.send(Some(&admin), "DELETE", &path, None).status, 404);
    let refused = guarded.send(None, "GET", "/api/v1/services?token=hidden", None);
    assert_eq!(refused.status, 401);
    assert!(refused.header("x-request-id").is_some_and(|id| !id.is_empty()));

    let (admin_key, target) = (key_of(&admin), format!("default/web/{}", id(1)));
    let written = record(&guarded, &admin, &[("action", "register"), ("result", "ok"), ("target", &target)]);
    assert_eq!((written["request"].as_str(), written["index"].as_u64()), (Some("deploy-42"), Some(1)));
    assert!(
        written["who"].as_str().unwrap().starts_with(&admin_key)
            && written["from"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{written}"
    );
    for fields in [
        [("action", "register"), ("result", "unchanged"), ("who", admin_key.as_str())],
        [("action", "register"), ("result", "outside_scope"), ("who", &key_of(&shop))],
        [("action", "refused"), ("result", "forbidden"), ("who", &key_of(&viewer))],
        [("action", "reset_counters"), ("target", "default/web"), ("who", &admin_key)],
        [("action", "deregister"), ("result", "ok"), ("target", &target)],
        [("action", "deregister"), ("result", "unknown_instance"), ("target", &id(1))],
        [("action", "refused"), ("result", "unauthenticated"), ("target", "GET /api/v1/services")],
        [("action", "authenticated"), ("result", "ok"), ("who", &admin_key)],
        [("action", "create_key"), ("target", &key_of(&viewer)), ("detail", "test: viewer, everything")],
        [("action", "start"), ("who", "server"), ("detail", "authentication on")],
    ] {
        record(&guarded, &admin, &fields);
    }
    guarded.key_command(&["revoke", viewer.split('_').nth(1).unwrap()]);
    record(&guarded, &admin, &[("action", "revoke_key"), ("target", &key_of(&viewer))]);

    let all = records(&guarded, &admin);
    let uses = all
        .iter()
        .filter(|one| one["action"] == "authenticated" && one["who"].as_str().unwrap().starts_with(&admin_key));
    assert_eq!(uses.count(), 1, "once an hour");
    let text = json!(all).to_string();
    assert!(!text.contains("heartbeat") && !text.contains("hidden"), "{text}");
    assert!([&admin, &viewer, &shop].iter().all(|key| !text.contains(&key[17..])));

    // Only an admin of everything reads it.
    for key in [&viewer, &shop] {
        assert!(matches!(guarded.send(Some(key), "GET", "/api/v1/audit", None).status, 401 | 403));
    }
    let one = guarded.send(Some(&admin), "GET", "/api/v1/audit?limit=2&after=3&who=SERVER", None).json();
    assert!(
        one["data"]["records"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["number"].as_u64().unwrap() > 3 && one["who"] == "server")
    );
}

/// What is refused is recorded, logged and counted, also what comes all the time and is otherwise recorded only if it changes
/// something.
#[test]
fn refused_heartbeats_and_reports_are_recorded() {
    let guarded = Guarded::start();
    let admin = guarded.key(&["--role", "admin"]);
    let agent = guarded.key(&["--role", "agent", "--host", "web1"]);
    let shop = guarded.key(&["--role", "operator", "--service", "shop-"]);
    let body = json!({ "id": id(1), "name": "web", "address": "10.0.0.1", "port": 80, "node": "web2" }).to_string();
    assert_eq!(guarded.send(Some(&admin), "POST", "/api/v1/services", Some(&body)).status, 201);

    let refused = || {
        let metrics = guarded.send(Some(&admin), "GET", "/metrics", None).text();
        let count = metrics.lines().find_map(|line| line.strip_prefix("portolan_refused_requests_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    // A key that the server does not know yet is refused.
    let before = refused();
    let heartbeat = format!("/api/v1/services/{}/heartbeat", id(1));
    let beat = r#"{"status":"unhealthy"}"#;
    let report = json!({ "host": "web2", "interval": 10, "findings": [] }).to_string();
    assert_eq!(guarded.send(Some(&agent), "POST", &heartbeat, Some(beat)).status, 403);
    assert_eq!(guarded.send(Some(&shop), "POST", &heartbeat, Some(beat)).status, 404, "it does not exist for it");
    assert_eq!(guarded.send(Some(&agent), "POST", "/api/v1/drift", Some(&report)).status, 403);

    let key_of = |key: &str| format!("key {}", key.split('_').nth(1).unwrap());
    for (action, result, key, target) in [
        ("heartbeat", "outside_scope", &agent, id(1)),
        ("heartbeat", "unknown_instance", &shop, id(1)),
        ("report_drift", "outside_scope", &agent, "host web2".to_owned()),
    ] {
        record(&guarded, &admin, &[("action", action), ("result", result), ("who", &key_of(key)), ("target", &target)]);
    }
    assert_eq!(refused(), before + 3);
    let log = guarded.server.log();
    assert!(log.contains("heartbeat ") && log.contains("report_drift host web2"), "{log}");
}

/// Each way to change a log is found, in a file and in the database.
#[test]
fn a_changed_log_is_found() {
    let folder = folder();
    let data = folder.path().join("registry.db");
    let server = Server::on_file(&data);
    for number in 1..=6 {
        server.register(&web(&id(number), "web", "default"));
    }
    let checked = audit(&server, &["verify"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let noted = stdout(&checked).trim().rsplit(' ').next().unwrap().to_owned();
    let table = audit(&server, &["--last", "3"]);
    assert!(stdout(&table).starts_with("NUMBER") && stdout(&table).lines().count() == 4, "{}", stdout(&table));
    let listed: Value =
        serde_json::from_slice(&audit(&server, &["--json", "--who", "anyone", "--since", "1h"]).stdout).unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 6, "{listed}");

    let exported = stdout(&audit(&server, &["--all", "-o", "ndjson"]));
    let lines: Vec<&str> = exported.lines().collect();
    assert!(lines.len() >= 7);
    let file = folder.path().join("audit.ndjson");
    let found = |lines: &[&str], args: &[&str]| {
        fs::write(&file, lines.join("\n")).unwrap();
        let ran = verify(&file, args);
        (ran.status.code(), stderr(&ran))
    };
    let mut moved = lines.clone();
    moved.swap(2, 3);
    let mut inserted = lines.clone();
    inserted.insert(4, lines[1]);
    let changed_line = lines[3].replace("\"result\":\"ok\"", "\"result\":\"unchanged\"");
    let mut changed = lines.clone();
    changed[3] = &changed_line;
    let mut removed = lines.clone();
    removed.remove(3);
    assert_eq!(found(&lines, &["--expect", &noted]).0, Some(0));
    for (lines, args, text) in [
        (&changed[..], &[] as &[&str], "record 4 was changed"),
        (&removed, &[], "records 4 to 4 are missing"),
        (&moved, &[], "records 3 to 3 are missing"),
        (&inserted, &[], "record 2 comes after record 4"),
        (&lines[2..], &[], "records 1 to 2 are missing"),
        (&lines[..2], &["--expect", &noted], "with the hash that was noted is not in the log"),
    ] {
        let (code, said) = found(lines, args);
        assert!(code == Some(1) && said.contains(text) && said.contains("hint:"), "{text}: {code:?} {said}");
    }
    assert_eq!(found(&lines[2..], &["--partial"]).0, Some(0));
    assert_eq!(found(&["{}"], &[]).0, Some(2));
    let twice = lines[3].replacen('{', "{\"who\":\"mallory\",", 1);
    assert_eq!(found(&[lines[0], lines[1], lines[2], &twice], &[]).0, Some(2), "which of the two counts is not known");

    assert!(server.stop().success());
    let database = rusqlite::Connection::open(&data).unwrap();
    database.execute("UPDATE audit SET body = 'x' WHERE number = 3", ()).unwrap_err();
    database.execute_batch("DROP TRIGGER audit_is_append_only; UPDATE audit SET body = replace(body, 'anyone', 'key 1') WHERE number = 3").unwrap();
    drop(database);
    let server = Server::on_file(&data);
    let ran = audit(&server, &["verify", "--json"]);
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.code(), document["valid"].as_bool()), (Some(1), Some(false)));
    assert!(document["fault"].as_str().unwrap().contains("record 3 was changed"), "{document}");
}

/// Records that are removed at the end, or all of them, are missing from then on: the database says which one was the last.
#[test]
fn removed_newest_records_are_found() {
    for (kept, fault) in [(4, "records 5 to 8 are missing"), (0, "records 1 to 8 are missing")] {
        let folder = folder();
        let data = folder.path().join("registry.db");
        let server = Server::on_file(&data);
        for number in 1..=6 {
            server.register(&web(&id(number), "web", "default"));
        }
        assert!(server.stop().success());
        let database = rusqlite::Connection::open(&data).unwrap();
        let count: i64 = database.query_row("SELECT count(*) FROM audit", (), |row| row.get(0)).unwrap();
        assert_eq!(count, 8, "start, six registrations, stop");
        database.execute("DELETE FROM audit WHERE number > ?1", [kept]).unwrap();
        drop(database);

        let server = Server::on_file(&data);
        wait_until(|| server.log().contains("newest records of the audit log are missing"));
        let ran = audit(&server, &["verify"]);
        let said = stderr(&ran);
        assert!(ran.status.code() == Some(1) && said.contains(fault), "{said}");
        let listed = stdout(&audit(&server, &["--all", "-o", "ndjson"]));
        assert!(listed.contains("record 8, the last one that was written, is missing"), "{listed}");
    }
}

/// A record is kept in the transaction of its change: after a crash there is one for each change, and none without.
#[test]
fn after_a_crash_each_change_has_its_record_and_each_record_its_change() {
    let folder = folder();
    let data = folder.path().join("registry.db");
    let server = Server::on_file(&data);
    let address = server.address;
    let writers: Vec<_> = (0..4_u8)
        .map(|writer| {
            thread::spawn(move || {
                let mut acknowledged = 0;
                for number in 0..60_u8 {
                    let body = web(&id(writer * 60 + number), "web", "default");
                    let request = format!(
                        "POST /api/v1/services HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let sent = std::panic::catch_unwind(|| exchange(address, request.as_bytes()).status);
                    acknowledged += usize::from(sent.is_ok_and(|status| status == 201));
                }
                acknowledged
            })
        })
        .collect();
    wait_until(|| server.get("/api/v1/status").json()["data"]["instances"].as_u64().unwrap() > 40);
    server.kill();
    let acknowledged: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();

    let server = Server::on_file(&data);
    let registered = server.get("/api/v1/services").json()["data"]["services"].as_array().unwrap().len();
    let listed: Value = serde_json::from_slice(&audit(&server, &["--all", "--json"]).stdout).unwrap();
    let listed = listed["items"].as_array().unwrap().clone();
    let indexes: Vec<u64> = listed.iter().filter_map(|record| record["index"].as_u64()).collect();
    assert_eq!(indexes, (1..=registered as u64).collect::<Vec<_>>(), "acknowledged: {acknowledged}");
    assert!(registered >= acknowledged);
    assert_eq!(audit(&server, &["verify"]).status.code(), Some(0));
}

/// Settings that are read again, checks that lead where they must not, and records that are too many.
#[test]
fn settings_and_refused_checks_are_recorded() {
    let folder = folder();
    let file = folder.path().join("serve.yaml");
    let settings = |connections: u32| {
        format!(
            "server:\n  limits:\n    connections: {connections}\nregistry:\n  health_checks:\n    enabled: true\n    allow_own_addresses: false\n"
        )
    };
    fs::write(&file, settings(100)).unwrap();
    let server = Server::with_settings(&file);
    server.register(
        r#"{"name":"web","address":"127.0.0.1","port":9,"health_checks":[{"check_type":"tcp","interval":1}]}"#,
    );
    fs::write(&file, settings(200)).unwrap();
    kill(server.pid(), Signal::HUP);

    let listed = || serde_json::from_slice::<Value>(&audit(&server, &["--json"]).stdout).unwrap()["items"].clone();
    let count = |action: &str| listed().as_array().unwrap().iter().filter(|one| one["action"] == action).count();
    wait_until(|| count("refuse_check") > 0 && count("reload_settings") > 0);
    let listed = listed();
    let of = |action: &str| listed.as_array().unwrap().iter().find(|one| one["action"] == action).unwrap().clone();
    let refused = of("refuse_check");
    assert!(refused["target"].as_str().unwrap().starts_with("default/web/"), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("own machine"), "{refused}");
    assert_eq!(of("reload_settings")["detail"], "server.limits.connections");
}

/// What `drift --fix --yes` removes and `register --from-listener` adds goes through the API, and so into the log.
#[test]
fn repairs_and_listeners_are_recorded_as_other_writes() {
    let server = Server::in_memory();
    let registry = format!("portolan://{}", server.address);
    // A fifth of the instances of a service may be removed at once.
    let sockets: Vec<_> = (1..=5).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    drop(sockets);
    for (number, port) in (1..).zip(ports) {
        let id = id(number);
        server.register(&format!(r#"{{"id":"{id}","name":"gone","address":"127.0.0.1","port":{port},"ttl":0}}"#));
    }

    let mut drift = Command::new(portolan_path());
    drift.args(["drift", &registry, "--fix", "--yes"]).env_clear();
    let ran = output(&mut drift);
    assert!(stdout(&ran).contains("deregistered"), "{} {}", stdout(&ran), stderr(&ran));

    let mut register = Command::new(portolan_path());
    let listener = format!(":{}", server.address.port());
    register.args([
        "register",
        "--from-listener",
        &listener,
        "--address",
        "127.0.0.1",
        "--id",
        "self",
        "--registry",
        &registry,
    ]);
    let mut child = register.env_clear().spawn().unwrap();
    let records =
        || serde_json::from_slice::<Value>(&audit(&server, &["--json", "--all"]).stdout).unwrap()["items"].clone();
    let has = |action: &str, target: &str| {
        records().as_array().unwrap().iter().any(|one| {
            let is_it = one["action"] == action && one["result"] == "ok";
            is_it && one["target"].as_str().is_some_and(|text| text.contains(target))
        })
    };
    wait_until(|| has("register", "/self"));
    kill(child.id(), Signal::INT);
    child.wait().unwrap();
    assert!(has("deregister", "default/gone/") && has("deregister", "/self"), "{}", records());
}
