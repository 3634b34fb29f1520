//! Listeners that live two intervals, on a machine where the search for owners takes longer than that.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::support::{Ended, Fixture, Isolation, Lines, Scene, kill, needs_root};

const INTERVAL: Duration = Duration::from_secs(1);
const LISTENERS: usize = 200;
const DESCRIPTORS: usize = 200;
/// Processes of one program that starts them.
const PER_FIXTURE: usize = 1000;
/// Processes beside it that compute all the time.
const LOAD: usize = 6;
/// The latest report of a listener, in intervals.
const GOAL: f64 = 1.2;

/// When each listener was reported after it came, by one watch.
struct Delays {
    missed: usize,
    /// In intervals, the longest last.
    sorted: Vec<f64>,
    /// Reports without a known owner.
    pending: usize,
}

/// Watches with kernel trace events and without; returns the text, and whether both reach the goal.
pub fn busy(processes: usize) -> (String, bool) {
    needs_root("it makes namespaces");
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    let crowd: Vec<Fixture> = (0..processes.div_ceil(PER_FIXTURE))
        .map(|number| PER_FIXTURE.min(processes - number * PER_FIXTURE))
        .map(|count| scene.fixture(&format!("repeat={count} [ fds={DESCRIPTORS} ]")))
        .collect();
    let load: Vec<Ended> = (0..LOAD).map(|_| Ended(spinning(&scene))).collect();

    let mut text = format!(
        "\n{processes} processes with {DESCRIPTORS} descriptors each, {LOAD} more that compute; {LISTENERS} listeners that live 2 \
         intervals of {} s\n",
        INTERVAL.as_secs()
    );
    let _ = writeln!(
        text,
        "{:<34}{:>8}{:>12}{:>12}{:>12}{:>16}",
        "discover local --watch", "missed", "median", "99 %", "worst", "owner pending"
    );
    let mut is_reached = true;
    for (name, prepare) in [
        ("polling", "if [ -d /sys/kernel/tracing ]; then mount -t tmpfs none /sys/kernel/tracing; fi"),
        (
            "with trace events",
            "umount /sys/kernel/tracing 2>/dev/null || true
          mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing",
        ),
    ] {
        scene.sh(prepare);
        let delays = watched(&scene);
        is_reached &= delays.missed == 0 && delays.at(1.0) <= GOAL;
        let _ = writeln!(
            text,
            "{name:<34}{:>8}{:>12.2}{:>12.2}{:>12.2}{:>16}",
            delays.missed,
            delays.at(0.5),
            delays.at(0.99),
            delays.at(1.0),
            delays.pending
        );
    }
    let _ = writeln!(
        text,
        "delays in intervals; goals: 0 missed, {GOAL} at worst: {}",
        if is_reached { "reached" } else { "missed" }
    );

    drop(load);
    for fixture in crowd {
        fixture.end();
    }
    (text, is_reached)
}

/// A process that takes a whole core.
fn spinning(scene: &Scene) -> Child {
    let mut shell = scene.command("sh");
    shell.args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().expect("a shell")
}

/// What one watch reports of the listeners.
fn watched(scene: &Scene) -> Delays {
    let mut child = scene.portolan().args("--tcp --interval 1s --watch --json").spawn();
    let lines = Lines::of(&mut child);
    let pid = child.id();
    let child = Ended(child);
    while !lines.next().expect("it goes on").contains("\"synced\"") {}

    let namespace = File::open(format!("/proc/{}/ns/net", scene.pid())).expect("the scene lives");
    let living = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("it may enter");
        let born = live_and_die();
        // What is late comes within this time, or counts as missed.
        thread::sleep(5 * INTERVAL);
        kill(pid, Signal::INT);
        born
    });

    let mut told = BTreeMap::new();
    let mut pending = 0;
    for line in lines.rest() {
        let at = Instant::now();
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        if let ("added", Some(id)) = (line["type"].as_str().unwrap_or_default(), line["item"]["id"].as_str()) {
            pending += usize::from(line["item"]["detail"]["owner"] == "pending");
            told.entry(id.to_owned()).or_insert(at);
        }
    }
    drop(child);

    let born = living.join().expect("they lived");
    let delays = born.iter().filter_map(|(id, born)| Some(told.get(id)?.saturating_duration_since(*born)));
    let mut sorted: Vec<f64> = delays.map(|delay| delay.as_secs_f64() / INTERVAL.as_secs_f64()).collect();
    sorted.sort_by(f64::total_cmp);
    Delays { missed: born.len() - sorted.len(), sorted, pending }
}

impl Delays {
    /// The delay that this share of the listeners does not exceed.
    fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few hundred")]
        let place = (last as f64 * share).ceil() as usize;
        self.sorted.get(place).copied().unwrap_or(f64::INFINITY)
    }
}

/// Opens listeners one after another, two intervals each; returns their ids, and when each was opened.
fn live_and_die() -> Vec<(String, Instant)> {
    let mut born = Vec::new();
    let mut alive: VecDeque<(Instant, TcpListener)> = VecDeque::new();
    for number in 0..LISTENERS {
        let [_, high, middle, low] = u32::try_from(number).expect("a few").to_be_bytes();
        let address = SocketAddr::from((Ipv4Addr::new(127, high + 1, middle, low), 7000));
        let listener = TcpListener::bind(address).expect("the address is free");
        let now = Instant::now();
        born.push((format!("local/tcp/{address}"), now));
        alive.push_back((now, listener));
        thread::sleep(INTERVAL / 10);
        while alive.front().is_some_and(|(born, _)| born.elapsed() >= 2 * INTERVAL) {
            alive.pop_front();
        }
    }
    while let Some((born, listener)) = alive.pop_front() {
        thread::sleep((2 * INTERVAL).saturating_sub(born.elapsed()));
        drop(listener);
    }
    born
}
