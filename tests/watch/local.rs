//! A watched machine: no event twice or out of order, and none missing for a listener that lived long enough.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Ended, Isolation, Lines, Scene, finish, kill};
use crate::watched::{Watched, inside, is_ours, listener};

#[test]
fn a_new_listener_is_reported_and_so_is_its_end() {
    let scene = Scene::new();
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms"));
    let (first, id) = listener(&scene, "127.0.0.1:0");
    let line = watched.about(&id);
    assert_eq!(line["type"], "added");
    assert_eq!(line["source"], "local");
    assert!(is_ours(&line), "{line}");
    drop(first);
    assert_eq!(watched.about(&id)["type"], "removed");
    let (status, history) = watched.end(Signal::INT);
    assert_eq!(status.code(), Some(0), "Ctrl-C is how a watch ends");
    assert_eq!(history.ids(), Vec::<&str>::new());
}

#[test]
fn a_connection_comes_and_goes() {
    let scene = Scene::new();
    let (server, _) = listener(&scene, "127.0.0.1:0");
    let at = server.local_addr().unwrap();
    let mut watched = Watched::start(scene.portolan().args("--connections --interval 50ms"));

    let client = inside(&scene, || std::net::TcpStream::connect(at)).unwrap();
    let id = format!("local/tcp/{at}-{}", client.local_addr().unwrap());
    let added = watched.about(&id);
    assert_eq!((&added["type"], &added["item"]["detail"]["state"]), (&"added".into(), &"queued".into()), "{added}");
    // This resets what was not accepted.
    drop(server);
    assert_eq!(watched.about(&id)["type"], "removed");
}

#[test]
fn a_published_port_comes_and_goes() {
    let scene = Scene::new();
    scene.sh(
        "ip link add wire type veth peer name far; ip link set wire up; ip link set far up; ip addr add 10.77.0.1/24 dev wire
         nft add table ip t; nft 'add chain ip t p { type nat hook prerouting priority dstnat; }'",
    );
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms"));
    scene.sh("nft add rule ip t p tcp dport 8080 dnat to 10.77.0.9:80");
    let added = watched.about("local/tcp/0.0.0.0:8080");
    assert_eq!((&added["type"], &added["item"]["detail"]["state"]), (&"added".into(), &"published".into()), "{added}");
    scene.sh("nft flush chain ip t p");
    assert_eq!(watched.about("local/tcp/0.0.0.0:8080")["type"], "removed");
}

/// The next poll is an hour away, so only a kernel event can report it.
#[test]
fn a_removal_is_reported_before_the_next_poll() {
    let scene = Scene::new();
    let (tcp, id) = listener(&scene, "127.0.0.1:0");
    let udp = inside(&scene, || std::net::UdpSocket::bind("[::1]:0")).unwrap();
    let udp_id = format!("local/udp/{}", udp.local_addr().unwrap());
    let mut watched = Watched::start(scene.portolan().args("--interval 1h"));
    drop(tcp);
    assert_eq!(watched.about(&id)["type"], "removed");
    drop(udp);
    assert_eq!(watched.about(&udp_id)["type"], "removed");
}

