//! Backups of a server that goes on running.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use super::Server;
use super::server::folder;
use crate::support::portolan_path;

fn back_up(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(portolan_path());
    command.args(["db", "backup"]).arg(file).args(more).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    command.output().unwrap()
}

/// What a command said, and its exit code.
fn said(run: &Output) -> (Option<i32>, String) {
    (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
}

#[test]
fn a_running_server_is_backed_up() {
    let folder = folder();
    let database = folder.path().join("registry.db");
    let server = Server::on_file(&database);
    for at in 0..200 {
        server.register(
            &json!({ "id": format!("i{at}"), "name": "web", "address": "10.0.0.1", "port": 80, "ttl": 0,
            "metadata": { "padding": "x".repeat(2_000) } })
            .to_string(),
        );
    }
    let registry = format!("portolan://{}", server.address);
    let copy = folder.path().join("copy.db");

    // The file is locked: the hint says what works without stopping the server.
    let (code, text) = said(&back_up(&copy, &["--database", database.to_str().unwrap()]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("a server uses it") && text.contains("portolan db backup FILE --registry"), "{text}");

    let (code, text) = said(&back_up(&copy, &["--registry", &registry]));
    assert!(code == Some(0) && text.contains(" bytes to "), "{text}");
    // It goes on, and what it writes now is not in the copy.
    server.register(r#"{"id":"later","name":"web","address":"10.0.0.1","port":81,"ttl":0}"#);
    let restored = Server::on_file(&copy);
    let ids = |server: &Server| server.get("/api/v1/services").json()["data"]["services"].as_array().unwrap().len();
    assert_eq!((ids(&restored), ids(&server)), (200, 201));
    drop(restored);

    let (code, text) = said(&back_up(&database, &["--registry", &registry]));
    assert!(code == Some(2) && text.contains("it exists"), "{text}");
    let other = folder.path().join("other.db");
    std::fs::write(folder.path().join("other.db-wal"), "the log of an old database").unwrap();
    let (code, text) = said(&back_up(&other, &["--registry", &registry]));
    assert!(code == Some(2) && text.contains("other.db-wal: it exists") && !other.exists(), "{text}");

    let memory = Server::in_memory();
    let fresh = folder.path().join("memory.db");
    let (code, text) = said(&back_up(&fresh, &["--registry", &format!("portolan://{}", memory.address)]));
    assert!(code != Some(0) && text.contains("no database file of its own") && !fresh.exists(), "{text}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{names:?}");
}
