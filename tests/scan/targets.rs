//! Targets, as people write them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::support::{Fixture, Outcome, Scene, hear};

/// The addresses with an open port 80.
fn hosts(scene: &Scene, args: &str) -> BTreeSet<String> {
    let listing = scene.scan().args("-p 80").args(args).list();
    listing.rows.iter().map(|row| row.0["endpoints"][0]["address"].as_str().unwrap().to_owned()).collect()
}

fn set(hosts: &[&str]) -> BTreeSet<String> {
    hosts.iter().map(|&host| host.to_owned()).collect()
}

/// Every address of 127.0.0.0/8 has port 80 open.
fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    let fixture = scene.fixture("tcp=0.0.0.0:80 tcp=[::]:80,v6only");
    (scene, fixture)
}

#[test]
fn every_form_is_understood() {
    let (scene, _fixture) = scene();
    assert_eq!(hosts(&scene, "127.0.0.1"), set(&["127.0.0.1"]));
    assert_eq!(hosts(&scene, "127.0.0.8/30"), set(&["127.0.0.8", "127.0.0.9", "127.0.0.10", "127.0.0.11"]));
    assert_eq!(hosts(&scene, "127.0.0.5-7 --exclude 127.0.0.6,::1"), set(&["127.0.0.5", "127.0.0.7"]));
    assert_eq!(hosts(&scene, "::1 127.0.0.1"), set(&["127.0.0.1", "::1"]));
    assert_eq!(hosts(&scene, "::1 127.0.0.1 -4"), set(&["127.0.0.1"]));

    assert_eq!(hosts(&scene, "::1 127.0.0.1 -6"), set(&["::1"]));
    assert_eq!(hosts(&scene, "localhost -4"), set(&["127.0.0.1"]));
    assert_eq!(hosts(&scene, "127.0.0.1 127.0.0.1/32 127.0.0.1"), set(&["127.0.0.1"]), "each once");
    scene.sh("ip link add d0 type veth peer name d1; ip address add 10.5.0.1/30 dev d0; ip link set d1 up; ip link set d0 up");
    let document = scene.scan().args("-p 80 --interface d0 --all --json").run().document();

    assert_eq!(document["items"].as_array().unwrap().len(), 4, "the four addresses of the network");
}

#[test]
fn files_and_standard_input() {
    let (scene, _fixture) = scene();
    let file = scene.dir().join("hosts");
    fs::write(&file, "127.0.0.1 # one\n\n127.0.0.4-5\n").unwrap();
    let at = format!("@{}", file.display());
    assert_eq!(hosts(&scene, &at), set(&["127.0.0.1", "127.0.0.4", "127.0.0.5"]));
    let exclude = format!("127.0.0.0/29 --exclude-file {}", file.display());
    assert_eq!(hosts(&scene, &exclude).len(), 8 - 3);

    let mut child = scene.scan().args("-p 80 - --json").command();
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"127.0.0.1\n127.0.0.2").unwrap();
    assert_eq!(Outcome::new(hear(child, "scan -")).listing().rows.len(), 2);

    fs::write(&file, format!("{}10.0.0.0/33\n", "127.0.0.1\n".repeat(9_999))).unwrap();
    let outcome = scene.scan().arg(&at).run();
    let expected = format!(
        "error: cannot use '10.0.0.0/33' in line 10000 of {}: '/33' is not a prefix length\n\
         hint: an IPv4 prefix goes from /0 to /32\n",
        file.display()
    );
    assert_eq!((outcome.code, outcome.stderr, outcome.stdout), (Some(2), expected, Vec::new()));
}

#[test]
fn an_unknown_name_does_not_keep_other_targets_from_being_scanned() {
    let (scene, _fixture) = scene();
    let outcome = scene.scan().args("-p 80 no-such-host.invalid 127.0.0.1 --json").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!((document["items"].as_array().unwrap().len(), &document["complete"]), (1, &false.into()));
    assert!(outcome.stderr.contains("error: cannot resolve 'no-such-host.invalid': "), "{}", outcome.stderr);
    let alone = scene.scan().args("-p 80 no-such-host.invalid").run();
    assert_eq!((alone.code, alone.text()), (Some(3), ""));
    let excluded = scene.scan().args("-p 80 127.0.0.1 --exclude no-such-host.invalid").run();
    assert_eq!(excluded.code, Some(2), "what is to be left out and not known might be asked all the same");
}

