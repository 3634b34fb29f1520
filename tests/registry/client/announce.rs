//! `local --register` and `register --from-listener`: what listens here is registered, for as long as it listens.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::sources::json_http::send;
use crate::sources::programs;
use crate::support::{HANG, TempDir, kill};

fn portolan(args: &[&str], registry: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(args).args(["--registry", &format!("portolan://{registry}")]).env_clear();
    command.env("PORTOLAN_CONFIG", "/dev/null").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The instances of a service, once `is_it` holds.
#[track_caller]
fn instances(registry: SocketAddr, service: &str, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let path = format!("/api/v1/services/by-name/{service}");
        let reply: Value = serde_json::from_str(&send(registry, "GET", &path, None, &Value::Null)).unwrap();
        let instances = reply["data"]["services"].as_array().unwrap().clone();
        if is_it(&instances) {
            return instances;
        }
        assert!(begun.elapsed() < HANG, "{service}: {reply}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_the_rules_match_is_registered_while_it_listens() {
    let server = programs::portolan();
    let at = server.address;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = TempDir::new();
    let rules = dir.path().join("rules.toml");
    let text = format!(
        "[[service]]\nname = \"shop\"\naddress = \"127.0.0.1\"\ntags = [\"blue\"]\ncheck = \"tcp\"\nmatch = {{ port = {port} }}\n"
    );
    std::fs::write(&rules, text).unwrap();

    let mut child = portolan(&["local", "--register", rules.to_str().unwrap()], at);
    let (sender, received) = mpsc::channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reader = thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let known = instances(at, "shop", |instances| instances.len() == 1);
    assert_eq!((&known[0]["port"], &known[0]["tags"][0]), (&port.into(), &"blue".into()), "{known:?}");
    assert_eq!(known[0]["id"].as_str().unwrap().rsplit_once(":shop:").unwrap().1, port.to_string(), "{known:?}");
    drop(listener);
    instances(at, "shop", <[Value]>::is_empty);

    // It comes back under the same id, and goes with the announcer.
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let again = instances(at, "shop", |instances| instances.len() == 1);
    assert_eq!(again[0]["id"], known[0]["id"]);
    // The registry may have it before the announcer knows that.
    let mut notes: Vec<String> = (0..3).map(|_| received.recv_timeout(HANG).unwrap()).collect();
    kill(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    instances(at, "shop", <[Value]>::is_empty);
    notes.extend(received);
    reader.join().unwrap().unwrap();
    assert!(notes[0].starts_with("registered shop 127.0.0.1:") && notes.len() == 4, "{notes:?}");
}

#[test]
fn a_listener_gives_its_name_and_its_check() {
    let server = programs::portolan();
    let at = server.address;
    let listener = format!(":{}", at.port());
    // Other tests have servers on the same port of other addresses.
    let ip = at.ip().to_string();
    let mut child = portolan(&["register", "--from-listener", &listener, "--address", &ip, "--id", "self"], at);
    let known = instances(at, "portolan", |instances| instances.len() == 1);
    let place = (known[0]["address"].as_str().unwrap(), known[0]["port"].as_u64().unwrap());
    assert_eq!(place, (at.ip().to_string().as_str(), at.port().into()), "{known:?}");
    assert_eq!(known[0]["protocol"], "http", "{known:?}");
    kill(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = portolan(&["register", "--from-listener", &free.to_string()], at).wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(
        err.starts_with(&format!("error: cannot find a listener on TCP port {free}: nothing listens there")),
        "{err}"
    );
}
