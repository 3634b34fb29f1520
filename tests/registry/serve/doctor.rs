//! `portolan doctor`: what it finds wrong, and what it says to do.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Server;
use super::server::{folder, wait_until};
use crate::support::{output, portolan_path};

/// The exit code, what is printed, and the same as JSON.
struct Doctor {
    code: Option<i32>,
    text: String,
    diagnoses: Vec<Value>,
}

impl Doctor {
    fn run(state: &Path, args: &[&str]) -> Self {
        let run = |more: &[&str]| {
            let mut command = Command::new(portolan_path());
            command.arg("doctor").args(args).args(more).env_clear().env("STATE_DIRECTORY", state);
            output(&mut command)
        };
        let (text, json) = (run(&[]), run(&["--json"]));
        assert!(text.stderr.is_empty(), "{}", String::from_utf8_lossy(&text.stderr));

        let document: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(document["passed"], json.status.success(), "{document}");
        Self {
            code: text.status.code(),
            text: String::from_utf8(text.stdout).unwrap(),
            diagnoses: document["diagnoses"].as_array().unwrap().clone(),
        }
    }

    /// The state, the text and the hint of a line.
    #[track_caller]
    fn line(&self, name: &str) -> (&str, &str, &str) {
        let found = self.diagnoses.iter().find(|diagnosis| diagnosis["name"] == name);
        let line = found.unwrap_or_else(|| panic!("no line {name}:\n{}", self.text));
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        (text("state"), text("text"), text("hint"))
    }
}

#[test]
fn a_machine_and_a_registry_without_problems_pass() {
    let dir = folder();
    let server = Server::on_file(&dir.path().join("registry.db"));
    server.register(&json!({ "name": "web", "address": "10.0.0.1", "port": 80 }).to_string());
    let url = format!("portolan://{}", server.address);
    let doctor = Doctor::run(dir.path(), &["web", "--server", &url]);

    assert_eq!(doctor.code, Some(0), "{}", doctor.text);
    for name in ["sockets", "registry", "ready", "store", "clock", "guard", "registered", "checks", "calls", "disk"] {
        assert_eq!(doctor.line(name).0, "ok", "{name}: {}", doctor.text);
    }
    // The server has it open.
    assert_eq!(doctor.line("database").0, "unknown", "{}", doctor.text);
    assert!(doctor.text.contains("cannot tell  database"), "{}", doctor.text);

    // Tests run servers without checks.
    assert_eq!(doctor.line("health checks").0, "warn", "{}", doctor.text);
}

/// The three recipes.
#[test]
fn a_service_that_is_missing_failing_or_not_called_is_a_failure_with_a_hint() {
    let dir = folder();
    let server = Server::with_checks(dir.path(), "");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let checks = json!([{ "check_type": "tcp", "interval": 1, "timeout": 1, "failure_threshold": 1 }]);
    let down =
        json!({ "id": "d", "name": "shop", "address": "127.0.0.1", "port": closed, "ttl": 0, "health_checks": checks });
    server.register(&down.to_string());
    wait_until(|| server.get("/api/v1/services/d").json()["data"]["health"] == "unhealthy");
    let url = format!("portolan://{}", server.address);

    let missing = Doctor::run(dir.path(), &["shpo", "--server", &url]);
    let (state, text, hint) = missing.line("registered");
    assert_eq!((missing.code, state), (Some(1), "fail"), "{}", missing.text);
    assert!(text.contains("no service has the name shpo") && hint.contains("did you mean shop?"), "{}", missing.text);

    let failing = Doctor::run(dir.path(), &["shop", "--server", &url]);
    assert_eq!(failing.code, Some(1));
    let (state, text, hint) = failing.line("checks");
    assert!(state == "fail" && text.contains(&format!("127.0.0.1:{closed} is unhealthy")), "{}", failing.text);
    assert!(hint.contains("portolan health show d"), "{hint}");
    assert_eq!(failing.line("calls").0, "fail", "{}", failing.text);
    assert_eq!(failing.line("health checks").0, "warn");

    // The command that the hint names works.
    let mut show = Command::new(portolan_path());
    let shown = output(show.args(["health", "show", "d", "--server", &url]).env_clear());
    assert!(String::from_utf8_lossy(&shown.stdout).contains("unhealthy"), "{shown:?}");
}

#[test]
fn a_registry_that_is_away_fails_only_if_it_was_named() {
    let dir = folder();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let doctor = Doctor::run(dir.path(), &["web", "--server", &format!("portolan://{closed}")]);
    assert_eq!((doctor.code, doctor.line("registry").0), (Some(1), "fail"), "{}", doctor.text);
    assert!(!doctor.line("registry").2.is_empty(), "{}", doctor.text);
    // Nothing is claimed of what could not be looked at.
    assert_eq!(doctor.line("registered").0, "unknown", "{}", doctor.text);
}

#[test]
fn a_damaged_database_is_a_failure_and_a_closed_one_is_checked() {
    let dir = folder();
    let file = dir.path().join("registry.db");
    let server = Server::on_file(&file);
    server.register(&json!({ "name": "web", "address": "10.0.0.1", "port": 80 }).to_string());
    let url = format!("portolan://{}", server.address);
    assert!(server.stop().success());
    let well = Doctor::run(dir.path(), &["--server", &url]);
    let (state, text, _) = well.line("database");
    assert!(state == "ok" && text.contains("1 records at index 1"), "{}", well.text);

    fs::write(&file, [b'x'; 8_192]).unwrap();
    let damaged = Doctor::run(dir.path(), &["--server", &url]);
    assert_eq!((damaged.code, damaged.line("database").0), (Some(1), "fail"), "{}", damaged.text);
    assert!(!damaged.line("database").2.is_empty(), "{}", damaged.text);
}

/// The settings of a server say where its database is.
#[test]
fn the_database_of_a_servers_settings_is_looked_at() {
    let (dir, state) = (folder(), folder());
    let file = dir.path().join("other.db");
    let server = Server::on_file(&file);
    server.register(&json!({ "name": "web", "address": "10.0.0.1", "port": 80 }).to_string());
    assert!(server.stop().success());
    let settings = dir.path().join("serve.yaml");
    fs::write(&settings, format!("database:\n  file: {}\n", file.display())).unwrap();
    let args = ["--config", settings.to_str().unwrap()];

    let well = Doctor::run(state.path(), &args);
    let (state_word, text, _) = well.line("database");
    assert!(state_word == "ok" && text.contains("other.db is well-formed: 1 records"), "{}", well.text);
    assert_eq!(well.line("disk").0, "ok", "{}", well.text);

    fs::remove_file(&file).unwrap();
    let absent = Doctor::run(state.path(), &args);
    assert_eq!(absent.line("database").0, "unknown", "{}", absent.text);

    fs::write(&settings, "databse:\n  file: x\n").unwrap();
    let mut wrong = Command::new(portolan_path());
    let wrong = output(wrong.arg("doctor").args(args).env_clear());
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("serve.yaml:1:1"), "{wrong:?}");
}
