//! UDP: a port that replies is open, a port with an ICMP message is closed, and silence is neither.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{KINDS, Scene, Servers};
use crate::wired;

/// The state of each port of a document.
fn states(document: &Value) -> BTreeMap<u64, String> {
    let items = document["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            assert_eq!(item["endpoints"][0]["transport"], "udp");
            (item["endpoints"][0]["port"].as_u64().unwrap(), item["detail"]["state"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn expect(ports: impl IntoIterator<Item = (u64, &'static str)>) -> BTreeMap<u64, String> {
    ports.into_iter().map(|(port, state)| (port, state.to_owned())).collect()
}

#[test]
fn real_servers_answer_the_questions_that_are_theirs() {
    let kinds = KINDS.iter().filter(|kind| ["bind-udp", "chrony", "snmpd"].contains(&kind.name));
    let servers = Servers::start(kinds, 0);
    let outcome = servers.scene().scan().args("127.1.0.1-3 --udp --json").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let items = outcome.document()["items"].as_array().unwrap().clone();
    let mut found: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    found.sort_unstable();
    let mut truth: Vec<String> = servers.all.iter().map(|server| format!("scan/udp/{}", server.address)).collect();
    truth.sort_unstable();
    assert_eq!(found, truth, "{}", outcome.stderr);
    assert!(items.iter().all(|item| item["detail"]["reason"] == "response"));
}

/// A TFTP server replies from another port than the one that was asked.
#[test]
fn a_reply_from_another_port_of_the_host_counts() {
    let scene = Scene::new();
    let folder = scene.dir().display().to_string();
    let mut tftp = scene.command("dnsmasq");
    tftp.args(["-k", "-C", "/dev/null", "-p", "0", "-a", "127.0.0.1", "-z", "-h", "-R", "-u", "root"]);
    let mut tftp = tftp.args(["--pid-file=", "--enable-tftp", "--tftp-root", &folder]).spawn().unwrap();
    scene.sh("until ss -Hunl | grep -q ':69 '; do sleep 0.05; done");
    for (options, at_69) in [("-p 69", "open"), ("-p 69 --source-port 40069", "open"), ("-p 69 --identify", "open")] {
        let outcome = scene.scan().args("127.0.0.1 127.0.0.2 -U --all --json").args(options).run();
        let states: Vec<String> = outcome.document()["items"].as_array().unwrap().iter().map(state).collect();
        assert_eq!(states, [at_69, "closed"], "{options}: {}", outcome.stderr);
    }
    let _ = tftp.kill();
    let _ = tftp.wait();
}

fn state(item: &Value) -> String {
    item["detail"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn silence_is_not_open_and_a_refusal_is_closed() {
    let scene = Scene::new();
    // It listens and stays silent.
    let _mute = scene.fixture("udp=127.0.0.1:53 udp=[::1]:53");
    let outcome = scene.scan().args("127.0.0.1 ::1 -U -p 53,54 --all --json --timeout 200ms").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!(document["items"].as_array().unwrap().len(), 4);
    assert_eq!(states(&document), expect([(53, "no-answer"), (54, "closed")]));
    assert!(outcome.stderr.contains("2 ports of 2 hosts: 0 open, 2 closed, 2 no-answer\n"), "{}", outcome.stderr);
    // By default only open ports are listed.
    let table = scene.scan().args("127.0.0.1 -U -p 53,54 --timeout 200ms").run();
    assert_eq!((table.code, table.text()), (Some(0), ""), "{}", table.stderr);
    let xml = scene.scan().args("127.0.0.1 -U -p 53,54 --all --timeout 200ms -o nmap-xml").run();
    assert!(xml.text().contains(r#"portid="53"><state state="open|filtered" reason="no-response""#), "{}", xml.text());
    assert!(xml.text().contains(r#"portid="54"><state state="closed" reason="port-unreach""#), "{}", xml.text());
}

/// A socket that probes its own port would receive its own probe as a reply.
#[test]
fn sockets_that_only_wanted_to_ask_are_no_open_ports() {
    let scene = Scene::new();
    scene.sh("echo '40000 40015' > /proc/sys/net/ipv4/ip_local_port_range");
    for _ in 0..20 {
        let outcome = scene.scan().args("127.0.0.1 ::1 -U -p 40000-40015").run();
        assert_eq!((outcome.code, outcome.text()), (Some(0), ""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("16 ports of 2 hosts: 0 open, 32 closed"), "{}", outcome.stderr);
    }
}

/// Linux reports six closed ports to another host at once, and then one a second.
#[test]
fn a_limit_of_icmp_messages_makes_no_closed_port_silent() {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c udp dport 7009-7010 drop'");
    let outcome = here.scan().args("10.77.0.2 --udp -p 7001-7010 --all --json").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let closed = (7001..=7008).map(|port| (port, "closed"));
    assert_eq!(states(&outcome.document()), expect(closed.chain([(7009, "no-answer"), (7010, "no-answer")])));
}

#[test]
fn it_stops_goes_on_and_is_compared_like_any_other() {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }'");
    let resume = here.dir().join("resume");
    let run =
        |words: &str| here.scan().args(words).args("--udp --json --all --resume").arg(resume.to_str().unwrap()).run();
    let cut = run("10.77.0.2 -p 1-40 --timeout 100ms --rate 60 --deadline 500ms");
    assert_eq!((cut.code, &cut.document()["complete"]), (Some(3), &false.into()), "{}", cut.stderr);
    let tcp = here.scan().args("10.77.0.2 -p 1-40 --resume").arg(resume.to_str().unwrap()).run();
    assert_eq!(tcp.code, Some(2), "{}", tcp.stderr);
    let whole = run("--timeout 100ms");
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert_eq!(states(&whole.document()), expect((1..=40).map(|port| (port, "no-answer"))));
}

#[test]
fn tcp_and_udp_ports_in_one_scan() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80 udp=127.0.0.1:53");
    let outcome = scene.scan().args("127.0.0.1 -p U:53,54,T:80,81 --all --json --timeout 200ms --retries 0").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.document();
    let found: Vec<String> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {}", item["id"].as_str().unwrap(), item["detail"]["state"].as_str().unwrap()))
        .collect();
    let expected = [
        "scan/udp/127.0.0.1:53 no-answer",
        "scan/udp/127.0.0.1:54 closed",
        "scan/tcp/127.0.0.1:80 open",
        "scan/tcp/127.0.0.1:81 closed",
    ];
    assert_eq!(found, expected);
    assert!(outcome.stderr.contains("4 ports of 1 host: 1 open, 2 closed, 1 no-answer\n"), "{}", outcome.stderr);
    let counts = document["hosts"].as_array().unwrap();
    let of = |at: usize, what: &str| counts[at][what].clone();
    assert_eq!(
        [of(0, "transport"), of(0, "open"), of(0, "closed"), of(0, "not_tried")],
        [json!("tcp"), json!(1), json!(1), json!(0)]
    );
    assert_eq!(
        [of(1, "transport"), of(1, "closed"), of(1, "no_answer"), of(1, "ports")],
        [json!("udp"), json!(1), json!(1), json!(2)]
    );
    // It continues where it was, with ports of both protocols.
    let resume = scene.dir().join("resume");
    let run = |words: &str| {
        scene
            .scan()
            .args(words)
            .args("--all --json --timeout 200ms --retries 0 --resume")
            .arg(resume.to_str().unwrap())
            .run()
    };
    let cut = run("127.0.0.1 -p U:53-80,T:1-4000 --rate 4000 --deadline 300ms");
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);
    let whole = run("");
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert_eq!(whole.document()["items"].as_array().unwrap().len(), 4000 + 28);
    for (args, why) in [
        ("--udp -p T:80", "--ports includes TCP ports"),
        ("--syn -p U:53", "--ports includes no TCP port"),
        ("-p X:1", "a mark is neither T: nor U:"),
    ] {
        let refused = scene.scan().args("127.0.0.1").args(args).run();
        assert!(refused.code == Some(2) && refused.stderr.contains(why), "{args}: {}", refused.stderr);
    }
}

/// A host's messages to this machine share one limit, whatever they are about: other traffic may use it up.
#[test]
fn a_closed_port_is_known_though_other_traffic_used_up_the_limit_of_refusals() {
    let (here, there) = wired();
    let scan = || here.scan().args("10.77.0.2 --udp -p 7001-7003 --all --json").run();
    let use_up = || here.sh("bash -c 'for port in {9001..9012}; do echo > /dev/udp/10.77.0.2/$port; done'");
    use_up();
    let outcome = scan();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(states(&outcome.document()), expect((7001..=7003).map(|port| (port, "closed"))), "{}", outcome.stderr);
    drop(there);
}
