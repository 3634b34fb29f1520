//! UDP-Lite, raw, packet and vsock sockets, compared with what `ss` and the kernel's own tables say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Fixture, Listing, Scene, output};

/// A program that holds sockets of every kind, and prints their ids and its own.
const HOLDER: &str = r#"
import os, socket, sys
s = []
def hold(ids, family, kind, protocol=0, bind=None, connect=None):
    one = socket.socket(family, kind, protocol)
    if bind: one.bind(bind)
    if connect: one.connect(connect)
    s.append(one)
    for id in ids: print("local/" + id, os.getpid())
hold(["raw/icmp:0.0.0.0"], socket.AF_INET, socket.SOCK_RAW, 1)
hold(["raw/253:127.0.0.1"], socket.AF_INET, socket.SOCK_RAW, 253, ("127.0.0.1", 0))
hold(["raw/ospf:0.0.0.0"], socket.AF_INET, socket.SOCK_RAW, 89)
hold(["raw/ipv6-icmp:::"], socket.AF_INET6, socket.SOCK_RAW, 58)
hold(["packet/all:*"], socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
hold(["packet/arp:*%wire"], socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x806), ("wire", 0x806))
hold(["packet/0x88b5:*%wire"], socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5), ("wire", 0x88b5))
hold(["packet/none:*"], socket.AF_PACKET, socket.SOCK_RAW, 0)
hold(["udplite/127.0.0.1:8001"], socket.AF_INET, socket.SOCK_DGRAM, 136, ("127.0.0.1", 8001))
hold(["udplite/[::]:8002"], socket.AF_INET6, socket.SOCK_DGRAM, 136, ("::", 8002))
hold([], socket.AF_INET, socket.SOCK_RAW, 200, None, ("127.0.0.1", 0))
print("ready", flush=True)
sys.stdin.read()
"#;

const ALL: &str = "--udplite --raw --packet";

fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    scene.sh("ip link add wire type veth peer name far; ip link set wire up; ip link set far up; ip addr add 10.77.0.1/24 dev wire");
    let holder = Fixture::start(scene.command("python3").args(["-c", HOLDER]));
    (scene, holder)
}

/// The process ids of each row, by its id.
fn owners(listing: &Listing) -> BTreeMap<String, BTreeSet<u32>> {
    listing.rows.iter().map(|row| (row.id().to_owned(), row.pids())).collect()
}

fn detail<'l>(listing: &'l Listing, id: &str, field: &str) -> &'l Value {
    let row = listing.rows.iter().find(|row| row.id() == format!("local/{id}"));
    row.unwrap_or_else(|| panic!("no {id}: {:?}", owners(listing))).0["detail"].get(field).unwrap_or(&Value::Null)
}

#[test]
fn every_special_socket_is_listed_with_its_protocol_and_its_process() {
    let (scene, holder) = scene();
    let listing = scene.portolan().args(ALL).list();
    assert_eq!(owners(&listing), holder.truth.0);
    assert_eq!(detail(&listing, "raw/icmp:0.0.0.0", "protocol"), "icmp");
    assert_eq!(detail(&listing, "packet/arp:*%wire", "protocol"), "arp");
    assert_eq!(detail(&listing, "udplite/[::]:8002", "protocol"), &Value::Null);
    assert_eq!(detail(&listing, "raw/icmp:0.0.0.0", "user"), &json!({"uid": 0, "name": "root"}));
    assert_eq!(detail(&listing, "packet/all:*", "state"), "unconnected");
    assert_eq!(detail(&listing, "udplite/127.0.0.1:8001", "exposed"), &json!(false));
    assert_eq!(detail(&listing, "packet/all:*", "exposed"), &Value::Null, "no rule of a firewall is considered");

    for (option, kind) in [("--udplite", "udplite"), ("--raw", "raw"), ("--packet", "packet")] {
        let listed = scene.portolan().args(option).list();
        let expected = owners(&listing).into_iter().filter(|(id, _)| id.starts_with(&format!("local/{kind}/")));
        assert_eq!(owners(&listed), expected.collect(), "{option}");
    }
    assert!(scene.portolan().list().rows.is_empty(), "none of them is listed without its option");

    let hidden = scene.portolan().by_nobody().args(ALL).list();
    assert_eq!(hidden.rows.len(), holder.truth.0.len());
    assert_eq!(detail(&hidden, "packet/all:*", "owner"), "no-permission");
    holder.end();
}

