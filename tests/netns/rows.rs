//! Every listener is listed, with every process that holds it, and nothing else.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Scene, assert_same};

/// What a listing shows by default.
const DEFAULT: [&str; 2] = ["tcp", "udp"];

#[test]
fn every_kind_of_listener_is_listed_and_nothing_else() {
    let scene = Scene::new();
    let fixture = scene.fixture(
        "tcp=127.0.0.1:8001 tcp=0.0.0.0:8002 tcp=[::1]:8001 tcp=[::]:8003,dual tcp=[::]:8002,v6only \
         udp=127.0.0.1:8001 udp=0.0.0.0:8002 udp=[::1]:8001 udp=[::]:8003,dual udp=[::]:8002,v6only \
         tcp=127.0.0.1:8004,device=lo tcp=0.0.0.0:8005,device=lo udp=[::]:8006,device=lo \
         udp=127.0.0.1:8007,peer=127.0.0.1:8001 unix=stream:@not-asked-for \
         tcp=[::ffff:127.0.0.1]:8008 udp=[::ffff:127.0.0.3]:8009 tcp=127.0.0.2:0 tcp=127.0.0.1:65535 udp=127.0.0.1:1",
    );
    assert_same(&scene.portolan().list().truth(), &fixture.truth.only(&DEFAULT));
}

#[test]
fn a_listener_for_multipath_tcp_is_marked() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=127.0.0.1:8001,mptcp tcp=127.0.0.1:8002");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("mptcp"), true);
    assert!(listing.row("tcp 127.0.0.1:8002").0["detail"].get("mptcp").is_none());
}

#[test]
fn nothing_listens_in_an_empty_namespace() {
    let scene = Scene::new();
    assert!(scene.portolan().list().rows.is_empty());
}

#[test]
fn an_established_connection_alone_is_no_listener() {
    let scene = Scene::new();
    // Connected TCP sockets, and bound ones that do not listen, are the most common false rows.
    let fixture = scene.fixture("tcp=127.0.0.1:8001,conns=5,queued=2 udp=127.0.0.1:8002,peer=127.0.0.1:9");
    assert_same(&scene.portolan().list().truth(), &fixture.truth.only(&["tcp"]));
}

#[test]
fn a_reuseport_group_is_one_row_with_all_its_processes() {
    let scene = Scene::new();
    let fixture = scene.fixture(
        "tcp=0.0.0.0:8001,reuseport repeat=3 [ tcp=0.0.0.0:8001,reuseport ] \
         repeat=2 [ udp=[::]:8002,dual,reuseport ] [ tcp=127.0.0.1:8001,reuseport ]",
    );
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    assert_eq!(listing.row("tcp 0.0.0.0:8001").detail("sockets"), 4);
    assert_eq!(listing.row("udp [::]:8002").detail("sockets"), 2);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("sockets"), 1);
}

#[test]
fn the_same_port_bound_to_devices_and_to_none_makes_rows_of_their_own() {
    let scene = Scene::new();
    scene.sh("ip link add veth-a type veth peer name veth-b && ip link set veth-a up && ip link set veth-b up && \
         ip addr add 192.168.77.1/24 dev veth-a");
    let fixture = scene.fixture(
        "tcp=0.0.0.0:8001,device=lo tcp=0.0.0.0:8001,device=veth-a udp=0.0.0.0:8001,device=lo \
         udp=0.0.0.0:8001,device=veth-b",
    );
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    let row = listing.row("tcp 0.0.0.0:8001%veth-a");
    assert_eq!(row.endpoint("interface"), "veth-a");
    assert_eq!(row.detail("interfaces"), &json!(["veth-a"]));
}

