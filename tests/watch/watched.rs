//! A running `--watch --json`, and the checked history of its lines.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitStatus;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::history::History;
use crate::support::{Ended, HANG, Lines, Portolan, Scene, kill};

pub struct Watched {
    child: Ended,
    lines: Lines,
    /// The types of lines with a pending owner, by id: the owner follows.
    pending: BTreeMap<String, Value>,
    pub history: History,
}

impl Watched {
    /// Starts it and waits until it is synced.
    pub fn start(portolan: Portolan<'_>) -> Self {
        let mut child = portolan.args("--watch --json").spawn();
        let lines = Lines::of(&mut child);
        let pending = BTreeMap::new();
        let mut watched = Self { child: Ended(child), lines, pending, history: History::default() };
        watched.until(|line| line["type"] == "synced");
        watched
    }

    /// The next line, checked.
    #[track_caller]
    pub fn next(&mut self) -> Option<Value> {
        let line = self.lines.next()?;
        let line = serde_json::from_str(&line).unwrap_or_else(|e| panic!("no whole line ({e}): {line:?}"));
        self.history.line(&line);
        Some(line)
    }

    /// The next line that is wanted; what comes before it is only checked.
    #[track_caller]
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next().expect("it goes on");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The next line whose owner is no longer pending. The update in which an owner follows has the type of the line that it
    /// completes.
    #[track_caller]
    pub fn settled(&mut self) -> Option<Value> {
        loop {
            let mut line = self.next()?;
            let Some(id) = line["item"]["id"].as_str().map(str::to_owned) else { return Some(line) };
            if line["type"] != "removed" && line["item"]["detail"]["owner"] == "pending" {
                let kind = line["type"].clone();
                self.pending.entry(id).or_insert(kind);
                continue;
            }
            if let Some(kind) = self.pending.remove(&id).filter(|_| line["type"] == "updated") {
                line["type"] = kind;
            }
            return Some(line);
        }
    }

    /// The next line about this service, as [`settled`](Self::settled) has it.
    #[track_caller]
    pub fn about(&mut self, id: &str) -> Value {
        loop {
            let line = self.settled().expect("it goes on");
            if line["item"]["id"] == id {
                return line;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.child.0.id(), signal);
    }

    /// Stops it, and waits until each of its threads stands still: the signal reaches one after the other.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.pid());
        let stands = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.expect("it lives").path().join("stat")).expect("it lives");
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        let begun = Instant::now();
        while !std::fs::read_dir(&tasks).expect("it lives").all(stands) {
            assert!(begun.elapsed() < HANG, "it goes on");
        }
    }

    /// Ends it, and hears the rest.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, History) {
        self.signal(signal);
        while self.next().is_some() {}
        (self.child.0.wait().expect("it ends"), self.history)
    }
}

/// Does something in the network namespace of a scene.
pub fn inside<T: Send>(scene: &Scene, act: impl FnOnce() -> T + Send) -> T {
    let namespace = std::fs::File::open(format!("/proc/{}/ns/net", scene.pid())).expect("the scene lives");
    std::thread::scope(|scope| {
        let entered = scope.spawn(move || {
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
                .expect("this test needs root: it enters a network namespace");
            act()
        });
        entered.join().expect("it is done")
    })
}

/// A thread in the network namespace of a scene, where it does one thing after another until it is dropped: a
/// watcher that looks at it right after an event still finds it there.
pub struct Dweller(Option<Sender<Errand>>, Option<JoinHandle<()>>);

type Errand = Box<dyn FnOnce() + Send>;

impl Dweller {
    pub fn of(scene: &Scene) -> Self {
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", scene.pid())).expect("the scene lives");
        let (send, receive) = channel::<Errand>();
        let thread = std::thread::spawn(move || {
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
                .expect("this test needs root: it enters a network namespace");
            for errand in receive {
                errand();
            }
        });
        Self(Some(send), Some(thread))
    }

    /// Makes it do something, and waits until it is done.
    pub fn act<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let (send, receive) = channel();
        let errand = Box::new(move || drop(send.send(act())));
        self.0.as_ref().and_then(|sender| sender.send(errand).ok()).expect("it lives");
        receive.recv().expect("it is done")
    }
}

impl Drop for Dweller {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.take().map(JoinHandle::join);
    }
}

/// Whether the item of a line is held by this process, or by a child that another test has just started: until it runs its
/// program, it holds whatever its parent does.
pub fn is_ours(line: &Value) -> bool {
    let us = std::process::id();
    let processes = line["item"]["detail"]["processes"].as_array().expect("processes");
    processes.iter().any(|process| process["pid"] == us || process["parents"][0]["pid"] == us)
}

/// A listener in a scene, and the id that portolan has for it.
pub fn listener(scene: &Scene, address: &str) -> (TcpListener, String) {
    let listener = inside(scene, || TcpListener::bind(address)).expect("the address is free");
    let at: SocketAddr = listener.local_addr().expect("it is bound");
    (listener, format!("local/tcp/{at}"))
}
