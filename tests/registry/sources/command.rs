//! `discover consul`, `etcd` and `dns` on the command line: formats, filters, variables, checks, waiting, and errors.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::contract::base64;
use super::json_http::send;
use super::programs::{Program, consul, etcd, knot, write_zone};
use crate::support::{Lines, hear};

fn portolan(words: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(words.split_whitespace()).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(words: &str, environment: &[(&str, &str)]) -> Output {
    hear(portolan(words, environment).spawn().unwrap(), words)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn document(words: &str, environment: &[(&str, &str)], code: i32) -> Value {
    let output = run(words, environment);
    assert_eq!(output.status.code(), Some(code), "{words}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words}: {error}: {}", text(&output.stdout)))
}

fn ids(document: &Value) -> Vec<&str> {
    document["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// A listener, so that a service is healthy, and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn consul_with_web(port: u16) -> Program {
    let server = consul();
    let body = json!({ "ID": "w1", "Name": "web", "Address": "127.0.0.1", "Port": port, "Tags": ["blue"],
        "Meta": { "version": "1.2.0" } });
    send(server.address, "PUT", "/v1/agent/service/register", None, &body);
    server
}

/// Every format, filter and command works on a registry as on any other source.
#[test]
fn consul_is_a_source_like_any_other() {
    let (_listener, port) = listener();
    let server = consul_with_web(port);
    let address = server.address.to_string();
    let environment = [("CONSUL_HTTP_ADDR", address.as_str())];

    let all = document("discover consul web --json", &environment, 0);
    assert_eq!((ids(&all), &all["complete"]), (vec!["consul/web"], &json!(true)));
    let instance = &all["items"][0]["endpoints"][0]["instance"];
    assert_eq!(
        (&instance["version"], &instance["tags"], &instance["id"]),
        (&json!("1.2.0"), &json!(["blue"]), &json!("n1/w1"))
    );
    assert_eq!(all["items"][0]["detail"]["datacenter"], "dc1");

    for format in ["table", "wide", "csv", "yaml", "ndjson", "prometheus-sd", "name"] {
        let output = run(&format!("discover consul web -o {format}"), &environment);
        assert_eq!(output.status.code(), Some(0), "{format}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(if format == "name" { "consul/web" } else { "127.0.0.1" }), "{format}");
    }
    let table = text(&run("discover consul web", &environment).stdout);
    let head = table.lines().next().unwrap();
    assert!(["READY", "VERSION", "TAGS", "NODE"].iter().all(|column| head.contains(column)), "{table}");

    let checked = document("discover consul web --json --validate", &environment, 0);
    assert_eq!(checked["items"][0]["health"]["state"], "healthy", "{checked}");
    assert_eq!(run("validate consul/web", &environment).status.code(), Some(0));
    assert_eq!(run("wait consul/web --timeout 60s", &environment).status.code(), Some(0));
    let identified = document("discover consul web --json --identify", &environment, 0);
    assert_eq!(ids(&identified), ["consul/web"]);
    assert_eq!(ids(&document("discover consul --tag red --json", &environment, 0)), Vec::<&str>::new());

    let missing = run("validate consul/nosuch", &environment);
    assert!(text(&missing.stderr).contains("nosuch") && missing.status.code() != Some(0), "{}", text(&missing.stderr));

    let mut watch = portolan("discover consul --watch --json", &environment);
    let mut child = watch.args(["--until", "type=added and item.name=late"]).spawn().unwrap();
    let lines = Lines::of(&mut child);
    while let Some(line) = lines.next() {
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["type"] == "synced" {
            send(server.address, "PUT", "/v1/agent/service/register", None, &json!({ "Name": "late", "Port": 1 }));
        }
        if event["item"]["id"] == "consul/late" {
            break;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn etcd_and_dns_are_sources_like_any_other() {
    let (_listener, port) = listener();
    let server = etcd();
    let body = json!({ "key": base64("/prod/web/1"), "value": base64(&format!("127.0.0.1:{port}")) });
    send(server.address, "POST", "/v3/kv/put", None, &body);
    let endpoints = format!("127.0.0.1:1,{}", server.address);
    let environment = [("ETCD_ENDPOINTS", endpoints.as_str()), ("ETCD_DISCOVERY_PREFIX", "/prod/")];
    let all = document("discover etcd --json", &environment, 0);
    assert_eq!((ids(&all), &all["items"][0]["detail"]["keys"]), (vec!["etcd/web"], &json!(["/prod/web/1"])));
    assert_eq!(run("validate etcd/web", &environment).status.code(), Some(0));
    assert_eq!(ids(&document("discover etcd db --json", &environment, 0)), Vec::<&str>::new());

    let bad = json!({ "key": base64("/prod/web/2"), "value": base64("nonsense") });
    send(server.address, "POST", "/v3/kv/put", None, &bad);
    let output = run("discover etcd --json", &environment);
    assert_eq!(output.status.code(), Some(3), "a key that is no registration is a part that is not known");
    assert!(text(&output.stderr).contains("cannot read the key '/prod/web/2'"), "{}", text(&output.stderr));

    let names = knot();
    write_zone(names.dir.path(), &format!("_web._tcp.test. 0 SRV 0 5 {port} host.test.\nhost.test. 0 A 127.0.0.1\n"));
    names.signal(rustix::process::Signal::HUP);
    let (ip, dns_port) = (names.address.ip().to_string(), names.address.port().to_string());
    let environment = [("DNS_SERVER", ip.as_str()), ("DNS_PORT", &dns_port), ("DNS_DOMAIN", "test")];
    let begun = std::time::Instant::now();
    let found = loop {
        let found = document("discover dns _web._tcp --json", &environment, 0);
        if !ids(&found).is_empty() {
            break found;
        }
        assert!(begun.elapsed() < crate::support::HANG, "{}", names.log());
    };
    assert_eq!(found["items"][0]["endpoints"][0]["weight"], 5);
    assert_eq!(
        found["items"][0]["detail"]["records"][0],
        json!({ "type": "SRV", "data": format!("0 5 {port} host.test.") })
    );
    assert_eq!(run("validate dns/_web._tcp", &environment).status.code(), Some(0));
    assert_eq!(ids(&document("discover dns nothing --json", &environment, 0)), Vec::<&str>::new());
}

/// Each error is one line and a hint, with the exit code of its kind, and nothing on standard output.
#[test]
fn errors_name_the_registry_and_what_to_type() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (
            format!("discover consul --address {dead}"),
            3,
            format!("cannot list the services of Consul: http://{dead}/v1/catalog/services: connection refused"),
            "--address, --registry or CONSUL_HTTP_ADDR",
        ),
        (
            format!("discover etcd --endpoint {dead}"),
            3,
            format!("cannot list the services of etcd: http://{dead}/v3/kv/range: connection refused"),
            "--endpoint, --registry or ETCD_ENDPOINTS",
        ),
        (
            "discover consul --address ftp://h".to_owned(),
            2,
            "cannot use --address 'ftp://h': its scheme is not http, https or unix".to_owned(),
            "unix:///path",
        ),
        (
            "discover consul --address http://u:s3cret@h".to_owned(),
            2,
            "cannot use --address 'http://***@h': it has a user name or a password".to_owned(),
            "as an option",
        ),
        (
            "discover consul --token-file /nonexistent".to_owned(),
            2,
            "cannot use --token-file '/nonexistent': No such file or directory".to_owned(),
            "the secret",
        ),
        (
            "discover consul --token-file /dev/null".to_owned(),
            2,
            "cannot use --token-file '/dev/null': it is empty".to_owned(),
            "the secret",
        ),
        ("discover consul a[".to_owned(), 2, "cannot use the name 'a['".to_owned(), "wildcards"),
        (
            "discover consul --address https://127.0.0.1:1 --ca /dev/null".to_owned(),
            2,
            "cannot use '/dev/null': it contains no certificate".to_owned(),
            "PEM",
        ),
        (
            "discover etcd --user root".to_owned(),
            2,
            "cannot use the user of etcd: its password is missing".to_owned(),
            "--password-file",
        ),
        ("discover dns".to_owned(), 2, "cannot use discover dns: it has no name".to_owned(), "_http._tcp.example.com"),
        (
            "discover dns web --server localhost".to_owned(),
            2,
            "cannot use --server 'localhost': it is not the address of a server".to_owned(),
            "127.0.0.1:8600",
        ),
        (
            "discover dns web:x --server 127.0.0.1:1".to_owned(),
            2,
            "cannot use the name 'web:x': its port is not a number from 1 to 65535".to_owned(),
            "web.example.com:8080",
        ),
        ("discover dns web --port 0".to_owned(), 2, "--port '0'".to_owned(), "1"),
    ];
    for (words, code, expected, hint) in cases {
        let output = run(&words, &[]);
        let error = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(code), ""), "{words}: {error}");
        assert!(error.contains(&expected), "{words}: {error}");
        assert!(error.lines().any(|line| line.starts_with("hint:") && line.contains(hint)), "{words}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