#[test]
fn prefork_workers_are_all_named() {
    let scene = Scene::new();
    let fixture = scene.fixture("name=master tcp=127.0.0.1:8001 udp=127.0.0.1:8002 repeat=5 share [ name=worker{i} ]");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    let names = |what| -> BTreeSet<String> {
        listing.row(what).processes().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["master", "worker0", "worker1", "worker2", "worker3", "worker4"].map(str::to_owned).into();
    assert_eq!(names("tcp 127.0.0.1:8001"), all);
    assert_eq!(names("udp 127.0.0.1:8002"), all);
}

#[test]
fn a_socket_whose_creator_is_gone_belongs_to_its_heir() {
    let scene = Scene::new();
    let fixture = scene.fixture("[ name=gone leave tcp=127.0.0.1:8001 repeat=2 share [ name=heir ] ]");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").pids().len(), 2);
    assert!(listing.row("tcp 127.0.0.1:8001").processes().iter().all(|process| process["name"] == "heir"));
}

#[test]
fn a_socket_that_was_passed_on_belongs_to_its_holder() {
    let scene = Scene::new();
    let fixture = scene.fixture(
        "name=giver give=tcp:127.0.0.1:8001 [ name=taker ] lend=tcp:127.0.0.1:8002 [ name=borrower ] \
         give=udp:127.0.0.1:8003 [ name=taker ]",
    );
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth);
    assert_eq!(listing.row("tcp 127.0.0.1:8001").name(), Some("taker"));
    assert_eq!(listing.row("tcp 127.0.0.1:8002").pids().len(), 2);
}

#[test]
fn unix_domain_listeners_are_listed_on_request() {
    let scene = Scene::new();
    let dir = scene.dir().display();
    let fixture = scene.fixture(&format!(
        "unix=stream:{dir}/stream unix=seqpacket:{dir}/seqpacket unix=dgram:{dir}/dgram unix=stream:@abstract \
         unix=seqpacket:@abstract%20two unix=dgram:@log%00tail repeat=1 share [ name=heir ] tcp=127.0.0.1:8001"
    ));
    let unix = fixture.truth.only(&["unix"]);
    assert_same(&scene.portolan().args("--unix").list().truth(), &unix);
    assert_same(&scene.portolan().args("--unix --tcp").list().truth(), &fixture.truth);
    let listing = scene.portolan().args("--unix").list();
    assert_eq!(listing.row(&format!("unix {dir}/stream")).detail("state"), "listen");
    assert_eq!(listing.row(&format!("unix {dir}/dgram")).detail("state"), "unconnected");
    assert!(listing.rows.iter().all(|row| row.detail("scope") == "loopback"));
}

#[test]
fn one_abstract_name_for_every_kind_of_socket_makes_a_row_of_each() {
    let scene = Scene::new();
    let _fixture = scene.fixture("unix=stream:@thrice unix=dgram:@thrice unix=seqpacket:@thrice");
    let listing = scene.portolan().args("--unix").list();
    let ids: BTreeSet<_> = listing.rows.iter().map(|row| (row.id(), row.detail("state").as_str().unwrap())).collect();
    let expected = [
        ("local/unix/@thrice", "listen"),
        ("local/unix/dgram:@thrice", "unconnected"),
        ("local/unix/seqpacket:@thrice", "listen"),
    ];
    assert_eq!(ids, BTreeSet::from(expected));
}

#[test]
fn a_name_with_a_line_break_and_one_that_only_looks_so_have_ids_of_their_own() {
    let scene = Scene::new();
    let fixture = scene.fixture(r"unix=stream:@a%0ab unix=stream:@a\nb unix=stream:@a%5c%5cnb");
    assert_same(&scene.portolan().args("--unix").list().truth(), &fixture.truth);
}

#[test]
fn names_that_differ_only_where_they_are_not_utf8_are_rows_of_their_own() {
    let scene = Scene::new();
    let _fixture = scene.fixture("unix=stream:@a%ff unix=stream:@a%fe");
    let listing = scene.portolan().args("--unix").list();
    let ids: BTreeSet<&str> = listing.rows.iter().map(|row| row.0["id"].as_str().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from([r"local/unix/@a\xfe", r"local/unix/@a\xff"]));
}

