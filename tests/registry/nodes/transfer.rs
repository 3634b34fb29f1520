//! `portolan db`: what a database holds, its migration, its backup, and its copy to another kind.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use portolan::store::{FORMAT, POSTGRES_FORMAT};
use serde_json::Value;

use super::database::{Database, shared};
use super::node::{index_of, list, node, registration};
use super::together::StopOnDrop;
use crate::serve::{Server, folder, wait_until};
use crate::support::portolan_path;

fn db(args: &[&str]) -> Output {
    let mut command = Command::new(portolan_path());
    command.arg("db").args(args).env_clear().output().unwrap()
}

/// What a run that succeeded said, of both streams.
#[track_caller]
fn done(args: &[&str]) -> (String, String) {
    let ran = db(args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{args:?}: {}", text(&ran.stderr));
    (text(&ran.stdout), text(&ran.stderr))
}

/// Runs what is refused: one line, and one hint.
#[track_caller]
fn refused(code: i32, args: &[&str], parts: &[&str]) {
    let ran = db(args);
    let said = String::from_utf8(ran.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(ran.status.code(), Some(code), "{args:?}: {said}");
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

fn status(database: &str) -> Value {
    serde_json::from_str(&done(&["status", database, "--json"]).0).unwrap()
}

fn rows(status: &Value, table: &str) -> u64 {
    let tables = status["tables"].as_array().unwrap();
    tables.iter().find(|known| known["name"] == table).unwrap()["rows"].as_u64().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Instances with and without a lease, one that was removed, and a configuration.
fn fill(server: &Server) {
    for number in 0..30 {
        let ttl = if number % 3 == 0 { 0 } else { 120 };
        server.register(&registration(&format!("i-{number}"), ttl));
    }
    assert_eq!(server.send("DELETE", "/api/v1/services/i-29", None).status, 204);
    let put = server.send("PUT", "/api/v1/config/limits", Some(r#"{"value":{"rate":7}}"#));
    assert!(matches!(put.status, 200 | 201), "{}", put.text());
}

/// What clients see: every instance without its times, and the configuration.
fn contents(server: &Server) -> (u64, Vec<Value>, Value) {
    let list = list(server);
    let instances = list.instances.into_iter().map(|mut instance| {
        let fields = instance.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(name.as_str(), "last_seen" | "lease" | "lease_expires_at" | "expires_at"));
        instance
    });
    let config = server.get("/api/v1/config/limits").json()["data"]["value"].clone();
    (list.index, instances.collect(), config)
}

#[test]
fn a_registry_moves_from_sqlite_to_postgresql_and_back() {
    let (database, folder) = (shared(), folder());
    let url = database.create();
    let file = folder.path().join("registry.db");
    let server = Server::on_file(&file);
    fill(&server);
    let (before, records) = (contents(&server), server.get("/api/v1/audit?limit=1000").json());
    refused(2, &["copy", text(&file), &url], &["a server uses it", "stop that server"]);
    let epoch = server.get("/api/v1/status").json()["data"]["epoch"].clone();
    assert!(server.stop().success());

    let (_, said) = done(&["copy", text(&file), &url]);
    assert!(said.contains("29 records at index") || said.contains("records at index"), "{said}");
    refused(2, &["copy", text(&file), &url], &["it is not empty", "createdb"]);
    let server = node(&url, "a");
    let copied = contents(&server);
    assert_eq!(copied, before);
    assert_ne!(server.get("/api/v1/status").json()["data"]["epoch"], epoch, "the two may differ from now on");
    let audit = server.get("/api/v1/audit?limit=1000").json();
    let first = |audit: &Value| audit["data"]["records"][0].clone();
    assert_eq!(first(&audit), first(&records));
    // Two servers write to it: what was copied can be followed and renewed.
    let other = node(&url, "b");
    assert_eq!(other.post("/api/v1/services/i-1/heartbeat", "").status, 200);
    other.register(&registration("new", 30));

    // And back, while both serve.
    let back = folder.path().join("back.db");
    done(&["copy", &url, text(&back)]);
    refused(2, &["copy", &url, text(&back)], &["it exists"]);
    let before = contents(&server);
    drop((server, other));
    let server = Server::on_file(&back);
    assert_eq!(contents(&server), before);
    server.register(&registration("newest", 30));
    let verified = Command::new(portolan_path())
        .args(["audit", "verify", "--server", &format!("http://{}", server.address)])
        .env_clear()
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// An agent that has ended by then becomes silent.
#[test]
fn a_copy_waits_for_the_agents_of_hosts() {
    let (database, folder) = (shared(), folder());
    let (url, file) = (database.create(), folder.path().join("registry.db"));
    let server = Server::on_file(&file);
    let report = r#"{"host":"web1","interval":1,"findings":[{"id":"a","code":"drift-stale","text":"it is stale"}]}"#;
    assert_eq!(server.post("/api/v1/drift", report).status, 204);
    assert!(server.stop().success());
    done(&["copy", text(&file), &url]);

    let server = node(&url, "a");
    let agent = || server.get("/api/v1/drift?host=web1").json()["data"]["hosts"][0]["agent"].clone();
    wait_until(|| agent() == "silent");
}

#[test]
fn a_copy_is_one_moment_of_a_database_that_servers_write_to() {
    let (database, folder) = (shared(), folder());
    let url = database.create();
    let nodes = [node(&url, "a"), node(&url, "b")];
    let (stop, next) = (AtomicBool::new(false), AtomicU32::new(0));

    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for server in &nodes {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    // Each registration is one change: a moment has as many instances as its index says.
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    server.register(&registration(&format!("i-{number}"), 60));
                }
            });
        }
        for copy in 0..4 {
            let wanted = index_of(&nodes[0]) + 30;
            wait_until(|| index_of(&nodes[0]) >= wanted);
            let file = folder.path().join(format!("{copy}.db"));
            done(&["backup", text(&file), "--database", &url]);
            let status = status(text(&file));
            let index = status["index"].as_u64().unwrap();
            assert!(index >= wanted && rows(&status, "record") == index && rows(&status, "event") == index, "{status}");
        }
    });
}

#[test]
fn status_and_migrate_say_what_a_database_is() {
    let (database, folder) = (shared(), folder());
    let url = database.create();
    let empty = db(&["status", &url]);
    assert_eq!(empty.status.code(), Some(1), "it has to be migrated");
    assert!(String::from_utf8_lossy(&empty.stdout).contains("format    none"), "{empty:?}");
    let (_, said) = done(&["migrate", &url]);
    assert!(said.contains(&format!("has its tables now, in format {POSTGRES_FORMAT}")), "{said}");
    let (_, said) = done(&["migrate", &url]);
    assert!(said.contains(&format!("has format {POSTGRES_FORMAT} already")), "{said}");

    // The same with the settings of the server.
    let made = folder.path().join("made.db");
    let mut serve = Command::new(portolan_path());
    let ran = serve.args(["serve", "--migrate", "--data", text(&made), "--port", "0"]).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains(&format!("has its tables now, in format {FORMAT}")), "{said}");
    assert_eq!(status(text(&made))["format"], FORMAT);

    let server = node(&url, "a");
    server.register(&registration("i", 30));
    wait_until(|| status(&url)["servers"].as_array().is_some_and(|servers| servers.len() == 1));
    let known = status(&url);
    assert_eq!((&known["index"], &known["cluster"]), (&1.into(), &"default".into()), "{known}");
    assert_eq!((rows(&known, "record"), rows(&known, "event")), (1, 1), "{known}");
    assert!(known["engine"].as_str().unwrap().starts_with("PostgreSQL 15"), "{known}");
    assert!(known["clock_ahead_seconds"].as_f64().unwrap().abs() < 60.0, "{known}");
    let (shown, _) = done(&["status", &url]);
    assert!(
        shown.contains("server    a at index ") && shown.contains(&format!("format    {POSTGRES_FORMAT}, the newest")),
        "{shown}"
    );
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["record", "1"])), "{shown}");

    let file = folder.path().join("a.db");
    let server = Server::on_file(&file);
    server.register(&registration("i", 0));
    refused(2, &["status", text(&file)], &["a server uses it", "portolan status"]);
    assert!(server.stop().success());
    let known = status(text(&file));
    assert_eq!((&known["format"], rows(&known, "record")), (&FORMAT.into(), 1), "{known}");
}

