//! The database of an older portolan, with what a server stored: a new server goes on with it, and a backup leads back.

use std::path::Path;
use std::process::Command;

use portolan::store::FORMAT;
use rusqlite::{Connection, params};
use serde_json::Value;

use super::Server;
use super::server::folder;
use crate::support::{output, portolan_path};

/// Every instance without its times, and the index.
fn contents(server: &Server) -> (u64, Vec<Value>) {
    let reply = server.get("/api/v1/services");
    let mut instances = reply.json()["data"]["services"].as_array().unwrap().clone();
    for instance in &mut instances {
        instance.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "last_seen" | "lease"));
    }
    (reply.index(), instances)
}

/// Instances with and without a lease, one that was removed, an operator's change, and a configuration.
fn fill(server: &Server) {
    for number in 0..20 {
        let (port, ttl) = (1_000 + number, if number % 3 == 0 { 0 } else { 600 });
        server.register(&format!(
            r#"{{"id":"i{number}","name":"web","version":"1.{number}.0","address":"10.0.0.9","port":{port},"ttl":{ttl},
            "tags":["blue"],"metadata":{{"team":"shop"}},"health_check":{{"check_type":"http","config":{{"path":"/"}}}}}}"#
        ));
    }
    assert_eq!(server.send("DELETE", "/api/v1/services/i7", None).status, 204);
    let change = r#"{"status":"maintenance","weight":3}"#;
    assert_eq!(server.send("PUT", "/api/v1/services/i8", Some(change)).status, 200);
    let put = server.send("PUT", "/api/v1/config/limits", Some(r#"{"rate":7}"#));
    assert!(matches!(put.status, 200 | 201), "{}", put.text());
}

/// The file of a stopped server as one of an older format: the tables are those of a published database of that format, the
/// rows are the server's.
fn as_format(format: u32, newest: &Path, older: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry/fixtures");
    std::fs::copy(fixtures.join(format!("format-{format}.db")), older).unwrap();
    let connection = Connection::open(older).unwrap();
    connection.execute("ATTACH ?1 AS newest", params![newest.to_str().unwrap()]).unwrap();

    let tables = [("meta", "one, last_index, epoch"), ("record", "id, body"), ("event", "number, body")];
    let audit = ("audit", "number, previous, hash, body");
    for (table, columns) in tables.into_iter().chain((format > 1).then_some(audit)) {
        let copy = format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newest.{table}"
        );
        connection.execute_batch(&copy).unwrap();
    }
    connection.execute_batch("DETACH newest").unwrap();
    assert_eq!(format_of(&connection), format);
}

fn format_of(connection: &Connection) -> u32 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// The upgrade of docs/operations.md, from each published format: back up, start, and roll back to the backup.
#[test]
fn a_server_goes_on_with_the_database_of_an_older_portolan() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let newest = path("newest.db");
    let server = Server::on_file(&newest);
    fill(&server);
    let before = contents(&server);
    assert!(server.stop().success());

    for format in 1..FORMAT {
        let file = path(&format!("{format}.db"));
        as_format(format, &newest, &file);
        let backup = path(&format!("{format}.backup.db"));
        let mut command = Command::new(portolan_path());
        command.args(["db", "backup"]).arg(&backup).arg("--database").arg(&file).env_clear();
        let backed_up = output(&mut command);
        assert!(backed_up.status.success(), "{format}: {}", String::from_utf8_lossy(&backed_up.stderr));

        let server = Server::on_file(&file);
        assert_eq!(contents(&server), before, "format {format}");
        assert_eq!(server.get("/api/v1/config/limits").json()["data"]["value"]["rate"], 7);
        let added = server.register(r#"{"id":"added","name":"web","address":"10.0.1.1","port":80,"ttl":0}"#);
        assert_eq!(added["index"], before.0 + 1, "the history goes on");
        assert!(server.stop().success());
        assert_eq!(format_of(&Connection::open(&file).unwrap()), FORMAT, "it was migrated");

        // A database of a portolan that does not exist yet is refused, with what to do, and stays as it is.
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let said = Server::try_with(["--data", file.to_str().unwrap()]).err().expect("it is refused");
        let lines: Vec<&str> = said.lines().collect();
        let reason = format!("it has format 99, and this portolan knows up to {FORMAT}");
        assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[0].contains(&reason), "{said}");
        assert_eq!(lines[1], "hint: use the version of portolan that wrote it, or give another database");
        assert_eq!(format_of(&Connection::open(&file).unwrap()), 99);

        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(path(&format!("{format}.db{end}")));
        }
        std::fs::copy(&backup, &file).unwrap();
        let server = Server::on_file(&file);
        assert_eq!(contents(&server), before, "the backup of format {format}");
        assert!(server.stop().success());
    }
}