#[test]
fn a_process_that_runs_another_program_is_an_update() {
    let scene = Scene::new();
    let (held, id) = listener(&scene, "127.0.0.1:0");
    let go = scene.dir().join("go");
    let script = format!("until [ -e {} ]; do sleep 0.05; done; exec sleep 1000", go.display());
    // The listener is its standard input, and it alone holds it.
    let holder = {
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::from(OwnedFd::from(held)));
        Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms"));
    fs::write(&go, "").unwrap();
    let name = |line: &Value| line["item"]["detail"]["processes"][0]["name"].clone();
    let line = watched.until(|line| line["item"]["id"] == *id && name(line) == "sleep");
    assert_eq!(line["type"], "updated");
    let changed: Vec<&str> = line["changed"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(changed.iter().any(|field| field.starts_with("detail.processes")), "{changed:?}");
    drop(holder);
    assert_eq!(watched.about(&id)["type"], "removed");
}

/// A daemon binds, drops its rights, and starts a worker later, while the process that is known stays.
#[test]
fn another_user_and_a_later_worker_are_updates() {
    let scene = Scene::new();
    let (held, id) = listener(&scene, "127.0.0.1:0");
    // The listener is its standard input. The worker ends with its parent, which holds the other end of a pipe.
    let script =
        "use POSIX (); $SIG{USR1} = sub { $drop = 1 }; $SIG{USR2} = sub { $fork = 1 }; $| = 1; print qq(ready\\n);
        while (1) {
            if ($drop) { $drop = 0; POSIX::setgid(65534); POSIX::setuid(65534) }
            if ($fork) { $fork = 0; pipe(R, W); if (fork() == 0) { close(W); sysread(R, $end, 1); exit } close(R) }
            select(undef, undef, undef, 0.05)
        }";
    // The command would keep the listener open here.
    let mut daemon = {
        let mut command = Command::new("perl");
        command.args(["-e", script]).stdin(Stdio::from(OwnedFd::from(held))).stdout(Stdio::piped());
        command.spawn().expect("perl starts")
    };
    let lines = Lines::of(&mut daemon);
    let daemon = Ended(daemon);
    assert_eq!(lines.next().as_deref(), Some("ready"));

    let mut watched = Watched::start(scene.portolan().args("--interval 50ms"));
    kill(daemon.0.id(), Signal::USR1);
    let user = |line: &Value| line["item"]["detail"]["processes"][0]["user"]["uid"].clone();
    let dropped = watched.until(|line| line["item"]["id"] == *id && user(line) == 65534);
    assert_eq!(dropped["type"], "updated", "{dropped}");

    kill(daemon.0.id(), Signal::USR2);
    let count = |line: &Value| line["item"]["detail"]["processes"].as_array().map_or(0, Vec::len);
    let shared = watched.until(|line| line["item"]["id"] == *id && count(line) == 2);
    assert_eq!(shared["type"], "updated", "{shared}");
    drop(daemon);
    watched.until(|line| line["item"]["id"] == *id && line["type"] == "removed");
}

/// The process table disappears, and comes back.
#[test]
fn a_machine_that_cannot_be_read_for_a_while_keeps_what_was_there() {
    let scene = Scene::isolated(Isolation { mounts: true, ..Isolation::default() });
    let (_first, first) = listener(&scene, "127.0.0.1:0");
    let mut watched = Watched::start(scene.portolan().args("--interval 20ms --tcp"));
    scene.sh("mount -t tmpfs none /proc");
    let (_second, second) = listener(&scene, "127.0.0.1:0");
    let stale = watched.until(|line| line["type"] == "stale");
    assert!(stale["age_ms"].is_u64() && stale["error"]["hint"].is_string(), "{stale}");
    assert!(watched.history.ids().contains(&&*first), "{:?}", watched.history);
    // Busy while the watch reads it.
    scene.sh("for attempt in $(seq 1000); do umount /proc && exit; done; exit 1");
    // It may have been added before that, with a pending owner.
    let is_owned = |line: &Value| line["item"]["id"] == *second && line["item"]["detail"]["owner"] == "known";
    watched.until(is_owned);
    watched.until(|line| line["type"] == "synced");
    // A child that another test starts holds both until it runs its program: that may be an update.
    let (status, history) = watched.end(Signal::INT);
    assert_eq!((status.code(), history.count("added"), history.count("removed")), (Some(0), 2, 0), "{history:?}");
}

/// While it is stopped, one process goes and another comes to its port.
#[test]
fn changes_while_it_was_stopped_are_reported_as_differences() {
    let scene = Scene::new();
    let first = scene.fixture("tcp=127.0.0.1:7001 tcp=127.0.0.1:7002");
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms"));
    watched.stop();
    first.end();
    let second = scene.fixture("tcp=127.0.0.1:7001 tcp=127.0.0.1:7003");
    watched.signal(Signal::CONT);
    let mut left = BTreeSet::from([
        ("updated".to_owned(), "local/tcp/127.0.0.1:7001".to_owned()),
        ("removed".to_owned(), "local/tcp/127.0.0.1:7002".to_owned()),
        ("added".to_owned(), "local/tcp/127.0.0.1:7003".to_owned()),
    ]);
    while !left.is_empty() {
        let line = watched.settled().expect("it goes on");
        let change = (line["type"].as_str().unwrap().to_owned(), line["item"]["id"].as_str().unwrap().to_owned());
        assert!(left.remove(&change), "{line}");
        if change.0 == "updated" {
            let pid = second.truth.pids().into_iter().next().unwrap();
            assert_eq!(line["item"]["detail"]["processes"][0]["pid"], pid);
        }
    }
}

/// An address that no other listener has had: where one takes another's place between two looks, nothing has happened.
pub fn own_address(number: usize) -> SocketAddr {
    let [_, high, middle, low] = u32::try_from(number).unwrap().to_be_bytes();
    SocketAddr::from(([127, high + 1, middle, low], 7000))
}

const ROUNDS: usize = 100;
const PER_ROUND: usize = 100;

/// Ten thousand listeners come and go. Half of them live until they are reported: none may be lost. The others close at
/// some moment, and may be seen or not, but not twice and not for ever.
#[test]
fn ten_thousand_listeners_come_and_go() {
    let scene = Scene::new();
    let mut watched = Watched::start(scene.portolan().args("--interval 50ms --tcp"));
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut standing: Vec<(TcpListener, String)> = Vec::new();
    let mut opened = 0;
    for _ in 0..ROUNDS {
        let fresh: Vec<TcpListener> = inside(&scene, || {
            (opened..opened + PER_ROUND).map(|n| TcpListener::bind(own_address(n)).unwrap()).collect()
        });
        opened += fresh.len();
        let mut awaited = BTreeSet::new();
        for listener in fresh {
            let id = format!("local/tcp/{}", listener.local_addr().unwrap());
            if random.next_u32().is_multiple_of(2) {
                awaited.insert(id.clone());
                standing.push((listener, id));
            }
        }
        while !awaited.is_empty() {
            let line = watched.next().expect("it goes on");
            if line["type"] != "removed" {
                awaited.remove(line["item"]["id"].as_str().unwrap());
            }
        }
        // Some go together, some stay for many rounds.
        standing.retain(|_| !random.next_u32().is_multiple_of(3));
    }
    assert_eq!(opened, ROUNDS * PER_ROUND);
    let last: BTreeSet<&str> = standing.iter().map(|(_, id)| id.as_str()).collect();
    while watched.history.ids().into_iter().collect::<BTreeSet<_>>() != last {
        watched.next().expect("a closed listener is reported");
    }
    let listed = scene.portolan().args("--tcp").list();
    assert_eq!(listed.rows.iter().map(crate::support::Row::id).collect::<BTreeSet<_>>(), last);
    let (status, history) = watched.end(Signal::INT);
    assert_eq!(status.code(), Some(0));
    assert!(history.count("added") >= opened / 2 - opened / 10, "{:?}", history.counts);
}

/// The reader pauses for a while; then every event arrives, or is counted as left out.
#[test]
fn a_reader_that_does_not_read_loses_nothing_silently() {
    let scene = Scene::new();
    let mut child = scene.portolan().args("--watch --json --interval 10ms --tcp").spawn();
    for _ in 0..40 {
        let listeners: Vec<_> = (0..20).map(|_| listener(&scene, "127.0.0.1:0")).collect();
        drop(listeners);
    }
    let (last, id) = listener(&scene, "127.0.0.1:0");
    let lines = Lines::of(&mut child);
    let mut history = crate::history::History::default();
    while history.ids() != [id.as_str()] {
        history.line(&serde_json::from_str(&lines.next().expect("it goes on")).unwrap());
    }
    kill(child.id(), Signal::INT);
    while lines.next().is_some() {}
    assert_eq!(finish(child).unwrap().code(), Some(0));
    drop(last);
}

/// The only listener, gone before the second poll: the socket tables are then as empty as at first.
#[test]
fn a_listener_that_closes_right_after_the_first_poll_is_reported() {
    let scene = Scene::new();
    for _ in 0..8 {
        let (only, id) = listener(&scene, "127.0.0.1:7001");
        let mut child = scene.portolan().args("--watch -o name --interval 20ms").spawn();
        let lines = Lines::of(&mut child);
        assert_eq!(lines.next().unwrap(), format!("added {id}"));
        drop(only);
        assert_eq!(lines.next().unwrap(), format!("removed {id}"));
        kill(child.id(), Signal::INT);
        assert_eq!(finish(child).unwrap().code(), Some(0));
    }
}
