//! ndiff, and readers for Python and Node.js, accept `-o nmap-xml` as nmap's own output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Fixture, Listing, Scene, make_program, output, tool};

/// Names that try to break out of an attribute, and one that XML has no character for.
const LISTENERS: &str = "name=a%22%3e%3cb%26%27%0a tcp=127.0.0.1:8001 tcp=[::1]:8002 tcp=[::]:8003,dual tcp=0.0.0.0:8004 \
     udp=127.0.0.1:8005 udp=127.0.0.1:8001 [ name=%1b[2J%ef%bf%bf tcp=127.0.0.2:8007 ] [ name=caf%e9 tcp=127.0.0.2:5432 ]";

/// Reads a report with python-libnmap and prints it as JSON.
const READ: &str = "
import json, sys
from libnmap.parser import NmapParser
report = NmapParser.parse_fromfile(sys.argv[1])
print(json.dumps({
    'up': report.hosts_up, 'total': report.hosts_total, 'elapsed': report.elapsed, 'exit': report._runstats['finished']['exit'],
    'hosts': [{'address': host.address, 'status': host.status, 'names': host.hostnames, 'ports': [
        {'port': s.port, 'protocol': s.protocol, 'state': s.state, 'reason': s.reason, 'service': s.service,
         'owner': s.owner, 'facts': s.service_dict} for s in host.services]} for host in report.hosts]}))";

fn scene() -> (Scene, Fixture) {
    let scene = Scene::new();
    let fixture = scene.fixture(LISTENERS);
    (scene, fixture)
}

fn saved(scene: &Scene, name: &str, report: &[u8]) -> PathBuf {
    let path = scene.dir().join(name);
    fs::write(&path, report).unwrap();
    path
}

/// What python-libnmap reads, by Debian's own Python, which the package is for.
fn read(scene: &Scene, report: &[u8]) -> Value {
    let path = saved(scene, "read.xml", report);
    let out = output(Command::new("/usr/bin/python3").args(["-c", READ]).arg(path));
    let said = String::from_utf8_lossy(&out.stderr);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("apt-get install python3-libnmap? {said}"))
}

fn ports(report: &Value) -> Vec<String> {
    let hosts = report["hosts"].as_array().unwrap().iter();
    let port = |host: &Value, port: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        format!("{} {}/{} {}", text(&host["address"]), port["port"], text(&port["protocol"]), text(&port["state"]))
    };
    hosts.flat_map(|host| host["ports"].as_array().unwrap().iter().map(move |one| port(host, one))).collect()
}

#[test]
fn libnmap_reads_every_listener_with_its_facts() {
    let (scene, _fixture) = scene();
    let outcome = scene.portolan().args("-o nmap-xml").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(!outcome.text().contains(|c: char| c != '\n' && (c.is_control() || c == '\u{ffff}')), "{}", outcome.text());
    let report = read(&scene, &outcome.stdout);
    let expected = [
        "127.0.0.1 8001/tcp open",
        "127.0.0.1 8001/udp open",
        "127.0.0.1 8004/tcp open",
        "127.0.0.1 8005/udp open",
        "127.0.0.2 5432/tcp open",
        "127.0.0.2 8007/tcp open",
        "::1 8002/tcp open",
        "::1 8003/tcp open",
    ];
    assert_eq!(ports(&report), expected);
    assert_eq!((&report["up"], &report["total"], &report["exit"]), (&3.into(), &3.into(), &"success".into()));
    let listing = Listing::new(&scene.portolan().args("--json").run().document());
    let port = |host: usize, at: usize| &report["hosts"][host]["ports"][at];
    assert_eq!(port(1, 0)["service"], "postgresql");
    assert_eq!(port(0, 0)["facts"]["extrainfo"], "a\"><b&'\\n");
    assert_eq!(port(1, 0)["facts"]["extrainfo"], "caf\u{fffd}");
    assert_eq!(port(1, 1)["facts"]["extrainfo"], "\\u{1b}[2J\\u{ffff}");
    let user = &listing.row("tcp 127.0.0.1:8001").detail("user")["name"];
    assert_eq!(port(0, 0)["owner"], *user, "{}", port(0, 0));
}

