//! Backups of a server that goes on running.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

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

/// The copy is beside the database and for its owner alone: a server in a container may write nowhere else.
#[test]
fn a_copy_for_a_download_is_beside_the_database_and_private() {
    let folder = folder();
    let database = folder.path().join("registry.db");
    let left = folder.path().join(format!("registry.db.download-{}.partial", "0".repeat(32)));
    std::fs::write(&left, "what a killed server left").unwrap();
    let temporary = folder.path().join("none");
    let server =
        Server::with_variables(["--data", database.to_str().unwrap()], &[("TMPDIR", temporary.to_str().unwrap())]);
    assert!(!left.exists());
    for at in 0..100 {
        let padding = "x".repeat(2_000);
        let service = json!({ "id": format!("i{at}"), "name": "web", "address": "10.0.0.1", "port": 80, "ttl": 0,
            "metadata": { "padding": padding } });
        server.register(&service.to_string());
    }

    let (is_done, mut modes) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            for _ in 0..20 {
                let reply = server.get("/api/v1/backup");
                assert!(reply.status == 200, "{}", reply.text());
            }
            is_done.store(true, Ordering::SeqCst);
        });
        while !is_done.load(Ordering::SeqCst) && !asked.is_finished() {
            modes.extend(modes_of_downloads(folder.path()));
        }
    });
    assert!(!modes.is_empty() && modes.iter().all(|mode| mode & 0o777 == 0o600), "{modes:?}");
    assert_eq!(modes_of_downloads(folder.path()), Vec::<u32>::new());

    // It says what it could not do, and what helps.
    let (data, moved) = (folder.path().join("data"), folder.path().join("moved"));
    std::fs::create_dir(&data).unwrap();
    let server = Server::on_file(&data.join("registry.db"));
    std::fs::rename(&data, &moved).unwrap();
    let reply = server.get("/api/v1/backup");
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(reply.status == 503 && message.starts_with("cannot write a copy of the database to "), "{message}");
    assert!(error["hint"].as_str().unwrap().contains("room"), "{error}");
}

/// The modes of the copies that lie in the folder now.
fn modes_of_downloads(folder: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let copies = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".download-"));
    copies.filter_map(|entry| Some(entry.metadata().ok()?.permissions().mode())).collect()
}
