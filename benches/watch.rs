//! The cost of watching this machine: portolan beside `watch -n1 ss -tulpn`, the usual way without it; the cost of a thousand
//! readers of a catalog; and whether a watch misses listeners on a busy machine.
//!
//! `cargo bench --bench watch` builds and runs it (`-- --help` tells the options); benches/README.md says more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub, missing_docs)]
#![allow(clippy::cast_precision_loss)]

#[path = "watch/busy.rs"]
mod busy;
#[path = "local/machine.rs"]
mod machine;
#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use portolan::catalog::{Watch, WatchItem, Writer};
use portolan::engine::Clock;
use portolan::model::{DetailLevel, Update, UpdateSink};
use portolan::{Detail, Service};

use support::{Ended, Isolation, Lines, Scene, Tmux, needs_root};

const HELP: &str = "cargo bench --bench watch -- [--minutes N] [--cases IRB] [--processes N] [--save]

  --minutes N    how long each watch of I is looked at (default 1)
  --cases IRB    only these (default IR): I the cost while nothing changes, R readers of a catalog, B whether short-lived
                 listeners are missed on a busy machine, which fails if one is
  --processes N  how many processes with 200 descriptors each make the machine of B busy (default 5000)
  --save         also write benches/runs/DATE-watch.txt
";

/// The watched machine: nothing changes there.
const FIXTURE: &str = "repeat=10 [ many=100@{i} ]";

fn main() {
    let mut words = std::env::args().skip(1);
    let (mut minutes, mut letters, mut processes, mut save) = (1, "IR".to_owned(), 5000, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--bench" => {}
            "--minutes" => minutes = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--minutes N"),
            "--cases" => letters = words.next().expect("--cases IRB"),
            "--processes" => {
                processes = words.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).expect("--processes N");
            }
            "--save" => save = true,
            _ => return print!("{HELP}"),
        }
    }
    let mut text = machine::describe("Watching this machine", &[("ss", "-V"), ("watch", "-v")]);
    if letters.contains('I') {
        text.push_str(&idle(Duration::from_secs(minutes * 60)));
    }
    if letters.contains('R') {
        text.push_str(&readers());
    }
    let mut is_reached = true;
    if letters.contains('B') {
        let (part, reached) = busy::busy(processes);
        text.push_str(&part);
        is_reached = reached;
    }
    print!("{text}");
    if save {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/runs/{}-watch.txt", machine::today()));
        fs::write(&file, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }
    assert!(is_reached, "the watch of a busy machine missed its goal");
}

/// How long the peer is measured, at most: its cost per second is constant.
const PEER: Duration = Duration::from_mins(2);

/// 1,000 listeners without a change: watched as root, with kernel trace events for TCP, and as a user without
/// permission.
fn idle(time: Duration) -> String {
    needs_root("it watches with the kernel's tracing");
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    scene.sh("mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing");
    let fixture = scene.fixture(FIXTURE);
    let mut text = format!("\n1,000 listeners in 10 processes, {} s in which nothing happens\n", time.as_secs());
    let _ = writeln!(
        text,
        "{:<34}{:>10}{:>12}{:>10}{:>13}{:>12}",
        "", "CPU ms", "of a core", "of watch", "kB at begin", "kB at end"
    );
    let watches = [
        ("table", scene.portolan().args("--watch")),
        ("JSON", scene.portolan().args("--watch --json")),
        ("without rights", scene.portolan().by_nobody().args("--watch --json")),
    ];
    // All at once: together they use almost no processor time.
    let figures = thread::scope(|scope| {
        let figures = watches.map(|(name, watch)| (name, scope.spawn(move || Figures::of(watch.spawn(), time))));
        figures.map(|(name, figures)| (name, figures.join().expect("it is looked at to the end")))
    });
    let peer = ss(&scene, time);
    for (name, Figures { cpu_ms, share, kilobytes }) in figures {
        let _ = writeln!(
            text,
            "{:<34}{cpu_ms:>10.1}{:>11.3}%{:>10}{:>13}{:>12}",
            format!("discover local --watch, {name}"),
            share * 100.0,
            format!("1/{:.0}", peer / share),
            kilobytes.0,
            kilobytes.1
        );
    }
    let _ = writeln!(text, "{:<34}{:>10}{:>11.3}%", "watch -n1 ss -tulpn", "", peer * 100.0);
    text.push_str("goals: 0.1% of a core, 1/20 of watch\n");
    fixture.end();
    text
}

/// What a process used while nothing changed.
struct Figures {
    cpu_ms: f64,
    share: f64,
    kilobytes: (u64, u64),
}

impl Figures {
    /// Takes them after the watch is synced, so that only watching counts.
    fn of(mut child: Child, time: Duration) -> Self {
        let lines = Lines::of(&mut child);
        let child = Ended(child);
        while !lines.next().expect("it goes on").contains("synced") {}
        let pid = child.0.id();
        let (before, memory, begin) = (cpu_ns(pid), resident(pid), Instant::now());
        sleep(time);
        let cpu_ms = (cpu_ns(pid) - before) as f64 / 1e6;
        let share = cpu_ms / 1e3 / begin.elapsed().as_secs_f64();
        Self { cpu_ms, share, kilobytes: (memory, resident(pid)) }
    }
}

/// The processor time of all threads, as the scheduler accounts for it.
fn cpu_ns(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let of = |thread: fs::DirEntry| -> u64 {
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    };
    threads.flatten().map(of).sum()
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).expect("a number")
}

/// The share of a core that `watch -n1 ss -tulpn` takes in a terminal of usual size, the terminal itself left out.
fn ss(scene: &Scene, time: Duration) -> f64 {
    let terminal = Tmux::open(scene, (80, 24), "watch -n1 ss -tulpn; exit");
    terminal.until_shows("LISTEN");
    let pid = terminal.child();
    let (before, begin) = (with_children(pid), Instant::now());
    sleep(time.min(PEER));
    with_children(pid).saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64()
}

/// The processor time of a process and of those of its children that have ended.
fn with_children(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after = stat.rsplit_once(')').expect("a name").1;
    // Fields 14 to 17, in clock ticks.
    let ticks: u64 = after.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[derive(Debug, serde::Serialize)]
struct Nothing;
impl Detail for Nothing {}

const READERS: usize = 1000;
const BATCHES: usize = 200;

/// One writer, a thousand readers, one change at a time.
fn readers() -> String {
    let mut writer = Writer::new("bench", DetailLevel::Full, Clock::coarse());
    let service = |number: usize| Service::new(format!("bench/{number}"), "bench", Vec::new(), Nothing).erase();
    writer.apply(vec![Update::Reset((0..1000).map(service).collect())]);
    let mut watches: Vec<Watch> = (0..READERS).map(|_| writer.reader().watch().1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut writing, mut reading) = (Duration::ZERO, Duration::ZERO);
    for number in 0..BATCHES {
        let update = vec![Update::Upsert(service(1000 + number))];
        let begin = Instant::now();
        writer.apply(update);
        writing += begin.elapsed();
        let begin = Instant::now();
        runtime.block_on(async {
            for watch in &mut watches {
                assert!(matches!(watch.next().await, Some(WatchItem::Events(events)) if events.len() == 1));
            }
        });
        reading += begin.elapsed();
    }
    let micros = |time: Duration, by: usize| time.as_secs_f64() * 1e6 / by as f64;
    format!(
        "\nA catalog of 1,000 services with {READERS} readers, {BATCHES} changes one by one\n\
         {:.1} us a change for the writer, {:.2} us for each reader that hears of it\n",
        micros(writing, BATCHES),
        micros(reading, BATCHES * READERS)
    )
}
