//! With permission each listener is reported, at once and with its process, however short it lives.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rustix::process::Signal;

use crate::local::own_address;
use crate::support::{Isolation, Scene, output, portolan_path};
use crate::watched::{Dweller, Watched, is_ours, listener};

/// A scene in which the kernel's tracing is where systemd puts it.
pub fn traced() -> Scene {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    scene.sh("mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing");
    scene
}

/// Root expects it, and a container does not permit it.
#[test]
fn a_watch_that_cannot_trace_says_so_in_one_line() {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    let watch = |more: &str| scene.portolan().args(&format!("--watch --for 1s {more}")).run();
    let polls = "new sockets are noticed by polling\n";
    let outcome = watch("");
    assert_eq!(outcome.stderr.matches(polls).count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the kernel cannot be traced (process ids are those of a container)"));
    assert!(!watch("-q").stderr.contains(polls));
    assert!(!traced().portolan().args("--watch --for 1s").run().stderr.contains(polls));
}

/// The next poll is an hour away.
#[test]
fn listeners_are_reported_at_once_with_their_process() {
    let (scene, other) = (traced(), Scene::new());
    let mut watched = Watched::start(scene.portolan().args("--interval 1h --tcp"));
    // In another network namespace: out of scope.
    let (here, there) = (Dweller::of(&scene), Dweller::of(&other));
    there.act(|| drop(TcpListener::bind("127.0.0.1:7001").unwrap()));
    here.act(|| drop(TcpListener::bind("127.0.0.1:7002").unwrap()));
    let id = "local/tcp/127.0.0.1:7002";
    let line = watched.next().unwrap();
    assert_eq!((&line["type"], &line["item"]["id"]), (&"added".into(), &id.into()), "{line}");
    assert!(is_ours(&line), "{line}");
    let line = watched.next().unwrap();
    assert_eq!((&line["type"], &line["item"]["id"]), (&"removed".into(), &id.into()), "{line}");
    // One that stays is described as a listing describes it.
    let (_second, id) = listener(&scene, "[::1]:7003");
    let line = watched.about(&id);
    assert_eq!((&line["type"], &line["item"]["detail"]["sockets"]), (&"added".into(), &1.into()));
    assert!(line["item"]["detail"]["user"].is_object(), "{line}");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// The socket of a new connection begins as a copy of the listener and leaves its state: the listener has not ended.
#[test]
fn a_connection_does_not_end_its_listener() {
    let scene = traced();
    let (listener, id) = listener(&scene, "127.0.0.1:7001");
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms --tcp"));
    let here = Dweller::of(&scene);
    for _ in 0..20 {
        let client = here.act(|| std::net::TcpStream::connect("127.0.0.1:7001").unwrap());
        drop((listener.accept().unwrap(), client));
    }
    here.act(|| drop(TcpListener::bind("127.0.0.1:7002").unwrap()));
    let line = watched.next().unwrap();
    assert_eq!((&line["type"], &line["item"]["id"]), (&"added".into(), &"local/tcp/127.0.0.1:7002".into()), "{line}");
    drop(listener);
    assert_eq!(watched.until(|line| line["item"]["id"] == id)["type"], "removed");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// Where tracing is not mounted, a watch of root's has a mount of its own, which nothing else sees; what hides the place hides it
/// from the watch too.
#[test]
fn tracing_that_is_not_mounted_is_used_all_the_same() {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    scene.sh("while mountpoint -q /sys/kernel/tracing; do umount /sys/kernel/tracing; done");
    let mut watched = Watched::start(scene.portolan().args("--interval 1h --tcp"));
    // The namespace of a thread that has ended is unknown: this one stays.
    let here = Dweller::of(&scene);
    here.act(|| drop(TcpListener::bind("127.0.0.1:7002").unwrap()));
    for kind in ["added", "removed"] {
        let line = watched.next().unwrap();
        assert_eq!((&line["type"], &line["item"]["id"]), (&kind.into(), &"local/tcp/127.0.0.1:7002".into()), "{line}");
    }
    assert_eq!(scene.sh("ls /sys/kernel/tracing"), "", "the mount is seen");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));

    let doctor = || {
        let out = output(scene.command(portolan_path()).arg("doctor"));
        String::from_utf8(out.stdout).unwrap().lines().find(|line| line.contains("tracing")).unwrap().to_owned()
    };
    assert!(doctor().contains("sees new sockets at once"), "{}", doctor());
    scene.sh("mount -t tmpfs none /sys/kernel/tracing");
    assert!(doctor().contains("a watch of this machine polls"), "{}", doctor());
}

/// Its owner cannot be seen: neither this process nor any of its threads shows its descriptors.
#[test]
fn a_listener_without_a_visible_owner_is_reported_with_the_process_that_opened_it() {
    let scene = traced();
    let pid = std::process::id();
    scene.sh(&format!("for part in fd task; do mount -t tmpfs none /proc/{pid}/$part; done"));
    let here = Dweller::of(&scene);
    let _before = here.act(|| TcpListener::bind("127.0.0.1:7001").unwrap());
    let mut watched = Watched::start(scene.portolan().args("--interval 1h --tcp"));
    let _since = here.act(|| TcpListener::bind("127.0.0.1:7002").unwrap());
    let line = watched.about("local/tcp/127.0.0.1:7002");
    let detail = &line["item"]["detail"];
    assert_eq!((&line["type"], &detail["owner"]), (&"added".into(), &"known".into()), "{line}");
    assert!(is_ours(&line), "{line}");
    assert_eq!((&detail["processes_complete"], &detail["sockets"]), (&false.into(), &1.into()), "{line}");
    assert_eq!(line["item"]["name"], detail["processes"][0]["name"]);
    // The trace cannot know the owner of earlier listeners.
    let before = scene.portolan().args("--tcp -p 7001").list();
    assert_ne!(before.row("tcp 127.0.0.1:7001").detail("processes")[0]["pid"], pid);
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// The way servers are replaced without a gap. The next poll is an hour away.
#[test]
fn one_that_takes_over_a_port_is_an_update() {
    let scene = traced();
    let bind = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 7001)).into()).unwrap();
        socket.listen(1).unwrap();
        socket
    };
    let here = Dweller::of(&scene);
    let old = here.act(bind);
    let mut watched = Watched::start(scene.portolan().args("--interval 1h --tcp"));
    let new = here.act(bind);
    // Another process that holds it for a moment may be an update too.
    let sockets = |watched: &mut Watched, count: u32| {
        let line = watched.until(|line| line["type"] != "updated" || line["item"]["detail"]["sockets"] == count);
        assert_eq!(line["type"], "updated", "{line}");
    };
    sockets(&mut watched, 2);
    here.act(move || drop(old));
    sockets(&mut watched, 1);
    here.act(move || drop(new));
    watched.until(|line| line["type"] == "removed");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