#[test]
fn the_id_and_the_name_asked_for() {
    let (scene, _fixture) = scene();
    let listing = scene.scan().args("-p 80 localhost -4").list();
    let row = listing.row("tcp 127.0.0.1:80");
    assert_eq!((row.id(), row.name()), ("scan/tcp/127.0.0.1:80", None));
    assert_eq!((row.detail("host"), row.detail("reason")), (&"localhost".into(), &"syn-ack".into()));
    assert_eq!(scene.scan().args("-p 80 ::1 -o name").run().text(), "scan/tcp/[::1]:80\n");
}

#[test]
fn ports_are_chosen() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:443 tcp=127.0.0.1:80 tcp=127.0.0.1:61234");
    let found = |args: &str| crate::open(&scene.scan().args("127.0.0.1").args(args).list());
    assert_eq!(found(""), [80, 443].into(), "the 1000 most common");
    assert_eq!(found("--top-ports 1"), [443].into());
    assert_eq!(found("-p- --exclude-ports 1-100"), [443, 61_234].into());
    assert_eq!(found("-p https,61234"), [443, 61_234].into());
}

/// A report says what was scanned, not only what was found.
#[test]
fn a_page_names_targets_ports_and_options() {
    let (scene, _fixture) = scene();
    let page = scene.scan().args("127.0.0.1-2 -p 22,80 --timeout 1s -o html").run();
    assert_eq!(page.code, Some(0), "{}", page.stderr);
    for text in [
        "<h2>What was listed</h2>",
        "portolan scan 127.0.0.1-2 -p 22,80 --timeout 1s -o html",
        "tcp 127.0.0.1-127.0.0.2, ports 22,80",
        "2 scanned, 0 without a reply",
    ] {
        assert!(page.text().contains(text), "{text}");
    }
}

