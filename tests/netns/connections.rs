//! `--connections`: each connection once, with the processes of both ends where both are on this machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

use crate::support::{Row, Scene, needs_root};

/// Does something in the network namespace of a scene.
fn inside<T: Send + 'static>(scene: &Scene, work: impl FnOnce() -> T + Send + 'static) -> T {
    let namespace = File::open(format!("/proc/{}/ns/net", scene.pid())).unwrap();
    let working = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        work()
    });
    working.join().unwrap()
}

fn connect(scene: &Scene, to: &'static str) -> TcpStream {
    inside(scene, move || TcpStream::connect(to).unwrap())
}

fn pids(end: &Value) -> Vec<u64> {
    end["processes"].as_array().unwrap().iter().map(|process| process["pid"].as_u64().unwrap()).collect()
}

/// Whether this process holds an end, and none but it and a child that another test has just started: until it runs its
/// program, it holds whatever its parent does.
fn is_held_by_us(end: &Value) -> bool {
    let us = std::process::id();
    let processes = end["processes"].as_array().unwrap();
    pids(end).contains(&u64::from(us))
        && processes.iter().all(|process| process["pid"] == us || process["parents"][0]["pid"] == us)
}

/// Its own end, and the other one.
fn ends(row: &Row) -> (String, String) {
    let peer = row.detail("peer");
    let (address, port) = (peer["address"].as_str().unwrap(), peer["port"].as_u64().unwrap());
    let ip: std::net::IpAddr = address.parse().unwrap();
    let peer = std::net::SocketAddr::new(ip, u16::try_from(port).unwrap());
    (row.key().split_once(' ').unwrap().1.to_owned(), peer.to_string())
}

#[test]
fn a_connection_within_this_machine_is_one_row_with_both_processes() {
    needs_root("it connects inside another network namespace");
    let scene = Scene::new();
    let fixture = scene.fixture("name=server tcp=127.0.0.1:8001,conns=1 tcp=[::]:8002,dual");
    let server = u64::from(*fixture.truth.0["tcp 127.0.0.1:8001"].first().unwrap());
    let client = connect(&scene, "127.0.0.1:8002");

    let listing = scene.portolan().args("--tcp --connections").list();
    assert_eq!(listing.keys(), ["tcp 127.0.0.1:8001", "tcp 127.0.0.1:8002"]);
    let accepted = listing.row("tcp 127.0.0.1:8001");
    assert_eq!((accepted.detail("state"), accepted.detail("direction")), (&json!("established"), &json!("in")));
    assert_eq!((pids(&accepted.0["detail"]), pids(&accepted.detail("peer")["holder"])), (vec![server], vec![server]));
    assert_eq!(accepted.name(), Some("server"));

    // The fixture does not accept it.
    let waiting = listing.row("tcp 127.0.0.1:8002");
    assert_eq!((waiting.detail("state"), waiting.detail("direction")), (&json!("queued"), &json!("in")));
    assert_eq!(pids(&waiting.0["detail"]), Vec::<u64>::new());
    assert!(is_held_by_us(&waiting.detail("peer")["holder"]), "{:?}", waiting.0);
    assert_eq!(ends(waiting).1, client.local_addr().unwrap().to_string());

    let table = scene.portolan().args("--connections").run();
    assert!(table.text().contains("PEER-PROCESS"), "{}", table.text());
    assert!(table.stderr.contains("2 connections"), "{}", table.stderr);
    let tree = scene.portolan().args("--connections --tree").run();
    assert!(tree.text().contains(&format!("server ({server})")), "{}", tree.text());
}

#[test]
fn a_connection_to_another_host_has_a_direction_at_each_end() {
    needs_root("it links two network namespaces");
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    let _fixture = here.fixture("tcp=10.77.0.1:8001");
    let client = connect(&there, "10.77.0.1:8001");
    let own = client.local_addr().unwrap().to_string();

    let listing = here.portolan().args("--connections").list();
    assert_eq!(ends(&listing.rows[0]), ("10.77.0.1:8001".to_owned(), own.clone()));
    assert_eq!(listing.rows[0].detail("direction"), "in");
    assert_eq!(listing.rows[0].detail("peer")["holder"], Value::Null);

    let listing = there.portolan().args("--connections").list();
    assert_eq!(ends(&listing.rows[0]), (own, "10.77.0.1:8001".to_owned()));
    assert_eq!(listing.rows[0].detail("direction"), "out");
    assert!(is_held_by_us(&listing.rows[0].0["detail"]), "{:?}", listing.rows[0].0);
    drop(client);
}

const MANY: &str = "tcp=127.0.0.1:8001,conns=5 tcp=[::1]:8001,conns=2 tcp=[::]:8003,dual,conns=4,to=127.0.0.1 \
     tcp=127.0.0.1:8004,queued=3 [ tcp=127.0.0.2:8001,conns=2 ] udp=127.0.0.1:8005,peer=127.0.0.1:8006 \
     udp=127.0.0.1:8006,peer=127.0.0.1:8005";

/// Both ends of what `ss` lists, the smaller text first.
fn pairs_of_ss(scene: &Scene) -> BTreeSet<(String, String)> {
    let text = scene.sh("ss -Htun state established");
    let pairs = text.lines().map(|line| {
        let mut words = line.split_ascii_whitespace().skip(3);
        let mut end = || words.next().unwrap().replace("[::ffff:127.0.0.1]", "127.0.0.1");
        sorted((end(), end()))
    });
    pairs.collect()
}

fn sorted((one, other): (String, String)) -> (String, String) {
    if one < other { (one, other) } else { (other, one) }
}

