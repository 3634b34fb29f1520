//! Services that come and go while a watch looks: what two looks do not agree on is never reported.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::inside;
use crate::serve::Server;
use crate::support::{HANG, Lines, Scene, finish, kill, needs_root};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Services at the same time.
const SERVICES: u16 = 20;
/// How long it lasts in the suite; `PORTOLAN_CHURN_SECONDS` sets another time.
const SECONDS: u64 = 8;

/// One place for services that follow each other, each with a port of its own.
struct Slot<'s> {
    server: &'s Server,
    number: u16,
    round: u16,
    /// Ports whose listener and registration did not come or go together.
    slow: BTreeSet<u16>,
}

impl Slot<'_> {
    /// A service listens and registers, lives for a while, deregisters and ends.
    fn live_once(&mut self, end: Instant) {
        self.round += 1;
        let port = 10_000 + self.number * 2_000 + self.round % 2_000;
        let id = format!("s{}-{}", self.number, self.round);
        let began = Instant::now();
        let Ok(socket) = TcpListener::bind(("10.0.0.5", port)) else { return };
        self.server.register(
            &json!({ "id": id, "name": "churn", "address": "10.0.0.5", "port": port, "ttl": "1h" }).to_string(),
        );
        self.note(port, began);

        // Lives of different lengths.
        let life = Duration::from_millis(100 + (u64::from(self.number) * 37 + u64::from(self.round) * 91) % 900);
        thread::sleep(life.min(end.saturating_duration_since(Instant::now())));
        let began = Instant::now();
        assert_eq!(self.server.send("DELETE", &format!("/api/v1/services/{id}"), None).status, 204);
        drop(socket);
        self.note(port, began);
    }

    /// A change that takes nearly as long as the interval, on a busy machine, may be seen by two looks.
    fn note(&mut self, port: u16, began: Instant) {
        if began.elapsed() > INTERVAL / 2 {
            self.slow.insert(port);
        }
    }
}

#[test]
fn churn_makes_no_false_report() {
    needs_root("it enters a network namespace");
    let seconds = std::env::var("PORTOLAN_CHURN_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let scene = Scene::new();
    scene.sh("ip address add 10.0.0.5/32 dev lo");
    inside(&scene, || churn(Duration::from_secs(seconds)));
}

fn churn(time: Duration) {
    let server = Server::in_memory();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command.args(["drift", &format!("portolan://{}", server.address), "--watch", "--json"]);
    command
        .args(["--interval", &format!("{}ms", INTERVAL.as_millis())])
        .env_clear()
        .env("PORTOLAN_CONFIG", "/dev/null");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines::of(&mut child);

    let end = Instant::now() + time;
    let (lives, slow, planted) = thread::scope(|scope| {
        let slots: Vec<_> = (0..SERVICES)
            .map(|number| {
                let mut slot = Slot { server: &server, number, round: 0, slow: BTreeSet::new() };
                scope.spawn(move || {
                    while Instant::now() < end {
                        slot.live_once(end);
                    }
                    (usize::from(slot.round), slot.slow)
                })
            })
            .collect();
        let slots: Vec<(usize, BTreeSet<u16>)> = slots.into_iter().map(|slot| slot.join().unwrap()).collect();
        let slow: BTreeSet<u16> = slots.iter().flat_map(|(_, slow)| slow.iter().copied()).collect();
        (slots.iter().map(|(lives, _)| lives).sum::<usize>(), slow, plant(&server))
    });

    // A drift that stays is reported: the watch was looking all the time.
    let mut reported = BTreeMap::new();
    let begun = Instant::now();
    while !reported.contains_key(&planted) {
        assert!(begun.elapsed() < HANG, "the planted drift is not reported");
        let Some(line) = lines.next() else { panic!("the watch ended") };
        let event: Value = serde_json::from_str(&line).unwrap();
        let code = event["item"]["findings"][0]["code"].as_str().map(str::to_owned);
        let port = event["item"]["endpoints"][0]["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        reported.extend(port.zip(code));
    }
    kill(child.id(), rustix::process::Signal::INT);
    assert!(finish(child).is_some());

    let server_port = server.address.port();
    reported.retain(|port, _| *port != planted && *port != server_port && !slow.contains(port));
    assert!(reported.is_empty(), "{reported:?} of {lives} services, slow: {slow:?}");
}

/// A registration without a listener.
fn plant(server: &Server) -> u16 {
    let port = 9_999;
    server.register(
        &json!({ "id": "ghost", "name": "churn", "address": "10.0.0.5", "port": port, "ttl": "1h" }).to_string(),
    );
    port
}
