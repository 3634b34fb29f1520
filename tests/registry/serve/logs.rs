//! The log: one event for each change of state, whatever a client puts into it, and a level that can be changed.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::Server;
use super::monitor::reach;
use super::server::{exchange, wait_until};

const ID: &str = "0b9f2f66-4a64-4f0c-9a3a-6f3b1d2c4e5f";

/// The events of a log of JSON. Each line must be one.
#[track_caller]
fn events(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The last event with this message.
#[track_caller]
fn event(log: &str, message: &str) -> Value {
    let found = events(log).into_iter().rfind(|event| event["message"] == message);
    found.unwrap_or_else(|| panic!("no event says {message}:\n{log}"))
}

/// Rows O1 and O11: registration, health and removal, with their fields.
#[test]
fn each_change_of_state_is_one_event_of_json() {
    let server = Server::with(["--data", ":memory:", "--log-format", "json"]);
    let web = json!({ "id": ID, "name": "web", "address": "10.0.0.1", "port": 80 });
    server.register(&web.to_string());
    server.post(&format!("/api/v1/services/{ID}/heartbeat"), r#"{"status":"degraded","message":"slow"}"#);
    assert_eq!(server.send("DELETE", &format!("/api/v1/services/{ID}"), None).status, 204);
    wait_until(|| server.log().contains("instance removed"));

    let log = server.log();
    let started = event(&log, "started");
    assert_eq!((&started["level"], &started["data"]), (&"INFO".into(), &"memory".into()), "{started}");
    for (message, fields) in [
        ("instance registered", json!({ "service": "default/web", "id": ID, "index": 1, "level": "INFO" })),
        ("health changed", json!({ "service": "default/web", "id": ID, "health": "degraded", "cause": "renewed" })),
        ("instance removed", json!({ "service": "default/web", "id": ID, "cause": "deregistered" })),
    ] {
        let event = event(&log, message);
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&event[field], value, "{field} of {event}");
        }
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "{event}");
    }
    assert_eq!(log.matches("instance registered").count(), 1, "{log}");
}

/// Row O11: each result of a check is an event at the level `debug`; at `info`, only a change of the health is one.
#[test]
fn each_result_of_a_check_is_an_event_at_the_level_debug() {
    for level in ["debug", "info"] {
        let server = Server::with_variables(["--data", ":memory:", "--log-format", "json", "--log-level", level], &[]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let check = json!({ "check_type": "tcp", "interval": 1, "failure_threshold": 1 });
        let web = json!({ "id": ID, "name": "web", "address": "127.0.0.1", "port": port, "ttl": 0,
            "health_checks": [check] });
        server.register(&web.to_string());

        reach(&server, ID, "healthy");
        drop(listener);
        reach(&server, ID, "unhealthy");
        wait_until(|| server.log().contains("\"health\":\"unhealthy\""));
        let log = server.log();
        let results: Vec<Value> =
            events(&log).into_iter().filter(|event| event["message"] == "check finished").collect();
        if level == "info" {
            assert!(results.is_empty(), "{results:?}");
            continue;
        }
        for result in &results {
            let fields = (&result["level"], &result["id"], &result["kind"]);
            assert_eq!(fields, (&"DEBUG".into(), &ID.into(), &"tcp".into()), "{result}");
            assert!(result["duration_ms"].is_number() && result["is_excused"] == false, "{result}");
        }
        for state in ["healthy", "unhealthy"] {
            assert!(results.iter().any(|result| result["result"] == state), "{state}: {results:?}");
        }
    }
}

/// What a terminal obeys, and what looks like an event of its own.
const HOSTILE: &str = "a\n2026-11-29T12:00:00Z ERROR all keys are lost\u{1b}[2J\u{202e}b\u{9b}31m\u{200b}";

/// Everything that a client can put into the log, at the most talkative level.
fn send_hostile_text(server: &Server) {
    let web = json!({ "id": ID, "name": "web", "address": "10.0.0.1", "port": 80, "metadata": { "note": HOSTILE } });
    server.post("/api/v1/services", &web.to_string());
    server.register(&json!({ "id": ID, "name": "web", "address": "10.0.0.1", "port": 80 }).to_string());
    let report = json!({ "status": "unhealthy", "message": HOSTILE });
    server.post(&format!("/api/v1/services/{ID}/heartbeat"), &report.to_string());
    server.post("/api/v1/services", &json!({ "name": HOSTILE, "address": HOSTILE, "port": 80 }).to_string());
    server.send("PUT", "/api/v1/log-level", Some(&json!({ "level": HOSTILE }).to_string()));
    server.get("/a%0a%1b%5b2J%e2%80%ae");
    for head in ["GET /\u{9b}31m\u{202e} HTTP/1.1\r\n", "GET / HTTP/1.1\r\nUser-Agent: \u{1b}[2J\u{202e}\r\n"] {
        exchange(server.address, format!("{head}Host: x\r\nConnection: close\r\n\r\n").as_bytes());
    }
}

#[test]
fn a_client_cannot_write_a_line_of_its_own() {
    for format in ["json", "text"] {
        let server = Server::with(["--data", ":memory:", "--log-format", format, "--log-level", "trace"]);
        send_hostile_text(&server);
        server.get("/health");
        wait_until(|| server.log().contains("health changed"));

        let log = server.log();
        for line in log.lines() {
            let dangerous = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert!(!line.contains(dangerous), "{format}: {line:?}");
            // The lines at the start of a text log are for people.
            let is_note = line.starts_with("portolan ")
                || ["data: ", "off: ", "nothing is kept"].iter().any(|note| line.starts_with(note));
            assert!(format == "json" || is_note || line.starts_with("20"), "{line}");
            assert!(!line.starts_with("2026-11-29T12:00:00Z ERROR"), "{line}");
        }
        if format == "json" {
            events(&log);
        }
    }
}

/// The level changes while the server runs, and a wrong one changes nothing.
#[test]
fn the_level_is_changed_by_a_request() {
    let server = Server::in_memory();
    let level = |server: &Server| server.get("/api/v1/log-level").json()["data"]["level"].clone();
    assert_eq!(level(&server), "info");
    server.register(&json!({ "id": ID, "name": "web", "address": "10.0.0.1", "port": 80 }).to_string());
    let reweigh = |weight: u16| {
        let body = json!({ "weight": weight }).to_string();
        assert_eq!(server.send("PUT", &format!("/api/v1/services/{ID}"), Some(&body)).status, 200);
    };
    reweigh(2);

    for wrong in [r#"{"level":"loud"}"#, r#"{"level":"portolan=loud"}"#, "{}", r#"{"levle":"debug"}"#] {
        let refused = server.send("PUT", "/api/v1/log-level", Some(wrong));
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
    }
    assert_eq!(level(&server), "info");
    let changed = server.send("PUT", "/api/v1/log-level", Some(r#"{"level":"portolan=debug,warn"}"#));
    assert_eq!((changed.status, level(&server)), (200, "portolan=debug,warn".into()), "{}", changed.text());
    reweigh(3);
    wait_until(|| server.log().contains("instance changed"));
    assert_eq!(server.log().matches("instance changed").count(), 1, "{}", server.log());
    assert!(server.log().contains("log level changed"), "{}", server.log());
}
