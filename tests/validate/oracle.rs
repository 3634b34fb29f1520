//! The same verdict as prometheus-blackbox-exporter on the same forty targets: healthy here is a success there.
//!
//! The list was drawn up before the first run. Where the two differ a rule of the score says why: a server that
//! requires credentials, where neither these nor the expected status are given (401, 403), is alive, and not judged further.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::KeyPair;
use serde_json::Value;

use crate::peer::{Peer, answer, closed_port};
use crate::pki::{Authority, Shown, put};
use crate::{TempDir, portolan};

/// A program that ends with the test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that accepts connections at `address` once it is ready.
pub(crate) fn start(program: &str, args: &[&str], address: &str) -> Running {
    let child =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let running = Running(child.unwrap_or_else(|error| panic!("cannot start {program}: {error}")));
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{program} does not come up");
        thread::yield_now();
    }
    running
}

/// A target, the arguments of both programs, and whether they may differ.
struct Case {
    module: &'static str,
    /// As the exporter wants it.
    target: String,
    /// portolan's arguments.
    args: Vec<String>,
    differs: bool,
}

fn case(module: &'static str, target: impl Into<String>, args: &[&str]) -> Case {
    Case { module, target: target.into(), args: args.iter().map(|arg| (*arg).to_owned()).collect(), differs: false }
}

const MODULES: &str = r#"
modules:
  http: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, follow_redirects: false, fail_if_ssl: true}}
  any: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, follow_redirects: false, valid_status_codes: [200, 204, 301, 302, 404]}}
  body: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ["^OK$"]}}
  header: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, fail_if_header_not_matches: [{header: Content-Type, regexp: json, allow_missing: false}]}}
  tcp: {prober: tcp, timeout: 1s}
  tls: {prober: tcp, timeout: 2s, tcp: {tls: true, tls_config: {ca_file: CA, server_name: www.shop.test}}}
  dns_web: {prober: dns, timeout: 1s, dns: {preferred_ip_protocol: ip4, query_name: web.test.local, query_type: A}}
  dns_nope: {prober: dns, timeout: 1s, dns: {preferred_ip_protocol: ip4, query_name: nope.test.local, query_type: A}}
"#;

/// The requested statuses, by number.
fn statuses() -> Peer {
    Peer::http(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        match path.as_str() {
            "503-later" => answer("503 Later", "Retry-After: 9\r\n", ""),
            "ok" => answer("200 OK", "Content-Type: application/json\r\n", "OK"),
            "fail" => answer("200 OK", "Content-Type: text/plain\r\n", "FAIL"),
            "half" => b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf".to_vec(),
            "204" | "304" => format!("HTTP/1.1 {path} X\r\n\r\n").into_bytes(),
            code => answer(&format!("{code} X"), "", "x"),
        }
    })
}

fn http_cases(peer: &Peer) -> Vec<Case> {
    let mut cases = Vec::new();
    for code in [
        "200",
        "201",
        "202",
        "204",
        "206",
        "301",
        "302",
        "304",
        "400",
        "401",
        "403",
        "404",
        "405",
        "410",
        "418",
        "429",
        "500",
        "502",
        "503",
        "504",
        "503-later",
    ] {
        let url = peer.url(&format!("/{code}"));
        cases.push(case("http", &url, &[&url, "--expect-status", "2xx"]));
    }
    for code in ["401", "403"] {
        let url = peer.url(&format!("/{code}"));
        cases.push(Case { differs: true, ..case("http", &url, &[&url]) });
    }
    for code in ["302", "404", "500"] {
        let url = peer.url(&format!("/{code}"));
        cases.push(case("any", &url, &[&url, "--expect-status", "200,204,301,302,404"]));
    }

    for path in ["/ok", "/fail"] {
        let url = peer.url(path);
        cases.push(case("body", &url, &[&url, "--expect-body", "^OK$"]));
        cases.push(case("header", &url, &[&url, "--expect-header", "content-type: json"]));
    }
    let url = peer.url("/half");
    cases.push(case("http", &url, &[&url]));

    cases
}

