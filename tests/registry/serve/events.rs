//! `events`: what a client reads, what it gets when it comes back, and when it must begin anew.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Server;
use super::server::folder;
use crate::support::HANG;

/// An open stream of lines.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(server: &Server, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let request = format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();

        let mut events = Self(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(events.0.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        events
    }

    fn lines(server: &Server, query: &str) -> Self {
        Self::open(server, query, "Accept: application/x-ndjson\r\n")
    }

    /// The next line of text; `None` at the end of the body.
    fn text(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the body has no proper end");
            let line = line.trim_end();
            if line == "0" {
                let mut rest = String::new();
                self.0.read_to_string(&mut rest).unwrap();
                assert_eq!(rest, "\r\n");
                return None;
            }
            // The lengths of the chunks stand between.
            if line.starts_with(['{', 'd', 'e', 'i', ':']) && u64::from_str_radix(line, 16).is_err() {
                return Some(line.to_owned());
            }
        }
    }

    fn next(&mut self) -> Option<Value> {
        self.text().map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
    }

    /// The types and indexes up to and with `synced`.
    fn until_synced(&mut self) -> Vec<(String, u64)> {
        let mut seen = Vec::new();
        loop {
            let event = self.next().expect("the stream goes on");
            let kind = event["type"].as_str().unwrap().to_owned();
            seen.push((kind.clone(), event["index"].as_u64().unwrap()));
            if kind == "synced" {
                return seen;
            }
        }
    }
}

fn register(server: &Server, name: &str, id: &str) {
    server.register(&format!(r#"{{"id":"{id}","name":"{name}","address":"10.0.0.1","port":80}}"#));
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(kind, index)| ((*kind).to_owned(), *index)).collect()
}

#[test]
fn a_client_that_comes_back_gets_exactly_what_it_missed() {
    let server = Server::in_memory();
    register(&server, "a", "a1");
    register(&server, "b", "b1");

    // Without an index: everything, marked as true for one index.
    let mut all = Events::lines(&server, "");
    assert_eq!(all.until_synced(), pairs(&[("reset", 2), ("added", 2), ("added", 2), ("synced", 2)]));
    server.send("PUT", "/api/v1/services/a1", Some(r#"{"status":"draining"}"#));
    let event = all.next().unwrap();
    assert_eq!((event["type"].as_str(), event["index"].as_u64()), (Some("updated"), Some(3)));
    assert_eq!(event["changed"], serde_json::json!(["status", "health"]));
    assert_eq!(
        (&event["item"]["status"], &event["service"], &event["cause"]),
        (&"draining".into(), &"a".into(), &"operator".into())
    );
    drop(all);

    server.send("DELETE", "/api/v1/services/b1", None);
    register(&server, "a", "a2");
    let mut back = Events::lines(&server, "?since=3");
    assert_eq!(back.until_synced(), pairs(&[("removed", 4), ("added", 5), ("synced", 5)]));
    let mut current = Events::lines(&server, "?since=5");
    assert_eq!(current.until_synced(), pairs(&[("synced", 5)]));
    // An index that never was: it belongs to another registry.
    let mut foreign = Events::lines(&server, "?since=99");
    assert_eq!(foreign.until_synced(), pairs(&[("reset", 5), ("added", 5), ("added", 5), ("synced", 5)]));
    let mut foreign = Events::lines(&server, "?since=5&epoch=another");
    assert_eq!(foreign.until_synced()[0], ("reset".to_owned(), 5));

    // One service only: another one does not show.
    let mut of_b = Events::lines(&server, "?since=1&service=b");
    assert_eq!(of_b.until_synced(), pairs(&[("added", 2), ("removed", 4), ("synced", 5)]));
    register(&server, "a", "a3");
    register(&server, "b", "b2");
    assert_eq!(of_b.next().unwrap()["id"], "b2");
    assert_eq!(back.next().unwrap()["id"], "a3");
}

#[test]
fn server_sent_events_have_ids_only_where_a_client_may_come_back() {
    let server = Server::in_memory();
    register(&server, "a", "a1");
    let mut events = Events::open(&server, "", "Accept: text/event-stream\r\n");
    let first: Vec<String> = (0..7).map(|_| events.text().unwrap()).collect();
    let kinds: Vec<&str> = first.iter().map(|line| line.split(['{', '\n']).next().unwrap()).collect();
    // A client that loses the connection within the list must not come back with its index.
    assert_eq!(kinds, ["event: reset", "data: ", "event: added", "data: ", "id: 1", "event: synced", "data: "]);

    register(&server, "a", "a2");
    assert_eq!(events.text().unwrap(), "id: 2");
    let mut again = Events::open(&server, "", "Accept: text/event-stream\r\nLast-Event-ID: 1\r\n");
    assert_eq!((again.text().unwrap(), again.text().unwrap()), ("id: 2".to_owned(), "event: added".to_owned()));
}

#[test]
fn a_client_that_missed_more_than_is_kept_begins_anew() {
    let folder = folder();
    let config = folder.path().join("serve.toml");
    std::fs::write(&config, "[registry.events]\nbuffer_size = 16\n").unwrap();
    let server = Server::with(["--data", ":memory:", "--config", config.to_str().unwrap()]);
    for at in 1..=40 {
        register(&server, if at == 1 { "quiet" } else { "busy" }, &format!("i{at}"));
    }

    let mut late = Events::lines(&server, "?since=10");
    assert_eq!(late.until_synced()[0], ("reset".to_owned(), 40));
    let mut just = Events::lines(&server, "?since=24");
    assert_eq!(just.until_synced().len(), 17);
    // The service did not change since: nothing is missing.
    register(&server, "quiet", "q2");
    let mut quiet = Events::lines(&server, "?since=1&service=quiet");
    assert_eq!(quiet.until_synced(), pairs(&[("added", 41), ("synced", 41)]));
}

#[test]
fn a_restart_keeps_the_events_and_shutdown_ends_a_stream_properly() {
    let folder = folder();
    let file = folder.path().join("registry.db");
    let server = Server::on_file(&file);
    for at in 1..=5 {
        register(&server, "a", &format!("i{at}"));
    }
    let mut events = Events::lines(&server, "?since=5");
    assert_eq!(events.until_synced(), pairs(&[("synced", 5)]));
    assert!(server.stop().success());
    assert_eq!(events.next(), None, "the body ends as a whole");

    let server = Server::on_file(&file);
    let mut events = Events::lines(&server, "?since=2");
    assert_eq!(events.until_synced(), pairs(&[("added", 3), ("added", 4), ("added", 5), ("synced", 5)]));
}