#[test]
fn filters_choose_among_special_sockets() {
    let (scene, _holder) = scene();
    let ids = |args: &str| -> Vec<String> { owners(&scene.portolan().args(args).list()).into_keys().collect() };
    assert_eq!(ids("--raw --state connected"), ["local/raw/200:127.0.0.1"]);
    assert_eq!(ids("--udplite --tcp -p 8001"), ["local/udplite/127.0.0.1:8001"]);
    assert_eq!(ids("--packet --interface far"), ["local/packet/all:*", "local/packet/none:*"]);
    assert_eq!(ids("--raw --skip-loopback --process python*").len(), 3);
    assert_eq!(ids("--raw --exposed").len(), 4, "what is not certain stays");
    assert_eq!(ids("--udplite --exposed"), ["local/udplite/[::]:8002"]);

    for args in
        ["--raw -p 80", "--packet --common-ports", "--vsock -p 80", "--raw --state listen", "--raw --connections"]
    {
        let outcome = scene.portolan().args(args).run();
        assert_eq!((outcome.code, outcome.text()), (Some(2), ""), "{args}: {}", outcome.stderr);
    }

    let table = scene.portolan().args("--packet").run();
    let row = table.text().lines().find(|line| line.contains("%wire") && line.contains("arp"));
    assert!(row.is_some_and(|row| row.starts_with("packet  *%wire")), "{}", table.text());
}

/// The lines of `ss`: the local address, and the process ids.
fn ss(scene: &Scene, args: &[&str]) -> Vec<(String, BTreeSet<u32>)> {
    let out = output(scene.command("ss").args(["-H", "-n", "-p", "-a"]).args(args));
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let pids = line.split("pid=").skip(1).filter_map(|rest| rest.split(',').next()?.parse().ok()).collect();
        let fields: Vec<&str> = line.split_whitespace().collect();
        ((*fields.iter().find(|field| field.contains(':')).unwrap()).to_owned(), pids)
    });
    lines.collect()
}

#[test]
fn ss_agrees() {
    let (scene, _holder) = scene();
    // What ss has in place of a port is the protocol of raw sockets, and the interface of packet sockets.
    let numbers = [("icmp", "1"), ("ospf", "89"), ("ipv6-icmp", "58")];
    let raw = scene.portolan().args("--raw --state unconnected,connected").list();
    let mut ours: Vec<(String, BTreeSet<u32>)> = raw
        .rows
        .iter()
        .map(|row| {
            let protocol = row.detail("protocol").as_str().unwrap();
            let number = numbers.iter().find(|(name, _)| *name == protocol).map_or(protocol, |(_, number)| number);
            let address = row.endpoint("address").as_str().unwrap();
            let address = if address == "::" { "[::]" } else { address };
            (format!("{address}:{number}"), row.pids())
        })
        .collect();
    let mut theirs = ss(&scene, &["-w"]);
    ours.sort();
    theirs.sort();
    // For IPv6, versions of ss write `*` or `[::]`.
    for (address, _) in &mut theirs {
        *address = address.replace("*:58", "[::]:58");
    }
    theirs.sort();
    assert_eq!(ours, theirs);

    let packet = scene.portolan().args("--packet").list();
    let interface = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let mut ours: Vec<(String, BTreeSet<u32>)> = packet
        .rows
        .iter()
        .map(|row| (row.endpoint("interface").as_str().unwrap_or("*").to_owned(), row.pids()))
        .collect();
    let mut theirs: Vec<_> =
        ss(&scene, &["-0"]).into_iter().map(|(address, pids)| (interface(&address), pids)).collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

/// A program that listens at a vsock port, and says whether this kernel has such sockets.
const VSOCK: &str = r#"
import os, socket, sys
try:
    s = socket.socket(40, socket.SOCK_STREAM)
    s.bind((0xffffffff, 5000))
    s.listen()
    print("local/vsock/*:5000", os.getpid())
except OSError:
    pass
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
fn vsock_listeners_are_listed_or_said_to_be_unknown() {
    let scene = Scene::new();
    let holder = Fixture::start(scene.command("python3").args(["-c", VSOCK]));
    let outcome = scene.portolan().args("--vsock --tcp --json").run();

    let document = outcome.document();
    if holder.truth.0.is_empty() || document["complete"] == true {
        let listed = owners(&Listing::new(&document));
        assert!(holder.truth.0.iter().all(|(id, pids)| listed.get(id) == Some(pids)), "{listed:?}");
    } else {
        assert_eq!((outcome.code, &document["items"]), (Some(3), &json!([])));
        assert_eq!(document["errors"].as_array().unwrap().len(), 1, "{document}");
        let said: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("vsock")).collect();
        assert!(said.first().is_some_and(|line| line.contains("vsock_diag")), "{}", outcome.stderr);
    }

    assert_eq!(scene.portolan().run().code, Some(0), "who does not ask is not told");
}
