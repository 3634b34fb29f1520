//! `local` as root: the other network namespaces of this machine, which may share addresses.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::support::{Ended, Fixture, HANG, Isolation, Scene, fixture_path};

/// A scene whose `/proc` and `/run` show only what is its own, so that other namespaces are those of the test.
fn secluded() -> Scene {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    scene.sh("mount -t tmpfs tmpfs /run");
    scene
}

#[test]
fn this_machine_and_its_other_namespaces() {
    let scene = secluded();
    let _fixture = scene.fixture("tcp=0.0.0.0:80");
    scene.sh(
        "ip link add d0 type veth peer name d1; ip address add 10.5.0.1/30 dev d0; ip link set d1 up; ip link set d0 up
         ip netns add blue; ip netns exec blue ip link set lo up; ip -n blue address add 10.6.0.1/32 dev lo",
    );
    let mut inside = scene.command("ip");
    inside.args(["netns", "exec", "blue"]).arg(fixture_path()).arg("tcp=127.0.0.1:81");
    let inside = Fixture::start(&mut inside);
    let own = ["scan/tcp/10.5.0.1:80", "scan/tcp/127.0.0.1:80"];
    for by in ["", "--syn"] {
        let outcome = scene.scan().args("local -4 -p 80,81 --json").args(by).run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let document = outcome.document();
        let ids: Vec<&str> =
            document["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [own[0], own[1], "scan/net:blue/tcp/127.0.0.1:81"]);
        assert_eq!(document["items"][2]["detail"]["netns"]["name"], "blue");
        assert!(document["items"][0]["detail"].get("netns").is_none());
        assert!(outcome.stderr.contains("2 ports of 4 hosts: 3 open, 5 closed"), "{}", outcome.stderr);
    }
    let left_out = scene.scan().args("local -4 -p 81 --json --exclude 127.0.0.1").run();
    assert!(left_out.stderr.contains(" of 2 hosts: 0 open"), "{}", left_out.stderr);
    // Without permission to enter them, it is this namespace only.
    let outcome = scene.scan().args("local -4 -p 80,81 --json").by_nobody().run();
    let ids = outcome.document()["items"].as_array().unwrap().len();

    assert_eq!((outcome.code, ids), (Some(0), 2), "{}", outcome.stderr);
    let strict = scene.scan().args("local -4 -p 80,81 --json --strict").by_nobody().run();
    assert_eq!(strict.code, Some(4), "{}", strict.stderr);
    assert!(strict.stderr.contains("cannot scan other network namespaces of this machine"), "{}", strict.stderr);
    // A file cannot tell its addresses from those of others, and that is said.
    let file = scene.dir().join("left");
    let resumed = scene.scan().args("local -4 -p 80,81 --json --resume").arg(file.to_str().unwrap()).run();
    let ids = resumed.document()["items"].as_array().unwrap().len();
    assert_eq!((resumed.code, ids, &resumed.document()["complete"]), (Some(3), 2, &false.into()), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("cannot scan 1 other network namespace of this machine: "), "{}", resumed.stderr);
    let by_name = scene.scan().args("127.0.0.1 -p 80,81 -o name").run();
    assert_eq!(by_name.text(), "scan/tcp/127.0.0.1:80\n", "only `local` means other namespaces");

    inside.end();
}

#[test]
fn after_the_deadline_no_other_namespace_is_scanned() {
    let scene = secluded();
    scene.sh("ip netns add blue; ip netns exec blue ip link set lo up
         ip netns exec blue nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; \
         add rule ip t c tcp flags & (syn | ack) == syn counter'");
    let outcome = scene.scan().args("local -4 -p 1-50000 --pace polite --deadline 1s --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("--deadline has passed").count(), 1, "{}", outcome.stderr);
    let counted = scene.sh("ip netns exec blue nft list chain ip t c");
    assert!(counted.contains("counter packets 0 "), "{counted}");
}

/// A secluded scene with a network namespace «blue» in which these listen.
fn blue(args: &str) -> (Scene, Fixture) {
    let scene = secluded();
    scene.sh("ip netns add blue; ip netns exec blue ip link set lo up");
    let mut inside = scene.command("ip");
    inside.args(["netns", "exec", "blue"]).arg(fixture_path()).args(args.split_whitespace());
    let inside = Fixture::start(&mut inside);
    (scene, inside)
}

/// Starts a server of the test servers' at 127.0.0.1, and returns when it listens.
fn server(scene: &Scene, inside: &str, name: &str, transport: &str, port: u16) -> Ended {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/servers").join(name).with_extension("sh");
    let dir = scene.dir().join(name);
    fs::create_dir(&dir).unwrap();
    let mut words = inside.split_whitespace().chain(["sh", "-e"]);
    let mut command = scene.command(words.next().unwrap());
    command.args(words).arg(script).current_dir(&dir).envs([("A", "127.0.0.1"), ("KIND", name)]);

    command.env("P", port.to_string()).env("D", &dir);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !scene.sh(&format!("{inside} ss -Hnl --{transport} sport = :{port}")).contains("127.0.0.1:") {
        assert!(begin.elapsed() < HANG, "{name} does not listen");
    }

    Ended(child)
}

/// The protocol of each endpoint of a document, by id.
fn products(document: &Value) -> Vec<(&str, &Value)> {
    let items = document["items"].as_array().unwrap().iter();
    items.map(|item| (item["id"].as_str().unwrap(), &item["endpoints"][0]["service"]["product"])).collect()
}

/// Two servers have one address and port, each in its own namespace.
#[test]
fn services_are_identified_in_their_namespace() {
    let scene = secluded();
    scene.sh("ip netns add blue; ip netns exec blue ip link set lo up");
    let _servers = [
        ("", "memcached", "tcp", 7000),
        ("ip netns exec blue", "redis", "tcp", 7000),
        ("ip netns exec blue", "dnsmasq", "udp", 53),
    ]
    .map(|(inside, name, transport, port)| server(&scene, inside, name, transport, port));
    let scanned = scene.scan().args("local -4 -p T:7000,U:53 --identify --json").run();
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let listed = scene.portolan().args("--all-netns -p 53,7000 --identify --json").run();
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    for (source, outcome) in [("scan", scanned), ("local", listed)] {
        let document = outcome.document();
        let found = products(&document);
        let of = |id: &str| {
            let of_it: Vec<&Value> =
                found.iter().filter(|(known, _)| *known == id).map(|(_, product)| *product).collect();
            assert_eq!(of_it.len(), 1, "{id}: {document}");
            of_it[0].clone()
        };
        let net = if source == "scan" { "scan/net:blue/".to_owned() } else { "local/net:blue/".to_owned() };
        assert_eq!(of(&format!("{source}/tcp/127.0.0.1:7000")), "memcached");
        assert_eq!(of(&format!("{net}tcp/127.0.0.1:7000")), "Redis");
        assert_eq!(of(&format!("{net}udp/127.0.0.1:53")), "dnsmasq");
        assert!(!outcome.stderr.contains("could not be probed"), "{}", outcome.stderr);
    }

    // A service is never checked through another host that has the same address here.
    let checked = scene.scan().args("local -4 -p 7000 --validate --json").run();
    let document = checked.document();
    let health = |at: usize| &document["items"][at]["endpoints"][0]["health"];
    assert_eq!((checked.code, &health(0)["score"]), (Some(3), &100.into()), "one of them is unknown: {document}");
    assert_eq!(health(1)["score"], Value::Null, "{document}");
    assert!(checked.stderr.contains("1 unknown"), "{}", checked.stderr);

    assert!(health(1)["hindered"].to_string().contains("it is in another network namespace"), "{document}");
}

#[test]
fn ports_that_opened_or_closed_there_are_reported() {
    let (scene, inside) = blue("tcp=127.0.0.1:7001");
    let _here = scene.fixture("tcp=127.0.0.1:7000");
    let file = scene.dir().join("before");
    let run = |words: &str| scene.scan().args(&words.replace("FILE", file.to_str().unwrap())).run();
    assert_eq!(run("local -4 -p 7000-7002 -o json=FILE").code, Some(0));
    assert_eq!(run("local -4 -p 7000-7002 --diff FILE").text(), "");
    // This namespace's own addresses are not those of others.
    let here = run("127.0.0.1 -p 7000-7002 --diff FILE");
    assert_eq!((here.code, here.text()), (Some(0), ""), "{}", here.stderr);
    assert!(here.stderr.contains("1 item of the earlier result not covered by this run; ignored"), "{}", here.stderr);
    inside.end();

    assert_eq!(run("local -4 -p 7000-7002 --diff FILE").text(), "- net:blue tcp/127.0.0.1:7001\n");
    assert_eq!(run("local -4 -p 7000 --diff FILE").text(), "");
    // It is made anew, and the name is the same.
    scene.sh("ip netns del blue; ip netns add blue; ip netns exec blue ip link set lo up");
    let mut command = scene.command("ip");
    let again = Fixture::start(
        command.args(["netns", "exec", "blue"]).arg(fixture_path()).args(["tcp=127.0.0.1:7001", "tcp=127.0.0.1:7002"]),
    );
    assert_eq!(run("local -4 -p 7000-7002 --diff FILE").text(), "+ net:blue tcp/127.0.0.1:7002\n");
    again.end();
    // With it goes what was in it.
    scene.sh("ip netns del blue");

    assert_eq!(run("local -4 -p 7000-7002 --diff FILE").text(), "- net:blue tcp/127.0.0.1:7001\n");
}

/// A port where two connecting sockets may have met is probed once more: by that namespace's ephemeral range, not this one's.
#[test]
fn an_open_port_in_the_ephemeral_range_of_the_namespace_is_confirmed() {
    let (scene, inside) = blue("tcp=127.0.0.1:2005 tcp=127.0.0.1:40000");
    scene.sh("ip netns exec blue sh -c 'echo 2000 2015 > /proc/sys/net/ipv4/ip_local_port_range'
         ip netns exec blue nft 'add table ip t; add chain ip t c { type filter hook output priority 0; }; \
         add rule ip t c tcp flags & (syn | ack) == syn tcp dport 2005 counter; \
         add rule ip t c tcp flags & (syn | ack) == syn tcp dport 40000 counter'");
    let outcome = scene.scan().args("local -4 -p 2005,40000 -o name").run();
    assert_eq!(outcome.text().lines().count(), 2, "{}", outcome.stderr);
    let counted = scene.sh("ip netns exec blue nft list chain ip t c");
    assert!(counted.contains("dport 2005 counter packets 2 "), "{counted}");
    assert!(counted.contains("dport 40000 counter packets 1 "), "{counted}");
    inside.end();
}
