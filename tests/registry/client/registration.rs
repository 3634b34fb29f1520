//! Registration with real Consul and etcd: seen by others, renewed, made anew after a loss, removed at the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portolan::client::{RegistrationHandle, RegistrationState, Registry};
use portolan::model::Registration;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::serve::Server;
use crate::sources::json_http;
use crate::sources::programs::{self, Program};
use crate::support::{HANG, Lines, Scene, finish, hear, hold, kill, portolan_path};

fn registration() -> Registration {
    Registration::new("shop", "127.0.0.1:18080".parse().unwrap())
        .id("shop-1")
        .version("1.2.0")
        .tag("api")
        .meta("region", "eu")
        .weight(3)
        .ttl(Duration::from_secs(10))
}

/// Waits for a state.
async fn reach(me: &RegistrationHandle, is_it: impl FnMut(&RegistrationState) -> bool) {
    timeout(HANG, me.states().wait_for(is_it)).await.expect("the state comes").unwrap();
}

/// Waits until others see so many healthy instances.
async fn seen(registry: &Registry, healthy: usize) -> String {
    let shop = registry.resolve("shop").version("^1").tag("api").meta("region", "eu").start().unwrap();
    let mut changes = shop.watch();
    let waiting = async {
        while shop.ready().await.is_err() || shop.counts().usable != healthy {
            changes.next().await;
        }
    };
    timeout(HANG, waiting).await.expect("others see it");
    shop.try_pick(()).map(|call| call.endpoint().to_string()).unwrap_or_default()
}

/// A registration from its beginning to its end, and `lose` in between.
async fn lives_and_ends(url: &str, lose: impl FnOnce()) {
    let (registry, other) = (Registry::open(url).unwrap(), Registry::open(url).unwrap());
    let me = registry.register(registration()).await.unwrap();
    assert_eq!(seen(&other, 1).await, "127.0.0.1:18080");

    lose();
    reach(&me, |state| matches!(state, RegistrationState::Active { registrations: 2.. })).await;
    assert_eq!(seen(&other, 1).await, "127.0.0.1:18080");

    me.deregister().await.unwrap();
    seen(&other, 0).await;

    // What is dropped is removed as well, and `close` waits for it.
    drop(registry.register(registration()).await.unwrap());
    registry.close(HANG).await.unwrap();
    seen(&other, 0).await;
}

/// H1, B31: with Consul, whose agent loses the service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consul_has_a_registration_until_it_ends() {
    let consul = programs::consul();
    json_http::send(consul.address, "GET", "/v1/catalog/nodes", None, &Value::Null);
    let address = consul.address;
    lives_and_ends(&format!("consul://{address}"), move || {
        json_http::send(address, "PUT", "/v1/agent/service/deregister/shop-1", None, &Value::Null);
    })
    .await;
}

/// H1, B31: with etcd, whose key is removed by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_has_a_registration_until_it_ends() {
    let etcd = programs::etcd();
    let address = etcd.address;
    json_http::send(address, "POST", "/v3/kv/range", None, &json!({ "key": "AA==" }));
    lives_and_ends(&format!("etcd://{address}/services/"), move || {
        // `/services/` to `/services0`
        let all = json!({ "key": "L3NlcnZpY2VzLw==", "range_end": "L3NlcnZpY2VzMA==" });
        json_http::send(address, "POST", "/v3/kv/deleterange", None, &all);
    })
    .await;
}

/// H1, B31: with our own server, where an operator removes the instance.
#[cfg(all(feature = "registry", feature = "serve"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_registry_has_a_registration_until_it_ends() {
    let server = programs::portolan();
    let address = server.address;
    lives_and_ends(&format!("portolan://{address}"), move || {
        json_http::send(address, "DELETE", "/api/v1/services/shop-1", None, &Value::Null);
    })
    .await;
}