fn probe(exporter: &str, module: &str, target: &str) -> bool {
    let mut stream = TcpStream::connect(exporter).unwrap();
    write!(stream, "GET /probe?module={module}&target={target} HTTP/1.0\r\nHost: {exporter}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    match text.lines().find_map(|line| line.strip_prefix("probe_success ")) {
        Some(value) => value == "1",
        None => panic!("{module} {target}: {text}"),
    }
}

#[test]
fn forty_targets_have_the_verdict_of_the_blackbox_exporter() {
    let directory = TempDir::new();
    let http = statuses();
    let mute = Peer::serving(|_stream| thread::sleep(Duration::from_mins(1)));
    let ssh = Peer::serving(|mut stream| drop(stream.write_all(b"SSH-2.0-x\r\n")));
    let (root, other) = (Authority::root("Root"), Authority::root("Other"));
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let key = || KeyPair::generate().unwrap();
    let good = root.issue(key(), |_| ()).serve();
    let expired = root.issue(key(), |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1)).serve();
    let early = root.issue(key(), |params| params.not_before = rcgen::date_time_ymd(2043, 1, 1)).serve();
    let named = root.issue(key(), |params| params.subject_alt_names = Vec::new()).serve();
    let own = Shown::self_signed(|_| ()).serve();
    let foreign = other.issue(key(), |_| ()).serve();
    let closed = closed_port().to_string();

    let dns = closed_port().to_string();
    let port = dns.rsplit(':').next().unwrap();
    let record = "--host-record=web.test.local,127.0.0.1";
    let args = [
        "-k",
        "-C",
        "/dev/null",
        "-u",
        "root",
        "-R",
        "-h",
        "-z",
        "-a",
        "127.0.0.1",
        "-p",
        port,
        "--local=/test.local/",
        record,
    ];
    let _dnsmasq = start("dnsmasq", &args, &dns);

    let mut cases = http_cases(&http);
    let (mute, ssh) = (mute.target(), ssh.target());
    cases.push(case("http", format!("http://{mute}/"), &[&format!("http://{mute}/")]));
    cases.push(case("http", format!("http://{ssh}/"), &[&format!("http://{ssh}/")]));
    cases.push(case("http", format!("http://{closed}/"), &[&format!("http://{closed}/")]));
    for target in [&mute, &closed] {
        cases.push(case("tcp", target, &[target]));
    }
    for peer in [&good, &expired, &early, &named, &own, &foreign] {
        let target = peer.target();
        cases.push(case("tls", &target, &[&target, "--check", "tls", "--server-name", "www.shop.test", "--ca", &ca]));
    }
    cases.push(case("tls", &ssh, &[&ssh, "--check", "tls", "--server-name", "www.shop.test", "--ca", &ca]));
    for (module, name) in [("dns_web", "web"), ("dns_nope", "nope")] {
        let target = format!("{name}.test.local:{}", good.address.port());
        cases.push(case(module, &dns, &[&target, "--resolver", &dns]));
    }
    assert!(cases.len() >= 40, "{}", cases.len());

    let exporter = closed_port().to_string();
    let config = put(&directory.0, "blackbox.yml", &MODULES.replace("CA", &ca)).display().to_string();
    let args = [format!("--config.file={config}"), format!("--web.listen-address={exporter}")];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let _exporter = start("prometheus-blackbox-exporter", &args, &exporter);

    let mut differ = Vec::new();
    for Case { module, target, args, differs } in &cases {
        let words = ["validate", "--json", "--timeout", "1s", "--retries", "0"].map(ToOwned::to_owned);
        let ran = portolan(words.iter().chain(args));
        let document: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {args:?} {ran:?}"));
        let health = &document["items"][0]["endpoints"][0]["health"];
        let healthy = health["state"] == "healthy";
        let success = probe(&exporter, module, target);
        assert_eq!(healthy != success, *differs, "{module} {target}: exporter {success}, portolan {health}");
        if healthy != success {
            differ.push(target.clone());
        }
    }
    assert!(differ.len() <= 3, "{differ:?}");
    drop(fs::remove_file(config));
}
