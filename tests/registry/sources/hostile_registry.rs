//! A server that lies in the place of `portolan serve`, and what the commands make of it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::hostile::{HttpServer, Reply, Request, json};
use crate::support::{output, portolan_path};

/// Clears the screen, sets the title of the window, breaks the line, and turns what follows around.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\nroot:\u{202e}";

fn run(server: &HttpServer, args: &[&str]) -> Output {
    let registry = format!("portolan://{}", server.address);
    output(Command::new(portolan_path()).args(args).args(["--registry", &registry]).env_clear())
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

/// A log whose next part never comes later than the last one would be read for ever.
#[test]
fn an_audit_log_that_does_not_go_on_is_refused() {
    for next in [0, 1] {
        let part = json!({ "data": { "records": [], "first": 1, "last": 1_000, "next": next } });
        let server = HttpServer::start(move |_: &Request| json(&part));
        for args in [&["audit", "--all"] as &[&str], &["audit", "--all", "-o", "ndjson"], &["audit", "verify"]] {
            let read = run(&server, args);
            assert_eq!(read.status.code(), Some(3), "{args:?}: {}", said(&read));
            assert!(said(&read).contains("the next part of the log begins before this one"), "{}", said(&read));
        }
    }
}

/// What a registry says reaches no terminal as it is, and JSON reads back as it was.
#[test]
fn an_audit_log_is_written_without_control_characters() {
    let record = json!({ "number": 1, "time": "2026-11-29T12:00:00Z", "who": EVIL, "action": EVIL, "target": EVIL, "result": EVIL,
        "previous": "0".repeat(64), "hash": "0".repeat(64) });
    // The numbers of the log are wrong, too.
    let part = json!({ "data": { "records": [record], "first": 9, "last": 1, "next": null } });
    let server = HttpServer::start(move |_: &Request| -> Reply { json(&part) });
    for args in [&["audit"] as &[&str], &["audit", "--all", "-o", "ndjson"], &["audit", "--json"], &["audit", "verify"]]
    {
        let read = run(&server, args);
        assert!(!said(&read).contains(['\u{1b}', '\u{7}', '\u{202e}']), "{args:?}: {}", said(&read));
    }
    let lines = said(&run(&server, &["audit", "--all", "-o", "ndjson"]));
    assert_eq!(serde_json::from_str::<Value>(&lines).unwrap()["who"], EVIL);
}