#[test]
fn many_probes_need_a_yes() {
    let (scene, _fixture) = scene();
    let outcome = scene.scan().args("-p- 127.0.0.0/8").run();
    assert_eq!((outcome.code, outcome.text()), (Some(2), ""));
    assert!(outcome.stderr.contains("are 1099494850560 probes, more than 1048576"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--yes"), "{}", outcome.stderr);
    // Hosts that are not there cost no scan of all ports, and the hint says so.
    let hint =
        "hint: add --yes: of hosts that do not reply to host discovery, no port is scanned (--discover-only lists";
    assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    let unpinged = scene.scan().args("-p- 127.0.0.0/8 --no-ping").run();
    assert!(unpinged.stderr.contains("hint: choose fewer targets or ports, or add --yes\n"), "{}", unpinged.stderr);

    let far = scene.scan().args("-p- ::/0 --yes").run();
    assert_eq!(far.code, Some(2), "more than portolan can count: {}", far.stderr);
    // With --yes it begins, with as little memory as any scan.
    let begun = scene
        .scan()
        .args("-p 80 127.0.0.0/8 --yes --deadline 300ms -o name")
        .under("prlimit", &["--data=67108864"])
        .run();
    assert_eq!(begun.code, Some(3), "{}", begun.stderr);

    assert!(begun.text().lines().count() > 100, "{}", begun.stderr);
}

#[test]
fn a_link_local_address_has_its_interface() {
    let (here, there) = crate::wired();
    there.sh("ip address add fe80::77:2/64 dev wire nodad");
    here.sh("ip address add fe80::77:1/64 dev wire nodad");
    let _fixture = there.fixture("tcp=[::]:80");
    let listing = here.scan().args("-p 80,81 fe80::77:2%wire").list();
    let row = &listing.rows[0];
    assert_eq!((listing.rows.len(), row.id()), (1, "scan/tcp/[fe80::77:2%wire]:80"));
    assert_eq!((row.endpoint("address"), row.endpoint("interface")), (&"fe80::77:2".into(), &"wire".into()));
    let outcome = here.scan().args("-p 80 fe80::77:2%eth9").run();
    let expected = "error: cannot use target 'fe80::77:2%eth9': there is no interface 'eth9'\n";
    assert!(outcome.code == Some(2) && outcome.stderr.starts_with(expected), "{}", outcome.stderr);
}

#[test]
fn odd_values_are_refused_in_words() {
    let scene = Scene::new();
    let refused = |args: &str, why: &str| {
        let outcome = scene.scan().args(args).run();
        assert!(outcome.code == Some(2) && outcome.stderr.contains(why), "{args}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{args}: {}", outcome.stderr);
    };
    refused("127.0.0.1 --deadline -1s", "'-1s': it is not a duration");
    refused("127.0.0.1 --timeout 0s", "'0s': it must be longer than zero");
    refused("127.0.0.1 --rate 0", "'0': it is not a number of probes per second");
    refused("127.0.0.1 --rate -5", "'-5': it is not a number of probes per second");
    refused("127.0.0.1 --retries -1", "'-1': it is not a number of retries");
    let file = scene.dir().join("utf16");

    let utf16: Vec<u8> = "\u{feff}127.0.0.1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, utf16).unwrap();
    refused(&format!("@{}", file.display()), ": it is in UTF-16");
    fs::write(&file, "").unwrap();
    refused(&format!("@{}", file.display()), ": it contains no target");
    refused("300.1.1.1", "'300.1.1.1': it is not an IPv4 address");

    for group in ["224.0.0.1", "239.0.0.0/8", "224.0.0.1-9", "255.255.255.255", "ff02::1"] {
        refused(&format!("-p 80 {group}"), "no connection reaches a multicast or broadcast address");
    }
}

#[test]
fn an_interface_that_is_down_or_not_there() {
    let scene = Scene::new();
    scene.sh("ip link add d0 type veth peer name d1; ip address add 10.5.0.1/30 dev d0");
    for (name, why) in [
        ("d0", "the interface is down"),
        ("d1", "it has no address to take a network from"),
        ("eth9", "there is no such interface"),
    ] {
        let outcome = scene.scan().args("-p 80 --interface").arg(name).run();
        let expected = format!("error: cannot use --interface '{name}': {why}\nhint: ");
        assert!(outcome.code == Some(2) && outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    }
}

/// Targets as nmap's users write them, and places with a port.
#[test]
fn octet_ranges_ipv6_ranges_places_and_urls_are_targets() {
    let scene = Scene::new();
    scene.sh("ip address add fd77::3/64 dev lo nodad; ip address add fd77::4/64 dev lo nodad");
    let _fixture =
        scene.fixture("tcp=127.0.0.1:80 tcp=127.0.1.1:80 tcp=127.0.0.5:80 tcp=[fd77::3]:80 tcp=127.0.0.9:8443");
    let found = |args: &str| -> Vec<String> {
        let outcome = scene.scan().args(args).args("--json").run();
        assert_eq!(outcome.code, Some(0), "{args}: {}", outcome.stderr);
        let items = outcome.document()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().trim_start_matches("scan/tcp/").to_owned()).collect()
    };
    assert_eq!(found("-p 80 127.0.0-1.1"), ["127.0.0.1:80", "127.0.1.1:80"]);
    assert_eq!(found("-p 80 127.0.0.1,5,9"), ["127.0.0.1:80", "127.0.0.5:80"]);

    assert_eq!(found("-p 80 127.0.0.4-127.0.0.6"), ["127.0.0.5:80"]);
    assert_eq!(
        found("127.0.0.1:80 http://127.0.0.5/x https://127.0.0.9:8443/"),
        ["127.0.0.1:80", "127.0.0.5:80", "127.0.0.9:8443"]
    );
    assert_eq!(found("-p 80 fd77::3-fd77::4"), ["[fd77::3]:80"]);
    assert_eq!(found("-p 81 127.0.0.1:80 127.0.0.5"), ["127.0.0.1:80"]);
    let outcome = scene.scan().args("127.0.0.1:80 127.0.0.9:8443 127.0.0.9:1").run();

    assert!(outcome.stderr.contains("3 ports of 2 hosts: 2 open, 1 closed"), "{}", outcome.stderr);
}

/// An IPv6 address with a port that no brackets tell apart is explained, whether the whole is an address or not.
#[test]
fn an_ipv6_address_with_a_port_needs_brackets() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=[::1]:8080");
    let understood = scene.scan().args("::1:8080 -p 80 --retries 0 --timeout 200ms").run();
    let note = "::1:8080 is scanned as an address; for port 8080 of ::1, write [::1]:8080";
    assert!(understood.stderr.contains(note), "{}", understood.stderr);
    assert_eq!(scene.scan().args("[::1]:8080 -o name").run().text(), "scan/tcp/[::1]:8080\n");

    let refused = scene.scan().args("::1:18080").run();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let error = "target '::1:18080': an IPv6 address with a port needs brackets\nhint: write [::1]:18080\n";
    assert!(refused.stderr.contains(error), "{}", refused.stderr);
}

#[test]
fn an_address_in_disguise_is_no_name_and_what_is_left_out_has_no_port() {
    let (scene, _fixture) = scene();
    for (args, why) in [
        ("0x7f.1", "it is not an IPv4 address"),
        ("127.1", "it is not an IPv4 address"),
        ("127.0.0.1 --exclude 127.0.0.1:80", "what is left out has no port"),
        ("127.0.0.1:80 --resume /nowhere/x", "targets with a port of their own cannot be resumed"),
    ] {
        let outcome = scene.scan().args("-p 80").args(args).run();
        assert!(outcome.code == Some(2) && outcome.stderr.contains(why), "{args}: {}", outcome.stderr);
    }
    let secret = scene.scan().args("https://user:s3cret@127.0.0.1:99999/").run();

    assert!(secret.code == Some(2) && !secret.stderr.contains("s3cret"), "{}", secret.stderr);
}

#[test]
fn an_exclude_file_may_hold_remarks_only() {
    let (scene, _fixture) = scene();
    let file = scene.dir().join("exclude");
    fs::write(&file, "# nothing to leave out yet\n\n").unwrap();
    let outcome = scene.scan().args("-p 80 127.0.0.1 -o name --exclude-file").arg(file.to_str().unwrap()).run();
    assert_eq!((outcome.code, outcome.text()), (Some(0), "scan/tcp/127.0.0.1:80\n"), "{}", outcome.stderr);
}

/// Behind each of a machine's names may be another server: both are listed, and the port is scanned once.
#[test]
fn every_name_of_an_address_is_listed_and_its_ports_are_scanned_once() {
    let (scene, _fixture) = scene();
    let hosts = scene.dir().join("hosts");
    fs::write(&hosts, "127.0.0.1 a.test b.test\n").unwrap();
    let mount = format!("mount --bind {} /etc/hosts && exec \"$@\"", hosts.display());
    let scan =
        scene.scan().args("a.test b.test A.TEST -p 80,81 --json").under("unshare", &["-m", "sh", "-c", &mount, "sh"]);
    let outcome = scan.run();

    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("2 ports of 1 host: 1 open, 1 closed"), "{}", outcome.stderr);
    let items = outcome.document()["items"].as_array().unwrap().clone();
    let found: Vec<_> =
        items.iter().map(|item| (item["id"].as_str().unwrap(), item["detail"]["host"].as_str().unwrap())).collect();

    assert_eq!(found, [("scan/tcp/127.0.0.1:80", "a.test"), ("scan/tcp/127.0.0.1:80/b.test", "b.test")]);
}