#[test]
fn what_a_group_of_hosts_is_sent_is_exposed() {
    let scene = Scene::new();
    scene.sh("ip link add veth-a type veth peer name veth-b && ip link set veth-a up && ip link set veth-b up");
    scene.sh("ip addr add 10.9.8.7/24 brd + dev veth-a && ip route add local 10.99.0.0/16 dev lo");
    let _fixture =
        scene.fixture("udp=224.0.0.251:5353 udp=10.9.8.255:137 tcp=10.99.1.1:80 tcp=10.9.8.7:81 tcp=127.0.0.1:82");
    let listing = scene.portolan().args("--exposed").list();
    for (what, scope, exposed) in [
        ("udp 224.0.0.251:5353", "multicast", json!(true)),
        ("udp 10.9.8.255:137", "private", json!(true)),
        // Routed here, though no interface has it: portolan cannot know that, and so does not leave it out.
        ("tcp 10.99.1.1:80", "private", json!(null)),
        ("tcp 10.9.8.7:81", "private", json!(true)),
    ] {
        assert_eq!(listing.row(what).detail("scope"), scope, "{what}");
        assert_eq!(listing.row(what).detail("exposed"), &exposed, "{what}");
    }
    assert_eq!(listing.rows.len(), 4);
}

#[test]
fn connected_udp_sockets_are_counted_only_where_they_were_looked_for() {
    let scene = Scene::new();
    let _fixture = scene.fixture("udp=127.0.0.1:53,reuseport udp=127.0.0.1:53,reuseport,peer=127.0.0.1:9");
    let row = |args: &str| scene.portolan().args(args).list().row("udp 127.0.0.1:53").clone();
    assert_eq!(row("").detail("connections"), &json!(null), "not looked for, so not known");
    let both = row("--state unconnected,connected");
    assert_eq!((both.detail("connections"), both.detail("sockets")), (&json!(1), &json!(2)));
}

#[test]
fn connections_are_counted_where_they_go() {
    let scene = Scene::new();
    let _fixture = scene.fixture(
        "tcp=127.0.0.1:8001,conns=3 tcp=0.0.0.0:8002,conns=4,to=127.0.0.9 tcp=[::]:8003,dual,conns=5,to=127.0.0.1 \
         tcp=[::1]:8004,conns=6 tcp=127.0.0.1:8005 tcp=0.0.0.0:8006,reuseport tcp=127.0.0.1:8006,reuseport,conns=7 \
         tcp=[::]:8007,v6only,conns=8 tcp=0.0.0.0:8007,conns=9 tcp=[::ffff:127.0.0.1]:8008,conns=10,to=127.0.0.1",
    );
    let listing = scene.portolan().list();
    for (what, count) in [
        ("tcp 127.0.0.1:8001", 3),
        ("tcp 0.0.0.0:8002", 4),
        ("tcp [::]:8003", 5),
        ("tcp [::1]:8004", 6),
        ("tcp 127.0.0.1:8005", 0),
        // The exact address takes the connection, the wildcard beside it does not.
        ("tcp 0.0.0.0:8006", 0),
        ("tcp 127.0.0.1:8006", 7),
        ("tcp [::]:8007", 8),
        ("tcp 0.0.0.0:8007", 9),
        ("tcp [::ffff:127.0.0.1]:8008", 10),
    ] {
        assert_eq!(listing.row(what).detail("connections"), count, "{what}");
    }
}

#[test]
fn connections_are_counted_by_device_where_listeners_are_bound_to_one() {
    let scene = Scene::new();
    scene.sh("ip link add veth-a type veth peer name veth-b && ip link set veth-a up && ip link set veth-b up");
    let _fixture = scene.fixture(
        "tcp=0.0.0.0:8001,device=lo,conns=3 tcp=0.0.0.0:8001,device=veth-a tcp=[::]:8002,dual,device=veth-a \
         tcp=[::]:8002,dual,device=lo,conns=2,to=127.0.0.1 tcp=[::]:8003,v6only,device=lo,conns=4 \
         tcp=127.0.0.1:8004,device=lo,conns=5",
    );
    let listing = scene.portolan().list();
    for (what, count) in [
        ("tcp 0.0.0.0:8001%lo", 3),
        ("tcp 0.0.0.0:8001%veth-a", 0),
        ("tcp [::]:8002%lo", 2),
        ("tcp [::]:8002%veth-a", 0),
        ("tcp [::]:8003%lo", 4),
        ("tcp 127.0.0.1:8004%lo", 5),
    ] {
        assert_eq!(listing.row(what).detail("connections"), count, "{what}");
    }
}