#[test]
fn a_database_of_an_older_portolan_is_looked_at_without_a_change_and_then_migrated() {
    let folder = folder();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/fixtures");
    let oldest = std::fs::read_dir(&fixtures).unwrap().map(|entry| entry.unwrap().path());
    let oldest = oldest.filter(|path| path.to_string_lossy().contains("format-1")).min().unwrap();
    let file = folder.path().join("old.db");
    std::fs::copy(oldest, &file).unwrap();

    for _ in 0..2 {
        let ran = db(&["status", text(&file), "--json"]);
        assert_eq!(ran.status.code(), Some(1), "it has to be migrated");
        let known: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(known["format"], 1, "{known}");
    }
    // So is the source of a backup, which reads the records: those of this file are texts that no server wrote.
    let (before, backup) = (std::fs::read(&file).unwrap(), folder.path().join("backup.db"));
    refused(2, &["backup", text(&backup), "--database", text(&file)], &["the stored record id-00 cannot be read"]);
    assert!(std::fs::read(&file).unwrap() == before && !backup.exists(), "the source was changed");
    let nothing = folder.path().join("nothing.db");
    std::fs::write(&nothing, "").unwrap();
    refused(2, &["backup", text(&folder.path().join("b.db")), "--database", text(&nothing)], &["it has no registry"]);

    let (_, said) = done(&["migrate", text(&file)]);
    assert!(said.contains(&format!("was migrated from format 1 to {FORMAT}")), "{said}");
    assert_eq!(status(text(&file))["format"], FORMAT);
}

#[test]
fn what_is_no_database_or_does_not_reply_is_said_in_one_line() {
    let (database, folder) = (shared(), folder());
    let nothing = folder.path().join("nothing.db");
    refused(2, &["status", text(&nothing)], &["there is no such file"]);
    refused(
        2,
        &["backup", text(&folder.path().join("b.db")), "--database", text(&nothing)],
        &["there is no such file"],
    );
    let other = folder.path().join("other.db");
    std::fs::write(&other, "no database at all, and long enough to be looked at as one by its header").unwrap();
    refused(2, &["status", text(&other)], &["other.db"]);
    refused(2, &["status", ":memory:"], &["keeps nothing"]);
    refused(2, &["status", "mysql://h/d"], &["no database has this URL"]);

    let url = database.create();
    refused(2, &["copy", &url, text(&folder.path().join("c.db"))], &["it has no registry"]);
    assert!(!folder.path().join("c.db").exists() && !folder.path().join("c.db.partial").exists());
    refused(3, &["status", "postgresql://u:s3cret@127.0.0.1:1/d"], &["Connection refused", "PostgreSQL runs"]);
    drop(Database::url(&database, "nowhere"));
    refused(2, &["status", &database.url("nowhere")], &["does not exist", "createdb"]);
}