/// A registry that was away, and lost everything, has the registration again after its return.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_was_away_gets_the_registration_again() {
    let mut etcd = programs::etcd();
    json_http::send(etcd.address, "POST", "/v3/kv/range", None, &json!({ "key": "AA==" }));
    let registry = Registry::open(&format!("etcd://{}", etcd.address)).unwrap();
    let me = registry.register(registration().ttl(Duration::from_secs(3))).await.unwrap();
    etcd.kill();
    reach(&me, |state| matches!(state, RegistrationState::Failing { .. })).await;
    std::fs::remove_dir_all(etcd.dir.path().join("data")).unwrap();
    etcd.restart();
    reach(&me, |state| matches!(state, RegistrationState::Active { registrations: 2.. })).await;
    me.deregister().await.unwrap();
}

/// The command with this registry, beside a program of the shell.
fn register(consul: &Program, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("register");
    command.args(["--name", "shop", "--address", "127.0.0.1", "--port", "18081", "--id", "shop-cli"]);
    command.args(["--registry", &format!("consul://{}", consul.address), "--", "sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn services(consul: &Program) -> String {
    json_http::send(consul.address, "GET", "/v1/agent/services", None, &Value::Null)
}

/// E10: `register -- CMD` registers while the program runs, and passes its exit code on; a signal deregisters first.
#[test]
fn the_command_registers_while_its_program_runs() {
    let consul = programs::consul();
    json_http::send(consul.address, "GET", "/v1/catalog/nodes", None, &Value::Null);

    let ran = register(&consul, "exit 7").output().unwrap();
    assert_eq!(ran.status.code(), Some(7), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!services(&consul).contains("shop-cli"));

    // The program says what the registry holds when its own signal comes.
    let (ip, port) = (consul.address.ip(), consul.address.port());
    let ask = format!("curl -s http://{ip}:{port}/v1/agent/services");
    let script = format!("trap '{ask}; exit 9' TERM; while :; do sleep 0.05; done");
    let mut child = register(&consul, &script).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().starts_with("registered shop 127.0.0.1:18081 as shop-cli"));
    assert!(services(&consul).contains("shop-cli"));

    kill(child.id(), Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(9), "the program's own code");
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "{}", "deregistered before the program got the signal");
    assert_eq!(notes.next().unwrap().unwrap(), "deregistered shop 127.0.0.1:18081 as shop-cli");

    let ran = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["register", "--name", "shop", "--port", "1", "--registry", "consul://127.0.0.1:1", "--", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(127), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// A program that finds its port taken often takes another one, and what is registered is the one that was there before.
#[test]
fn a_port_that_another_program_holds_is_named_before_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let register = |port: u16| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.env_clear().env("PATH", "/usr/bin:/bin").args(["register", "--name", "shop", "--address", "127.0.0.1"]);
        command.args(["--port", &port.to_string(), "--registry", "portolan://127.0.0.1:1", "--", "sh", "-c", "exit 7"]);
        let ran = command.output().unwrap();
        assert_eq!(ran.status.code(), Some(7));
        String::from_utf8(ran.stderr).unwrap()
    };

    let holder = hold(listener.into());
    let notes = register(port);
    let held = format!("(pid {}), which is registered instead of the program", holder.0.id());
    assert!(notes.starts_with(&format!("port {port} is held by ")) && notes.contains(&held), "{notes}");
    drop(holder);
    assert!(!register(port).contains(" is held by "));
}

/// `--check`: the instance is not registered before its check passes.
#[test]
fn the_command_waits_for_its_check() {
    let consul = programs::consul();
    json_http::send(consul.address, "GET", "/v1/catalog/nodes", None, &Value::Null);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.env_clear().env("PATH", "/usr/bin:/bin").stderr(Stdio::piped());
    command.args(["register", "--name", "shop", "--id", "shop-cli", "--address", "127.0.0.1", "--check", "tcp"]);
    command.args(["--port", &free.port().to_string(), "--registry", &format!("consul://{}", consul.address)]);
    let mut child = command.spawn().unwrap();
    assert!(!services(&consul).contains("shop-cli"), "nothing listens yet");

    let _listener = TcpListener::bind(free).unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(notes.any(|note| note.starts_with("registered shop")));
    assert!(services(&consul).contains("shop-cli"));
    kill(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!services(&consul).contains("shop-cli"));
}