/// Sockets that the trace does not report, or reports for another namespace, are left to polling.
#[test]
fn sockets_without_a_trace_are_found_by_polling() {
    let (scene, other) = (traced(), Scene::new());
    let (here, there) = (Dweller::of(&scene), Dweller::of(&other));
    let socket = |port: u16| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
        socket
    };
    let listens = here.act(move || socket(7001));
    listens.listen(5).unwrap();
    let mut watched = Watched::start(scene.portolan().args("--interval 20ms --tcp --udp"));
    listens.listen(6).unwrap();
    let line = watched.until(|line| line["type"] != "synced");
    let limit = &line["item"]["detail"]["backlog"]["limit"];
    assert_eq!((&line["type"], limit), (&"updated".into(), &6.into()), "{line}");
    let _udp = here.act(|| std::net::UdpSocket::bind("127.0.0.1:7001").unwrap());
    assert_eq!(watched.about("local/udp/127.0.0.1:7001")["type"], "added");
    let ours = here.act(move || socket(7002));
    let _ours = there.act(move || {
        ours.listen(1).unwrap();
        ours
    });
    assert_eq!(watched.about("local/tcp/127.0.0.1:7002")["type"], "added");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn filtered_listeners_are_not_reported() {
    let scene = traced();
    let mut watched = Watched::start(scene.portolan().args("--interval 1h --tcp -p 7002"));
    let here = Dweller::of(&scene);
    here.act(|| [7001, 7003, 7002].map(|port| drop(TcpListener::bind(("127.0.0.1", port)).unwrap())));
    assert_eq!(watched.next().unwrap()["item"]["id"], "local/tcp/127.0.0.1:7002");
}

const ROUNDS: usize = 200;
const PER_ROUND: usize = 50;

/// Ten thousand listeners come and go at random, most of them between two polls: each is reported once, and its end once.
#[test]
fn none_of_ten_thousand_is_lost() {
    let scene = traced();
    let mut watched = Watched::start(scene.portolan().args("--interval 1s --tcp"));
    let here = Dweller::of(&scene);
    let standing = Arc::new(Mutex::new((TestRng::deterministic_rng(RngAlgorithm::ChaCha), Vec::new())));
    for round in 0..ROUNDS {
        let standing = Arc::clone(&standing);
        here.act(move || {
            let (random, standing) = &mut *standing.lock().unwrap();
            for number in 0..PER_ROUND {
                let listener = TcpListener::bind(own_address(round * PER_ROUND + number)).unwrap();
                // Most close at once; some stay for a while.
                if random.next_u32().is_multiple_of(4) {
                    standing.push(listener);
                }
                if random.next_u32().is_multiple_of(4) && !standing.is_empty() {
                    let at = usize::try_from(random.next_u32()).unwrap() % standing.len();
                    drop(standing.swap_remove(at));
                }
            }
        });
        // The kernel buffers a few thousand events: no faster than they are reported.
        while watched.history.count("added") < (round + 1) * PER_ROUND {
            watched.next().expect("each is reported");
        }
    }
    here.act(move || standing.lock().unwrap().1.clear());
    while watched.history.count("removed") < ROUNDS * PER_ROUND {
        watched.next().expect("each end is reported");
    }
    let (status, history) = watched.end(Signal::INT);
    assert_eq!(status.code(), Some(0));
    let mut told: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (kind, id) in &history.changes {
        let (added, removed) = told.entry(id).or_default();
        match kind.as_str() {
            "added" => *added += 1,
            "removed" => *removed += 1,
            _ => {}
        }
    }
    assert_eq!(told.len(), ROUNDS * PER_ROUND);
    assert!(told.values().all(|counts| *counts == (1, 1)), "{told:?}");
    assert_eq!(history.ids(), Vec::<&str>::new());
}

/// Its tracing instance is removed at exit, and the next watch removes that of a killed one.
#[test]
fn nothing_is_left_behind() {
    let scene = traced();
    let instances = || scene.sh("ls /sys/kernel/tracing/instances");
    let watched = Watched::start(scene.portolan().args("--tcp"));
    let killed = format!("portolan-{}-0", watched.pid());
    assert!(instances().contains(&killed));
    watched.signal(Signal::KILL);
    drop(watched);
    let next = Watched::start(scene.portolan().args("--tcp"));
    let own = format!("portolan-{}-0", next.pid());
    assert!(!instances().contains(&killed) && instances().contains(&own));
    assert_eq!(next.end(Signal::INT).0.code(), Some(0));
    assert!(!instances().contains(&own), "{}", instances());
}
