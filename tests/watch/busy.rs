//! A machine with so many descriptors that the search for owners takes longer than the listeners live.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::local::own_address;
use crate::support::{Isolation, Scene};
use crate::watched::{Watched, inside};

const LISTENERS: usize = 30;
const INTERVAL: Duration = Duration::from_secs(1);

/// Three hundred processes with a hundred descriptors each, and no trace: noticing does not wait for the search for owners.
#[test]
fn each_listener_that_lives_two_intervals_is_reported_on_a_busy_machine() {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    scene.sh("if [ -d /sys/kernel/tracing ]; then mount -t tmpfs none /sys/kernel/tracing; fi");
    let crowd = scene.fixture("repeat=300 [ fds=100 ]");
    let mut watched = Watched::start(scene.portolan().args("--tcp --interval 1s"));

    let id = |number| format!("local/tcp/{}", own_address(number));
    let all: BTreeSet<String> = (0..LISTENERS).map(id).collect();
    let mut told: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    thread::scope(|scope| {
        scope.spawn(|| inside(&scene, live_and_die));
        let is_over = |told: &BTreeMap<String, Vec<(String, String)>>| {
            told.len() == LISTENERS
                && told.values().all(|lines| lines.last().is_some_and(|(kind, _)| kind == "removed"))
        };
        while !is_over(&told) {
            let line = watched.next().expect("each listener is reported, and its end");
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let lines = told.entry(text(&line["item"]["id"])).or_default();
            lines.push((text(&line["type"]), text(&line["item"]["detail"]["owner"])));
        }
    });

    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), all);
    for (id, lines) in &told {
        let [first, between @ .., last] = lines.as_slice() else { panic!("{id}: {lines:?}") };
        assert_eq!((first.0.as_str(), last.0.as_str()), ("added", "removed"), "{id}: {lines:?}");
        let is_owned = |(kind, owner): &(String, String)| kind == "updated" && owner != "pending";
        assert!(between.iter().all(is_owned), "{id}: {lines:?}");
    }
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
    crowd.end();
}

/// Opens one listener after the other; each lives two intervals.
fn live_and_die() {
    let mut alive: VecDeque<(Instant, TcpListener)> = VecDeque::new();
    for number in 0..LISTENERS {
        alive.push_back((Instant::now(), TcpListener::bind(own_address(number)).expect("the address is free")));
        thread::sleep(INTERVAL / 10);
        while alive.front().is_some_and(|(born, _)| born.elapsed() >= INTERVAL * 2) {
            alive.pop_front();
        }
    }
    while let Some((born, listener)) = alive.pop_front() {
        thread::sleep((INTERVAL * 2).saturating_sub(born.elapsed()));
        drop(listener);
    }
}