/// N machines share a scan: together they probe everything once.
#[test]
fn shards_divide_a_scan_of_hosts_and_one_of_ports() {
    let scene = Scene::new();
    let _fixture =
        scene.fixture("tcp=127.0.0.1:80 tcp=127.0.0.2:80 tcp=127.0.0.7:80 tcp=127.0.0.1:443 tcp=127.0.0.1:22");
    for (args, all) in [
        ("127.0.0.1-8 -p 80", vec!["127.0.0.1:80", "127.0.0.2:80", "127.0.0.7:80"]),
        ("127.0.0.1 -p 22,80,443,1000", vec!["127.0.0.1:22", "127.0.0.1:443", "127.0.0.1:80"]),
    ] {
        let mut found = Vec::new();
        for shard in ["1/3", "2/3", "3/3"] {
            let outcome = scene.scan().args(args).args(&format!("-o name --shard {shard}")).run();
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
            found.extend(outcome.text().lines().map(|line| line.trim_start_matches("scan/tcp/").to_owned()));
        }
        found.sort_unstable();
        assert_eq!(found, all, "{args}");
    }
    let refused = scene.scan().args("127.0.0.1 -p 80 --shard 4/3").run();

    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

#[test]
fn probes_come_from_the_chosen_address_and_port() {
    let (here, there) = crate::wired();
    let _fixture = there.fixture("tcp=10.77.0.2:80 tcp=10.77.0.2:443");
    here.sh("ip address add 10.77.0.9/24 dev wire");
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; \
              add rule ip t c tcp flags & (syn | ack) == syn ip saddr 10.77.0.9 tcp sport 20053 counter; \
              add rule ip t c tcp flags & (syn | ack) == syn counter drop'");
    // What comes from elsewhere is dropped and counted.
    there.sh("nft 'insert rule ip t c ip saddr 10.77.0.9 tcp sport 20053 accept'");
    let outcome =
        here.scan().args("10.77.0.2 -p 80,81,443 --source-address 10.77.0.9 --source-port 20053 -o name").run();
    // They are written as they are found.
    let found: BTreeSet<&str> = outcome.text().lines().collect();
    assert_eq!(found, BTreeSet::from(["scan/tcp/10.77.0.2:80", "scan/tcp/10.77.0.2:443"]), "{}", outcome.stderr);
    let half_open =
        here.scan().args("10.77.0.2 -p 80 --syn --source-address 10.77.0.1 --timeout 200ms --retries 0").run();
    assert!(half_open.stderr.contains("1 filtered"), "{}", half_open.stderr);
    let elsewhere = here.scan().args("10.77.0.2 -p 80 --source-address 10.99.9.9").run();
    assert_ne!(elsewhere.code, Some(0), "{}", elsewhere.stderr);
}

/// Names of addresses are looked up on request only, and at the given resolver.
#[test]
fn names_of_addresses_are_looked_up_on_request() {
    let scene = Scene::new();
    // Names of loopback addresses are known without any server.
    scene.sh("ip address add 10.66.0.1/32 dev lo; ip address add 10.66.0.2/32 dev lo");
    let _fixture = scene.fixture("tcp=10.66.0.1:80 tcp=10.66.0.2:80");
    let mut dnsmasq = scene.command("dnsmasq");
    dnsmasq.args(["-k", "-C", "/dev/null", "-p", "5300", "-a", "127.0.0.1", "-z", "-R", "-h", "-u", "root"]);
    dnsmasq.args(["--pid-file=", "--ptr-record=1.0.66.10.in-addr.arpa,harbour.test", "--local=/in-addr.arpa/"]);
    let mut dnsmasq = dnsmasq.spawn().unwrap();

    let plain = scene.scan().args("10.66.0.1-2 -p 80 --json").run();
    assert!(!plain.text().contains("reverse_name"), "{}", plain.text());
    // dnsmasq may not listen yet: a lookup that fails is no name, and is said.
    let begin = std::time::Instant::now();
    let named = loop {
        let named = scene.scan().args("10.66.0.1-2 -p 80 --names --resolver 127.0.0.1:5300 --json").run();
        if named.code == Some(0) {
            break named;
        }
        assert!(named.code == Some(3) && named.stderr.contains("cannot look up the names of"), "{}", named.stderr);
        assert!(begin.elapsed() < crate::support::HANG, "{}", named.stderr);
    };
    let _ = dnsmasq.kill();
    let _ = dnsmasq.wait();

    let items = named.document()["items"].as_array().unwrap().clone();
    let names: Vec<_> = items.iter().map(|item| item["detail"]["reverse_name"].as_str()).collect();
    assert_eq!(names, [Some("harbour.test"), None], "{}", named.stderr);
}