#[test]
fn a_dual_stack_listener_counts_connections_of_both_families() {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=[::]:8001,dual,conns=2,to=127.0.0.1");
    let both = scene.fixture("tcp=[::1]:8002,conns=1 tcp=[::]:8003,dual,conns=3,to=::1");
    let listing = scene.portolan().list();
    assert_same(&listing.truth(), &fixture.truth.clone().and(&both.truth));
    assert_eq!(listing.row("tcp [::]:8001").detail("connections"), 2);
    assert_eq!(listing.row("tcp [::]:8003").detail("connections"), 3);
}

#[test]
fn the_backlog_shows_who_waits_and_how_many_may() {
    let scene = Scene::new();
    let _fixture = scene.fixture(
        "tcp=127.0.0.1:8001,backlog=7,queued=3 tcp=[::1]:8002,backlog=50 tcp=127.0.0.1:8003,backlog=10,reuseport \
         [ tcp=127.0.0.1:8003,backlog=20,reuseport ] udp=127.0.0.1:8004",
    );
    let listing = scene.portolan().list();
    assert_eq!(listing.row("tcp 127.0.0.1:8001").detail("backlog"), &json!({"used": 3, "limit": 7}));
    assert_eq!(listing.row("tcp [::1]:8002").detail("backlog"), &json!({"used": 0, "limit": 50}));
    assert_eq!(listing.row("tcp 127.0.0.1:8003").detail("backlog"), &json!({"used": 0, "limit": 30}));
    assert_eq!(listing.row("udp 127.0.0.1:8004").detail("backlog"), &json!(null));
}

#[test]
fn an_ipv6_only_socket_is_marked() {
    let scene = Scene::new();
    let _fixture = scene
        .fixture("tcp=[::]:8001,v6only tcp=[::]:8002,dual udp=[::]:8003,v6only udp=[::]:8004,dual tcp=127.0.0.1:8005");
    let listing = scene.portolan().list();
    for (what, mark) in [
        ("tcp [::]:8001", json!(true)),
        ("tcp [::]:8002", json!(false)),
        ("udp [::]:8003", json!(true)),
        ("udp [::]:8004", json!(false)),
        ("tcp 127.0.0.1:8005", json!(null)),
    ] {
        assert_eq!(listing.row(what).detail("v6_only"), &mark, "{what}");
    }
}

#[test]
fn a_row_describes_its_process() {
    let scene = Scene::new();
    let fixture = scene.fixture("name=boss [ name=clerk tcp=127.0.0.1:5432 raw=a%20b ]");
    let listing = scene.portolan().list();
    let row = listing.row("tcp 127.0.0.1:5432");
    let pid = *fixture.truth.pids().first().unwrap();
    let process = row.process(pid);
    assert_eq!(row.name(), Some("clerk"));
    assert_eq!(row.id(), "local/tcp/127.0.0.1:5432");
    assert_eq!(row.0["endpoints"][0]["service_guess"], "postgresql");
    assert_eq!(process["name"], "clerk");
    assert!(process["command"].as_str().unwrap().ends_with("name=clerk tcp=127.0.0.1:5432 raw=a%20b"));
    let exe = std::fs::canonicalize(crate::support::fixture_path()).unwrap();
    assert_eq!(process["exe"].as_str(), exe.to_str());
    // The creator of a scene is root in it.
    assert_eq!(process["user"]["uid"], 0);
    assert!(process["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 100_000));
    assert!(process["cpu_ms"].is_u64());
    assert_eq!(process["parents"][0]["name"], "boss");
    let started: jiff::Timestamp = process["started"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(started);
    assert!(age.as_secs() >= -2 && age.as_secs() < 120, "it started {age:?} ago");
}
