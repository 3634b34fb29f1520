//! The figures of each phase, beside curl's of the same server: which phase takes longest, not how long.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use rcgen::KeyPair;
use serde_json::Value;

use crate::peer::Peer;
use crate::pki::{Authority, NAME, put};
use crate::support::{output, tool};
use crate::{TempDir, portolan};

/// Longer than anything else that happens on loopback.
const DELAY: Duration = Duration::from_millis(700);

/// A server that waits before the head of its reply, or before its body.
fn slow_reply(before_head: bool) -> Peer {
    Peer::serving(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        if before_head {
            thread::sleep(DELAY);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        if !before_head {
            thread::sleep(DELAY);
        }
        let _ = stream.write_all(b"ok");
    })
}

/// Waits before it passes on what comes, so that the handshake begins late.
fn slow_handshake(server: &Peer) -> Peer {
    let address = server.address;
    Peer::serving(move |client| {
        thread::sleep(DELAY);
        let server = TcpStream::connect(address).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::spawn(move || pass_on(from, to));
        pass_on(server, client);
        let _ = up.join();
    })
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

const PHASES: [&str; 4] = ["connect", "tls", "first_byte", "rest"];

/// The longest phase of portolan's figures. Each has its own duration.
fn longest_of_portolan(args: &[&str]) -> &'static str {
    let ran = portolan([&["validate", "--json", "--no-check", "dns"], args].concat());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let figures = &document["items"][0]["endpoints"][0]["health"]["latency_us"];
    let of = |name: &str| figures[name].as_u64().unwrap_or(0);
    let known: u64 = PHASES[..3].iter().map(|name| of(name)).sum();
    let us = [of("connect"), of("tls"), of("first_byte"), of("total").saturating_sub(known)];
    assert!(of("total") >= of("first_byte") && of("total") > 0, "{figures}");
    longest(us)
}

/// The longest phase of curl's figures, which count from the beginning.
fn longest_of_curl(args: &[&str]) -> &'static str {
    let format = "%{time_namelookup} %{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}";
    let out = output(tool("curl").args(["-s", "-o", "/dev/null", "-w", format]).args(args));
    let text = String::from_utf8(out.stdout).unwrap();
    let at: Vec<f64> = text.split_whitespace().map(|time| time.parse().unwrap()).collect();
    let [name, connect, tls, first, total] = at[..] else { panic!("{text}") };
    let ready = tls.max(connect);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds of a moment")]
    let us =
        [connect - name, ready - connect, first - ready, total - first].map(|seconds| (seconds * 1e6).max(0.0) as u64);
    longest(us)
}

fn longest(us: [u64; 4]) -> &'static str {
    let at = (0..us.len()).max_by_key(|at| us[*at]).unwrap();
    PHASES[at]
}

#[test]
fn the_longest_phase_is_the_one_that_curl_finds() {
    let (head, body) = (slow_reply(true), slow_reply(false));
    for (peer, phase) in [(&head, "first_byte"), (&body, "rest")] {
        let url = peer.url("/");
        assert_eq!((longest_of_portolan(&[&url]), longest_of_curl(&[&url])), (phase, phase), "{url}");
    }

    let directory = TempDir::new();
    let authority = Authority::root("ours");
    let server = authority.issue(KeyPair::generate().unwrap(), |_| {}).serve();
    let (slow, ca) = (slow_handshake(&server), put(&directory.0, "ca.pem", &authority.pem));
    let (ca, url) = (ca.display().to_string(), format!("https://{}/", slow.address));
    let named = format!("https://{NAME}:{}/", slow.address.port());
    let resolved = format!("{NAME}:{}:127.0.0.1", slow.address.port());
    let ours = longest_of_portolan(&[&url, "--ca", &ca, "--server-name", NAME]);
    let curls = longest_of_curl(&["--cacert", &ca, "--resolve", &resolved, &named]);
    assert_eq!((ours, curls), ("tls", "tls"));
}

/// The same figures in every format that has them.
#[test]
fn the_figures_are_in_every_format() {
    let peer = slow_reply(true);
    let url = peer.url("/");

    for (format, texts) in [
        ("wide", &["FIRST-BYTE-MS", "TOTAL-MS", "HTTP-STATUS"][..]),
        ("csv", &["first_byte_ms", "total_ms", "http_status"]),
        ("junit", &["latency_seconds.first_byte", "http_status", " time=\"0."]),
        ("prometheus", &["phase=\"first_byte\"", "phase=\"total\"", "portolan_endpoint_http_status"]),
        ("json", &["\"first_byte\":", "\"total\":", "\"http_status\":200"]),
    ] {
        let ran = portolan(["validate", &url, "-o", format, "-q", "--no-check", "dns"]);
        for text in texts {
            assert!(ran.stdout.contains(text), "{format}: no {text:?} in {}", ran.stdout);
        }
    }
}
