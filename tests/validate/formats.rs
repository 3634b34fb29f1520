//! The formats for other programs, read by those programs or by a real parser.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::peer::{Peer, answer, closed_port};
use crate::{TempDir, portolan};

#[test]
fn prometheus_finds_nothing_to_mend_in_the_metrics() {
    let (peer, closed) = (Peer::http(|_| answer("503 x", "", "")), closed_port().to_string());
    let ran = portolan(["validate", &peer.url("/a\"b%5C"), &closed, "-o", "prometheus"]);
    let ran =
        if ran.code == Some(2) { portolan(["validate", &peer.url("/a"), &closed, "-o", "prometheus"]) } else { ran };
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(ran.stdout.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{}", ran.stdout);
    assert!(
        ran.stdout.contains("code=\"http-5xx\"} 0\n") && ran.stdout.contains(&format!("endpoint=\"{closed}\"}} 0\n"))
    );
}

#[test]
fn junit_is_xml_with_the_right_counts() {
    let directory = TempDir::new();
    let file = directory.path("report.xml");
    let (peer, closed) = (Peer::serving(drop), closed_port().to_string());
    let ran = portolan(["validate", &peer.target(), &closed, "-o", "name", "-o", &format!("junit={}", file.display())]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let text = std::fs::read_to_string(file).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                cases += usize::from(tag.name().as_ref() == b"testcase");
                failures += usize::from(tag.name().as_ref() == b"failure");
            }
            _ => {}
        }
    }
    assert_eq!((cases, failures), (2, 1), "{text}");
    assert!(text.contains(r#"tests="2" failures="1""#) && text.contains(r#"type="tcp-refused""#), "{text}");
}

#[test]
fn discover_checks_what_it_lists() {
    let peer = Peer::serving(drop);
    let port = peer.address.port().to_string();
    let ran = portolan(["discover", "scan", "127.0.0.1", "-p", &port, "--validate", "--json"]);
    let document: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} {ran:?}"));
    assert_eq!(document["items"][0]["endpoints"][0]["health"]["grade"], "A");
    assert_eq!(document["items"][0]["health"]["score"], 100);
}
