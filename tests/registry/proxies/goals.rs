//! How soon proxies follow the registry: figures beside their goals, which `tests/clients` prints. Times are not asserted.

#![allow(clippy::print_stdout, reason = "the figures are for people")]

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Interfaces, Scene, ask, backend, caddy, envoy, haproxy, register_backend, start_backend, traefik};

/// From the registration of the first backend to the first 200 through the proxy.
const FIRST: Duration = Duration::from_secs(3);
/// From the end of a backend to the last request that it gets: the interval of its check, and two seconds.
const LAST: Duration = Duration::from_secs(3);
/// For how long requests are sent after the end of a backend.
const AFTER_END: Duration = Duration::from_secs(8);
/// How long the registry is away, and for how long requests are sent after its return.
const AWAY: Duration = Duration::from_millis(500);
const AFTER_RETURN: Duration = Duration::from_secs(5);
/// The pause between requests.
const PAUSE: Duration = Duration::from_millis(10);

/// Requests sent one after the other.
#[derive(Default)]
struct Requests {
    sent: usize,
    failed: usize,
    /// When the last one that failed was sent, from the first on.
    last_failure: Option<Duration>,
}

impl Requests {
    fn until(proxy: SocketAddr, mut is_over: impl FnMut(Duration) -> bool) -> Self {
        let (begun, mut requests) = (Instant::now(), Self::default());
        while !is_over(begun.elapsed()) {
            let sent = begun.elapsed();
            let is_answered = ask(proxy).is_some();
            requests.sent += 1;
            if !is_answered {
                requests.failed += 1;
                requests.last_failure = Some(sent);
            }
            thread::sleep(PAUSE);
        }
        requests
    }
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

/// Takes a proxy through the life of two backends and of the registry, and prints what it took.
fn measure(name: &str, mut scene: Scene) {
    let at = Interfaces::of(scene.registry.address);
    let proxy = scene.address;
    scene.until("the proxy listens", || TcpStream::connect(proxy).is_ok());
    // It has asked the registry before anything is there.
    thread::sleep(AFTER_RETURN);

    let (first_port, _first) = start_backend(at, scene.dir.path());
    let begun = Instant::now();
    register_backend(at, first_port);
    scene.until("the first answer", || ask(proxy) == Some(first_port));
    let first = begun.elapsed();
    println!("{name}: first 200 after {:.2} s, goal {FIRST:?}: {}", first.as_secs_f64(), verdict(first <= FIRST));

    let (_, mut killed) = backend(at, scene.dir.path());
    let mut seen = BTreeSet::new();
    scene.until("answers of both", || {
        seen.extend(ask(proxy));
        seen.len() == 2
    });
    killed.child().kill().unwrap();
    killed.child().wait().unwrap();
    let after = Requests::until(proxy, |elapsed| elapsed > AFTER_END);
    let last = after.last_failure.unwrap_or_default();
    println!(
        "{name}: last failed request {:.2} s after kill -9, {} of {} failed, goal {LAST:?}: {}",
        last.as_secs_f64(),
        after.failed,
        after.sent,
        verdict(last <= LAST)
    );

    let is_over = AtomicBool::new(false);
    let over = thread::scope(|scope| {
        let asking = scope.spawn(|| Requests::until(proxy, |_| is_over.load(Ordering::SeqCst)));
        scene.registry.kill();
        thread::sleep(AWAY);
        scene.registry.restart();
        thread::sleep(AFTER_RETURN);
        is_over.store(true, Ordering::SeqCst);
        asking.join().unwrap()
    });
    println!(
        "{name}: registry killed and restarted, {} of {} failed, goal 0: {}",
        over.failed,
        over.sent,
        verdict(over.failed == 0)
    );
    assert!(first_port > 0 && over.sent > 0 && scene.proxy.child().try_wait().unwrap().is_none(), "the proxy runs");
}

#[test]
#[ignore = "prints times and asserts none: tests/clients runs it"]
fn goals_of_traefik() {
    measure("Traefik", Scene::start(traefik));
}

#[test]
#[ignore = "prints times and asserts none: tests/clients runs it"]
fn goals_of_envoy() {
    measure("Envoy", Scene::start(envoy));
}

#[test]
#[ignore = "prints times and asserts none: tests/clients runs it"]
fn goals_of_caddy() {
    measure("Caddy", Scene::start(caddy));
}

#[test]
#[ignore = "prints times and asserts none: tests/clients runs it"]
fn goals_of_haproxy() {
    measure("HAProxy", Scene::start(haproxy));
}