/// A page that is not there is no check that passes, although something replies.
#[test]
fn the_command_does_not_register_while_the_page_of_its_check_is_missing() {
    let server = Server::in_memory();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, is_ready) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
    let ready = Arc::clone(&is_ready);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let status = if ready.load(Ordering::Relaxed) { "200 OK" } else { "404 Not Found" };
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });

    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.env_clear().env("PATH", "/usr/bin:/bin").stderr(Stdio::piped());
    command.args(["register", "--name", "shop", "--address", "127.0.0.1", "--check", "http:/health"]);
    command.args(["--port", &port.to_string(), "--registry", &format!("portolan://{}", server.address)]);
    let mut child = command.spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let note = notes.next().unwrap();
    assert!(note.starts_with(&format!("127.0.0.1:{port} is not registered yet: ")) && note.contains("404"), "{note}");
    assert_eq!(server.discover("service_name=shop&include_unhealthy=true"), Vec::<Value>::new());

    is_ready.store(true, Ordering::Relaxed);
    let registered = notes.find(|note| note.starts_with("registered shop")).unwrap();
    let own_id = format!(":shop:127.0.0.1:{port}");
    assert!(registered.ends_with(&own_id), "the same id after a restart: {registered}");
    kill(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A port that only this machine reaches is not registered with an address at which no client reaches it.
#[test]
fn a_port_on_loopback_alone_is_registered_there_or_refused() {
    let scene = Scene::new();
    scene.sh("ip address add 10.5.0.5/32 dev lo");
    let program = portolan_path();
    let serve = [program.to_str().unwrap(), "serve", "--data", ":memory:", "--port"];
    let mut serving = scene.command(serve[0]);
    serving.args(&serve[1..]).arg("0").env_clear();
    let server = Server::from_command(serving).unwrap();
    let (port, at) = (server.address.port().to_string(), format!("portolan://{}", server.address));
    let register = |words: &[&str]| {
        let mut command = scene.command(portolan_path());
        command.args(["register", "--name", "self"]).args(words).env_clear().env("PORTOLAN_CONFIG", "/dev/null");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };

    for option in ["--port", "--from-listener"] {
        let mut child = register(&[option, &port, "--registry", &at]);
        let notes = Lines::read(child.stderr.take().unwrap());
        let first = notes.next().unwrap();
        assert!(first.starts_with("the address is 127.0.0.1, on which alone the port listens"), "{first}");
        let registered = notes.next().unwrap();
        assert!(registered.starts_with(&format!("registered self 127.0.0.1:{port} as ")), "{registered}");
        kill(child.id(), Signal::INT);
        assert_eq!(finish(child).unwrap().code(), Some(130));

        let refused = hear(register(&[option, &port, "--registry", "portolan://10.5.0.9:7440"]), "portolan register");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("it listens on 127.0.0.1 only") && said.contains("add --address 127.0.0.1"), "{said}");
    }

    // A program that begins to listen is registered already, so that a note is all there is.
    let mut child =
        register(&[["--port", "7441", "--registry", &at, "--"].as_slice(), serve.as_slice(), &["7441"]].concat());
    let notes = Lines::read(child.stderr.take().unwrap());
    let note = "port 7441 listens on 127.0.0.1 only, so no client reaches it at 10.5.0.5: add --address 127.0.0.1";
    while notes.next().expect("the note comes") != note {}
    kill(child.id(), Signal::TERM);
    assert_eq!(finish(child).unwrap().code(), Some(0));
}
