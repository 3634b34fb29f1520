//! Configurations with versions: over HTTP, from the command line, and as settings of the server.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Server;
use super::server::{Reply, exchange, folder};
use crate::support::{HANG, output, portolan_path};

/// Sends a value of a type, with further headers.
fn put(server: &Server, path: &str, kind: &str, headers: &str, body: &str) -> Reply {
    let head = format!(
        "PUT /api/v1/config/{path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: {kind}\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(server.address, head.as_bytes())
}

fn read(server: &Server, path: &str) -> Value {
    let reply = server.get(&format!("/api/v1/config/{path}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].clone()
}

/// I28: v1, v2, a rollback is v3, with history and diff; all of it survives kill -9.
#[test]
fn versions_are_kept_compared_and_rolled_back_to() {
    let data = folder();
    let file = data.path().join("registry.db");
    let server = Server::on_file(&file);
    let first = put(&server, "web", "application/json", "", r#"{"workers": 4, "mode": "a"}"#);
    assert_eq!((first.status, first.header("etag")), (201, Some("\"1\"")));
    assert_eq!(first.json()["data"]["value"], json!({ "workers": 4, "mode": "a" }));
    assert_eq!(put(&server, "web", "application/json", "", r#"{"workers": 8, "mode": "a"}"#).status, 200);

    let diff = read(&server, "web/diff")["diff"].as_str().unwrap().to_owned();
    let changed: Vec<&str> = diff.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(changed, ["-  \"workers\": 4,", "+  \"workers\": 8,"], "{diff}");
    let back = server.post("/api/v1/config/web/rollback", r#"{"version": 1}"#);
    assert_eq!((back.status, back.json()["data"]["version"].clone()), (200, json!(3)));
    assert_eq!(read(&server, "web/diff?from=1&to=3")["diff"], "");

    let before = (read(&server, "web"), read(&server, "web/history"));
    server.kill();
    let server = Server::on_file(&file);
    assert_eq!((read(&server, "web"), read(&server, "web/history")), before);
    assert_eq!(before.0["rollback_of"], 1);
    let numbers: Vec<u64> =
        before.1["versions"].as_array().unwrap().iter().map(|one| one["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(read(&server, "web?version=2")["value"]["workers"], 8);

    assert_eq!(server.send("DELETE", "/api/v1/config/web", None).status, 204);
    assert_eq!(server.get("/api/v1/config/web").status, 404);
    assert_eq!(server.get("/api/v1/config").json()["data"]["configs"], json!([]));
    assert_eq!(server.post("/api/v1/config/web/rollback", r#"{"version": 2}"#).json()["data"]["version"], 5);
}

/// Two writers that read the same version cannot both win.
#[test]
fn compare_and_set_lets_one_writer_win() {
    let server = Server::in_memory();
    let json = "application/json";
    let mut value = 1;
    assert_eq!(put(&server, "web?cas=0", json, "", "1").status, 201);
    for (path, headers, status) in [
        ("web?cas=0", "", 412),
        ("web?cas=7", "", 412),
        ("web", "If-None-Match: *\r\n", 412),
        ("web", "If-Match: \"7\"\r\n", 412),
        ("web", "If-Match: x\r\n", 400),
        ("web?cas=1", "If-Match: \"2\"\r\n", 400),
        ("web", "If-Match: \"1\"\r\n", 200),
        ("web?cas=2", "", 200),
    ] {
        value += 1;
        let reply = put(&server, path, json, headers, &value.to_string());
        assert_eq!(reply.status, status, "{path} {headers}: {}", reply.text());
    }

    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let address = server.address;
            thread::spawn(move || {
                let body = format!("{{\"writer\": {writer}}}");
                let head = format!(
                    "PUT /api/v1/config/race?cas=0 HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                exchange(address, head.as_bytes()).status
            })
        })
        .collect();
    let mut statuses: Vec<u16> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412, 412, 412, 412, 412, 412, 412]);
}

#[test]
fn texts_and_limits() {
    let server = Server::in_memory();
    let text = "a: 1\nb: \"é\"\n";
    assert_eq!(put(&server, "conf", "text/plain; charset=utf-8", "", text).status, 201);
    let raw = server.get("/api/v1/config/conf?raw=true");
    assert_eq!((raw.text().as_str(), raw.header("content-type")), (text, Some("text/plain; charset=utf-8")));
    assert_eq!(read(&server, "conf")["value"], text);

    for (path, kind, body, status, part) in [
        ("conf", "application/json", "{", 400, "value"),
        ("conf", "application/x-www-form-urlencoded", "a=1", 415, "text/plain"),
        ("a%20b", "text/plain", "x", 400, "\"field\":\"name\""),
        ("conf?force=1", "text/plain", "x", 400, "unknown_parameter"),
        ("conf", "text/plain", &*"x".repeat(256 * 1024 + 1), 413, "keep large data elsewhere"),
    ] {
        let reply = put(&server, path, kind, "", body);
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        assert!(reply.text().contains(part), "{path}: {}", reply.text());
    }
    assert_eq!(put(&server, "large", "text/plain", "", &"x".repeat(256 * 1024)).status, 201);
    assert_eq!(server.get("/api/v1/config/conf?version=9").json()["error"]["hint"], "versions 1 to 1 are kept");
}

/// A client that waits gets the change at once, and one that waits for another configuration does not.
#[test]
fn a_change_wakes_those_that_wait_for_it() {
    let server = Server::in_memory();
    put(&server, "web", "application/json", "", "1");
    let index = read(&server, "web")["index"].as_u64().unwrap();
    let address = server.address;
    let waiting = thread::spawn(move || {
        let request = format!(
            "GET /api/v1/config/web?index={index}&wait=10m HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n"
        );
        exchange(address, request.as_bytes())
    });
    let early = server.get(&format!("/api/v1/config/web?index={index}&wait=50ms"));
    assert_eq!(early.json()["data"]["value"], 1, "after its time a client reads what is there");
    put(&server, "other", "application/json", "", "1");
    put(&server, "web", "application/json", "", "2");
    assert_eq!(waiting.join().unwrap().json()["data"]["value"], 2);

    // The stream of a configuration has it and nothing else, and those of services have none of it.
    server.register(r#"{"name": "web", "address": "10.0.0.1", "port": 80}"#);
    let stream = |query: &str, last: &str| -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        write!(stream, "GET /api/v1/events?format=ndjson&{query} HTTP/1.1\r\nHost: registry\r\n\r\n").unwrap();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains(last) {
            let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
            assert!(count > 0, "it ended: {text}");
            text += &String::from_utf8_lossy(&buffer[..count]);
        }
        text
    };
    let followed = stream("config=web&since=0", "\"synced\"");
    assert!(followed.contains("\"value\":1") && followed.contains("\"value\":2"), "{followed}");
    assert!(!followed.contains("10.0.0.1") && !followed.contains("other"), "{followed}");
    assert!(stream("config=web", "\"synced\"").contains("\"value\":2"));
    let services = stream("since=0", "\"synced\"");
    assert!(services.contains("10.0.0.1") && !services.contains("_config"), "{services}");
}

#[track_caller]
fn until(server: &Server, what: &str, is_it: impl Fn(&Server) -> bool) {
    let begun = Instant::now();
    while !is_it(server) {
        assert!(begun.elapsed() < HANG, "{what}: {}", server.log());
        thread::sleep(Duration::from_millis(20));
    }
}

fn strategy(server: &Server) -> String {
    server.get("/api/v1/status").json()["data"]["default_strategy"].as_str().unwrap().to_owned()
}

/// Settings of the server apply at once, lie over those of the file, survive a restart, and give way when they are deleted.
#[test]
fn the_servers_own_configuration_applies_at_once() {
    let data = folder();
    let file = data.path().join("registry.db");
    let server = Server::on_file(&file);
    let settings =
        r#"{"load_balancer": {"default_strategy": "random"}, "monitoring": {"logging": {"level": "debug"}}}"#;
    assert_eq!(put(&server, "portolan", "application/json", "", settings).status, 201);
    until(&server, "the strategy changes", |server| strategy(server) == "random");
    server.register(r#"{"name": "web", "address": "10.0.0.1", "port": 80, "ttl": 0}"#);
    until(&server, "each pick is logged at this level", |server| {
        server.discover("service_name=web");
        server.log().contains("instance picked")
    });

    for (text, field) in [
        (r#"{"server": {"port": 1}}"#, "server.port"),
        (r#"{"load_balancer": {"default_strategy": "best"}}"#, "load_balancer.default_strategy"),
    ] {
        let reply = put(&server, "portolan", "application/json", "", text);
        assert_eq!((reply.status, reply.json()["error"]["field"].clone()), (400, json!(field)), "{}", reply.text());
    }
    server.kill();
    let server = Server::on_file(&file);
    assert_eq!(strategy(&server), "random", "from the start");
    server.send("DELETE", "/api/v1/config/portolan", None);
    until(&server, "the file's strategy holds again", |server| strategy(server) == "round_robin");
}

fn run(server: &Server, words: &str, input: &str) -> (i32, String, String) {
    let mut command = Command::new(portolan_path());
    command.args(words.split_whitespace()).arg(format!("--registry=portolan://{}", server.address)).env_clear();
    command.env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let [stdout, stderr] = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (out.status.code().unwrap(), stdout, stderr)
}

#[test]
fn the_command_reads_writes_and_rolls_back() {
    let server = Server::in_memory();
    let data = folder();
    let file = data.path().join("web.conf");
    fs::write(&file, "workers = 4\n").unwrap();
    let (code, out, err) = run(&server, &format!("config put web {}", file.display()), "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "web has version 1\n"));
    assert_eq!(run(&server, "config put web - --expect 1", "{\"workers\": 8}").0, 0);
    assert_eq!(run(&server, "config get web", "").1, "{\n  \"workers\": 8\n}\n");
    assert_eq!(run(&server, "config get web --version 1", "").1, "workers = 4\n");

    // What is printed is the value, however long its texts are and whatever they hold.
    let value = json!({ "long": "x".repeat(3_000), "pattern": "\\d+\\n", "hidden": "\u{1b}[2J\u{202e}" });
    assert_eq!(run(&server, "config put long -", &value.to_string()).0, 0);
    let (_, printed, _) = run(&server, "config get long", "");
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
    assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed}");
    let other = json!({ "long": format!("{}y", "x".repeat(3_000)) });
    assert_eq!(run(&server, "config put long -", &other.to_string()).0, 0);
    let (_, diff, _) = run(&server, "config diff long", "");
    assert!(diff.lines().any(|line| line.starts_with('+') && line.ends_with("xy\"")), "{diff}");
    assert_eq!(run(&server, "config delete long", "").0, 0);

    let (code, _, err) = run(&server, "config put web - --expect 1", "3");
    assert_eq!(code, 5, "{err}");
    assert!(err.contains("the configuration web has version 2, not 1"), "{err}");
    assert_eq!(run(&server, "config rollback web 1 --expect 2", "").0, 0);
    let (_, history, _) = run(&server, "config history web", "");
    assert!(history.lines().nth(1).unwrap().contains("rollback to 1"), "{history}");
    let (_, diff, _) = run(&server, "config diff web 2 3", "");
    assert!(diff.contains("+workers = 4\n"), "{diff}");

    let (_, list, _) = run(&server, "config list --json", "");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list["items"][0]["name"], &list["items"][0]["version"]), (&json!("web"), &json!(3)));
    assert_eq!(run(&server, "config delete web", "").0, 0);
    let (code, _, err) = run(&server, "config get web", "");
    assert_eq!(code, 5, "{err}");
    assert!(err.contains("there is no configuration web"), "{err}");
    // Another registry has none.
    let mut other = Command::new(portolan_path());
    other.args(["config", "get", "web", "--registry", "file:services.toml"]).env_clear();
    let out = output(&mut other);
    assert_eq!(out.status.code(), Some(2), "{}", String::from_utf8_lossy(&out.stderr));
}