#[test]
fn ndiff_tells_what_two_scans_differ_in() {
    let (scene, fixture) = scene();
    let scan = |name: &str| {
        let outcome = scene.scan().args("127.0.0.1-3 -p 8001,8004,5432 --all -o nmap-xml").run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        (saved(&scene, name, &outcome.stdout), outcome.stdout)
    };
    let ndiff = |one: &PathBuf, other: &PathBuf| {
        let out = output(tool("ndiff").arg(one).arg(other));
        assert_eq!(String::from_utf8_lossy(&out.stderr), "");
        // The first lines name the program and the time of each report.
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines()
            .filter(|line| line.starts_with(['+', '-']) && line.contains('/'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (before, report) = scan("before.xml");
    let reported = ports(&read(&scene, &report));
    assert_eq!(reported.iter().filter(|line| line.ends_with("open")).count(), 5, "{reported:?}");
    assert_eq!(reported.len(), 9);
    assert_eq!(ndiff(&before, &scan("again.xml").0), Vec::<String>::new());
    fixture.end();
    let told = ndiff(&before, &scan("after.xml").0);
    for port in [
        "-8001/tcp open unknown",
        "+8001/tcp closed unknown",
        "-8004/tcp open unknown",
        "+8004/tcp closed unknown",
        "+5432/tcp closed postgresql",
    ] {
        assert!(
            told.iter().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == port),
            "{port}: {told:#?}"
        );
    }
}

/// By default only open ports are listed; hosts and their other ports are there all the same.
#[test]
fn a_scan_of_several_hosts_has_those_without_an_open_port_too() {
    let scene = Scene::new();
    let _stays = scene.fixture("tcp=127.0.0.1:8001");
    let goes = scene.fixture("tcp=[::1]:8002");
    scene.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
         add rule inet t c ip daddr 127.0.0.2 tcp dport 8003 drop; add rule inet t c ip daddr 127.0.0.2 udp dport 8006 drop; \
         add rule inet t c ip daddr 127.0.0.9 drop'");
    let scan = || {
        let scan =
            scene.scan().args("127.0.0.1-2 127.0.0.9 ::1 -p T:8001-8003,U:8005-8006 --retries 0 --timeout 200ms");
        let outcome = scan.args("-o nmap-xml").run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome
    };
    let outcome = scan();
    let (before, report) = (saved(&scene, "before.xml", &outcome.stdout), read(&scene, &outcome.stdout));
    let hosts: Vec<_> =
        report["hosts"].as_array().unwrap().iter().map(|host| (&host["address"], &host["status"])).collect();
    let expected = [("127.0.0.1", "up"), ("127.0.0.2", "up"), ("127.0.0.9", "unknown"), ("::1", "up")];
    assert_eq!(
        hosts,
        expected.map(|(address, status)| (address.into(), status.into())).each_ref().map(|(a, s)| (a, s))
    );
    assert_eq!(ports(&report), ["127.0.0.1 8001/tcp open", "::1 8002/tcp open"]);
    let text = outcome.text();
    let of_second = text.split("<address addr=\"127.0.0.2\"").nth(1).unwrap().split("</host>").next().unwrap();
    for extra in [("closed", 3), ("filtered", 1), ("open|filtered", 1)] {
        let extra = format!("<extraports state=\"{}\" count=\"{}\"/>", extra.0, extra.1);
        assert!(of_second.contains(&extra), "{extra}: {of_second}");
    }
    goes.end();
    let after = saved(&scene, "after.xml", &scan().stdout);
    let out = output(tool("ndiff").arg(&before).arg(&after));
    let told = String::from_utf8(out.stdout).unwrap();
    // The host is still there, and says so.
    for line in ["-Not shown: 4 closed ports", "+Not shown: 5 closed ports", "-8002/tcp open  unknown"] {
        assert!(told.lines().any(|told| told.starts_with(line)), "{line}: {told}");
    }
    assert!(!told.contains("Host is") && !told.contains("127.0.0.1:\n"), "{told}");
}

#[test]
fn a_report_that_is_not_whole_says_so() {
    let (scene, _fixture) = scene();
    let outcome = scene.scan().args("127.0.0.1 a.invalid -p 8001 -o nmap-xml").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let report = read(&scene, &outcome.stdout);
    assert_eq!((&report["exit"], ports(&report).len()), (&"error".into(), 1));
    assert!(outcome.text().contains("errormsg=\"cannot resolve "), "{}", outcome.text());
    let empty = Scene::new().portolan().args("-o nmap-xml").run();
    assert_eq!(read(&scene, &empty.stdout)["total"], 0);
}

/// What python-nmap reads, and what readers for Node.js require: a service of each port, and no empty list of names.
#[test]
fn the_report_says_what_was_scanned_how_and_how_many_hosts_are_down() {
    let (here, there) = (Scene::new(), Scene::new());
    here.wire_to(&there);
    let _fixture = there.fixture("tcp=10.77.0.2:8001");
    let outcome = here.scan().args("10.77.0.2-31 -p T:8001-8002,U:8005 -o nmap-xml").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let text = outcome.text();
    for part in [
        r#"args="portolan scan 10.77.0.2-31 -p T:8001-8002,U:8005 -o nmap-xml""#,
        r#"<scaninfo type="connect" protocol="tcp" numservices="2" services="8001-8002"/>"#,
        r#"<scaninfo type="udp" protocol="udp" numservices="1" services="8005"/>"#,
        r#"<hosts up="1" down="29" total="30"/>"#,
        "<hostnames>\n</hostnames>",
        r#"<service name="unknown""#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let read = "
import json, sys, nmap
found = nmap.PortScanner().analyse_nmap_xml_scan(open(sys.argv[1]).read())
print(json.dumps([found['nmap']['scanstats'], found['nmap']['scaninfo'], found['scan']['10.77.0.2']['tcp'][8001]['state']]))";
    let path = saved(&here, "nmap.xml", &outcome.stdout);
    let out = output(Command::new("/usr/bin/python3").args(["-c", read]).arg(path));
    let said = String::from_utf8_lossy(&out.stderr);
    let report: Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("apt-get install python3-nmap? {said}"));
    assert_eq!(
        (&report[0]["uphosts"], &report[0]["downhosts"], &report[2]),
        (&"1".into(), &"29".into(), &"open".into())
    );
    assert_eq!(report[1]["tcp"]["method"], "connect");

    let hosts = here.scan().args("-sn 10.77.0.2-31 -o nmap-xml").run();
    assert!(hosts.text().contains(r#"<hosts up="1" down="29" total="30"/>"#), "{}", hosts.text());
    assert!(hosts.text().contains(r#"<status state="up""#), "{}", hosts.text());
}

/// Reads a report with nmap2json, and with node-nmap and its descendant in place of nmap itself, whose program `cat` is here.
const READ_IN_NODE: &str = r"
const text = require('fs').readFileSync(process.argv[1], 'utf8');
const found = {};
require('nmap2json')(text, (error, report) => { found.nmap2json = error ? String(error) : report });
const others = ['node-nmap', 'node-sudo-nmap'];
for (const name of others) {
  const reader = require(name);
  reader.nmapLocation = process.argv[2];
  const scan = new reader.NmapScan('127.0.0.1', '');
  scan.on('complete', hosts => { found[name] = hosts; finish() });
  scan.on('error', error => { found[name] = String(error); finish() });
  scan.startScan();
}
function finish() {
  if (others.every(name => name in found)) { console.log(JSON.stringify(found)); process.exit(0) }
}";

#[test]
fn readers_of_node_find_the_same_ports() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8001 tcp=127.0.0.2:8002");
    let outcome = scene.scan().args("127.0.0.1-3 -p 8001-8003 -o nmap-xml").run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let path = saved(&scene, "node.xml", &outcome.stdout);
    let nmap = scene.dir().join("nmap");
    fs::write(&nmap, format!("#!/bin/sh\nexec cat '{}'\n", path.display())).unwrap();
    make_program(&nmap);

    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("clients/node_modules");
    let mut node = Command::new("node");
    node.args(["-e", READ_IN_NODE]).arg(&path).arg(&nmap).env("NODE_PATH", &modules);
    let out = output(&mut node);
    let said = String::from_utf8_lossy(&out.stderr);
    let install = || panic!("tests/support/get_clients {}? {said}", modules.parent().unwrap().display());
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| install());

    // It reads the first host only.
    let first = &found["nmap2json"];
    assert_eq!(first["host"]["address"], json!({"addr": "127.0.0.1", "addrtype": "ipv4"}), "{found}");
    let ports = first["host"]["ports"].as_array().unwrap_or_else(|| panic!("{found}"));
    assert_eq!((&ports[0]["port"]["portid"], &ports[0]["state"]["state"]), (&json!("8001"), &json!("open")), "{found}");
    assert_eq!(first["runstats"]["hosts"]["total"], "3", "{found}");
    for name in ["node-nmap", "node-sudo-nmap"] {
        let hosts = found[name].as_array().unwrap_or_else(|| panic!("{name}: {found}"));
        let open: Vec<(&Value, Option<&Value>)> =
            hosts.iter().map(|host| (&host["ip"], host["openPorts"].get(0).map(|port| &port["port"]))).collect();
        let expected = [("127.0.0.1", Some(8001)), ("127.0.0.2", Some(8002)), ("127.0.0.3", None)];
        let expected = expected.map(|(ip, port)| (json!(ip), port.map(|port| json!(port))));
        assert_eq!(open, expected.each_ref().map(|(ip, port)| (ip, port.as_ref())), "{name}");
    }
}