#[test]
fn connections_agree_with_ss_with_netlink_and_without() {
    let scene = Scene::new();
    let _fixture = scene.fixture(MANY);
    let expected = pairs_of_ss(&scene);
    assert_eq!(expected.len(), 17);

    let refused = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e", "inject=socket:error=EPERM"];
    for portolan in [scene.portolan(), scene.portolan().under("strace", &refused)] {
        let listing = portolan.args("--connections").list();
        let pairs: Vec<_> = listing.rows.iter().map(|row| sorted(ends(row))).collect();
        assert_eq!(pairs.len(), 17, "each connection is listed once");
        assert_eq!(pairs.into_iter().collect::<BTreeSet<_>>(), expected);
        let unheld = listing.rows.iter().filter(|row| pids(&row.0["detail"]).is_empty());
        assert!(unheld.clone().all(|row| row.detail("state") == "queued"));
        assert_eq!(unheld.count(), 3);
    }
}

#[test]
fn filters_match_either_end() {
    needs_root("it connects inside another network namespace");
    let scene = Scene::new();
    let _fixture = scene.fixture("name=server tcp=127.0.0.1:8001 tcp=127.0.0.1:8002,conns=2");
    let client = connect(&scene, "127.0.0.1:8001");
    let port = client.local_addr().unwrap().port();
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    let count = |args: &str| scene.portolan().args("--connections").args(args).list().rows.len();

    assert_eq!((count("-p 8001"), count("-p 8002"), count("-p 9"), count("--udp")), (1, 2, 0, 0));
    assert_eq!(count(&format!("-p {port}")), 1);
    assert_eq!((count("--process server"), count(&format!("--process {}", own.trim()))), (2, 1));
    assert_eq!((count("--user root"), count("--user 65534"), count("--skip-loopback")), (3, 0, 0));
}

#[test]
fn what_is_only_for_listeners_is_refused() {
    let scene = Scene::new();
    for option in ["--unix", "--exposed", "--state listen", "--interface lo", "--identify", "--validate"] {
        let refused = scene.portolan().args("--connections").args(option).run();
        assert_eq!(refused.code, Some(2), "{option}: {}", refused.stderr);
        let word = option.split(' ').next().unwrap();
        assert!(refused.stderr.contains(&format!("cannot use {word}")), "{option}: {}", refused.stderr);
    }
}

#[test]
fn a_comparison_reports_connections_and_keeps_listeners_out() {
    needs_root("it connects inside another network namespace");
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8001,conns=1");
    let file = scene.dir().join("before").display().to_string();
    let compare = |args: &str| scene.portolan().args(args).args("--fail-changed --diff").arg(&file).run();
    let kept = scene.portolan().args("--connections -o").arg(&format!("json={file}")).run();
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);

    assert_eq!(compare("--connections").code, Some(0));
    let listeners = compare("");
    assert_eq!(listeners.code, Some(0), "{}{}", listeners.text(), listeners.stderr);
    let _client = connect(&scene, "127.0.0.1:8001");
    let changed = compare("--connections");
    assert_eq!(changed.code, Some(1));
    assert!(changed.stderr.contains("1 opened, 0 closed, 0 changed"), "{}", changed.stderr);
}

#[test]
fn a_picture_has_a_line_for_each_pair_of_processes() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=server tcp=127.0.0.1:8001,conns=5 tcp=127.0.0.1:8002,conns=2");
    let picture = scene.portolan().args("--connections -o dot").run();
    assert_eq!(picture.text().matches("[style=dashed]").count(), 1, "{}", picture.text());
    assert!(picture.text().contains("7 connections"), "{}", picture.text());
}

/// Who talks most to this machine: each connection of a client has a port of its own, which makes no group.
#[test]
fn peers_are_grouped_by_their_address() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=server tcp=127.0.0.1:8001,conns=5 tcp=127.0.0.2:8002,conns=2");
    let counts = scene.portolan().args("--connections --group-by peer --counts").run();
    assert_eq!(counts.text().lines().next(), Some("COUNT  PEER"), "{}", counts.text());
    let rows = counts.text().lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let total: usize = rows.map(|count| count.parse::<usize>().unwrap()).sum();
    assert!(total == 7 && counts.text().lines().count() <= 3, "{}", counts.text());

    let grouped = scene.portolan().args("--connections --group-by peer").run();
    assert!(
        grouped.text().lines().any(|line| line.starts_with("127.0.0.") && line.ends_with(')')),
        "{}",
        grouped.text()
    );
    assert!(grouped.text().contains("127.0.0.1:8001"), "the ports stay in the rows: {}", grouped.text());
}

#[test]
fn without_rights_the_owners_of_others_are_said_to_be_hidden() {
    needs_root("it gives up rights");
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8001,conns=1");
    let outcome = scene.portolan().args("--connections --strict").by_nobody().run();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("cannot see the owners of 1 of 1 connections"), "{}", outcome.stderr);
    assert!(outcome.text().contains("owner unknown (no permission)"), "{}", outcome.text());
}

#[test]
fn a_connected_udp_socket_has_a_peer() {
    needs_root("it binds inside another network namespace");
    let scene = Scene::new();
    let socket = inside(&scene, || {
        let socket = UdpSocket::bind("127.0.0.1:8001").unwrap();
        socket.connect("127.0.0.1:8002").unwrap();
        socket
    });
    let listing = scene.portolan().args("--connections --udp").list();
    assert_eq!(ends(&listing.rows[0]), ("127.0.0.1:8001".to_owned(), "127.0.0.1:8002".to_owned()));
    assert_eq!(listing.rows[0].detail("direction"), &Value::Null);
    drop(socket);
}
