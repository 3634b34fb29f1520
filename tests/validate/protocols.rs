//! Dialogs of line-based protocols, as servers of the field hold them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::http_client::codes_of;
use crate::peer::Peer;
use crate::portolan;

/// The health of an endpoint that is checked with its protocol only.
fn health(target: &str) -> Value {
    let args = ["validate", "--json", "--timeout", "20s", "--retries", "0", "--check", "protocol", target];
    let ran = portolan(args);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    document["items"][0]["endpoints"][0]["health"].clone()
}

/// Sends each part of a greeting, and in between waits 0.2 s for a client that speaks too early.
fn greet(stream: &mut TcpStream, parts: &[&str]) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 && stream.read(&mut [0; 64]).is_ok() {
            return false;
        }
        if stream.write_all(part.as_bytes()).is_err() {
            return false;
        }
    }
    stream.set_read_timeout(None).unwrap();
    true
}

/// A server with this greeting and this reply to the first request.
fn server(greeting: &'static [&'static str], reply: &'static [u8]) -> Peer {
    Peer::serving(move |mut stream| {
        if !greet(&mut stream, greeting) {
            let _ = stream.write_all(b"554 too early\r\n");
            return;
        }
        // A client that only reads the greeting closes.
        if !matches!(stream.read(&mut [0; 1024]), Ok(1..)) {
            return;
        }
        let _ = stream.write_all(reply);
        let _ = stream.read(&mut [0]);
    })
}

/// H4 and H8: a dialog, and the text of the finding where there is one.
#[test]
fn servers_are_heard_out() {
    const PLAIN: &[&str] = &["220 ready\r\n"];
    let postgresql = |code: &str, message: &str| -> &'static [u8] {
        let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        Vec::leak([b"E", &length[..], fields.as_bytes()].concat())
    };
    let rows: [(&str, &'static [&'static str], &'static [u8], &str); 24] = [
        ("smtp", &["220-one\r\n", "220-two\r\n", "220 three\r\n"], b"250 ok\r\n", ""),
        ("smtp", &["220-one\r\n220-t", "wo\r\n220 three", "\r\n"], b"250-a\r\n250 b\r\n", ""),
        ("smtp", PLAIN, b"503 say HELO first\r\n", ""),
        ("smtp", &["421-busy\r\n", "421 later\r\n"], b"", "smtp: greets with 421 later"),
        ("smtp", &["554 no\r\n"], b"", "smtp: greets with 554 no"),
        ("smtp", PLAIN, b"421 closing\r\n", "smtp: replies 421 closing"),
        ("ftp", &["220-one\r\n", " 230 free text\r\n", "220 two\r\n"], b"200 ok\r\n", ""),
        ("ftp", PLAIN, b"332 need account\r\n", ""),
        ("ftp", PLAIN, b"503 log in first\r\n", ""),
        ("ftp", PLAIN, b"530 log in\r\n", ""),
        ("ftp", PLAIN, b"421 timeout\r\n", "ftp: replies 421 timeout"),
        ("ssh", &["Welcome\r\n", "to us\r\n", "SSH-2.0-x\r\n"], b"", ""),
        ("ssh", &["SSH-1.99-x\n"], b"", ""),
        ("imap", &["* OK ready\r\n"], b"* 3 EXISTS\r\n* OK [X] y\r\na OK done\r\n", ""),
        ("imap", &["* PREAUTH in\r\n"], b"a OK\r\n", ""),
        ("imap", &["* BYE busy\r\n"], b"", "imap: greets with * BYE busy"),
        ("imap", &["* OK ready\r\n"], b"* 1 EXISTS\r\na NO broken\r\n", "imap: replies a NO broken"),
        ("nats", &["INFO {}\r\n"], b"+OK\r\nPONG\r\n", ""),
        ("postgresql", &[], postgresql("28000", "no pg_hba.conf entry"), ""),
        ("postgresql", &[], postgresql("53300", "too many clients"), "postgresql: refuses: 53300 too many clients"),
        ("postgresql", &[], postgresql("57P01", "shutting down"), "postgresql: refuses: 57P01 shutting down"),
        ("postgresql", &[], postgresql("57P03", "starting up"), "postgresql: refuses: 57P03 starting up"),
        ("postgresql", &[], b"Ecould not fork\n\0", "postgresql: refuses: could not fork"),
        ("mysql", &["\x17\0\0\0\u{7f}"], b"", "mysql: replies \u{17}\0\0\0\u{7f}"),
    ];
    std::thread::scope(|scope| {
        for (protocol, greeting, reply, text) in rows {
            scope.spawn(move || {
                let peer = server(greeting, reply);
                let health = health(&format!("{protocol}://{}", peer.address));
                let expected: &[&str] = if text.is_empty() { &[] } else { &["protocol-unwell"] };
                assert_eq!(codes_of(&health), expected, "{protocol} {greeting:?} {reply:?}: {health}");
                assert_eq!(health["findings"][0]["text"].as_str().unwrap_or_default(), text, "{protocol} {greeting:?}");
            });
        }
    });
}

/// A server of another protocol is named by what it says, also if no whole reply comes.
#[test]
fn a_silent_end_is_told_with_what_came_before() {
    let peer = Peer::serving(|mut stream| {
        let _ = stream.write_all(b"220-one\r\n");
        let _ = stream.read(&mut [0]);
    });
    for (protocol, text) in [("smtp", "smtp: greets with 220-one"), ("ssh", "ssh: greets with 220-one")] {
        let target = format!("{protocol}://{}", peer.address);
        let args =
            ["validate", "--json", "--timeout", "300ms", "--retries", "0", "--check", "protocol", target.as_str()];
        let document: Value = serde_json::from_str(&portolan(args).stdout).unwrap();
        assert_eq!(document["items"][0]["endpoints"][0]["health"]["findings"][0]["text"], text);
    }
}

/// What a script writes to standard error is the reason for its failure.
#[test]
fn the_last_error_of_a_script_is_shown() {
    let peer = Peer::serving(drop);
    for (script, text) in [
        (
            "echo checking; echo one >&2; echo 'cannot connect' >&2; exit 2",
            "sh exited with 2: checking (stderr: cannot connect)",
        ),
        ("echo 'no such host' >&2; exit 1", "sh warns: no such host"),
        ("echo only out; exit 3", "sh exited with 3: only out"),
        ("exit 4", "sh exited with 4"),
        ("exec sh -c 'echo late >&2; kill -9 $$'", "sh died from signal 9: late"),
    ] {
        let args = [
            "validate",
            "--json",
            "--timeout",
            "20s",
            "--check",
            "script",
            &peer.target(),
            "--script",
            "sh",
            "-c",
            script,
        ];
        let document: Value = serde_json::from_str(&portolan(args).stdout).unwrap();
        assert_eq!(document["items"][0]["endpoints"][0]["health"]["findings"][0]["text"], text, "{script}");
    }

    let endless = [
        "validate",
        "--json",
        "--timeout",
        "20s",
        "--check",
        "script",
        &peer.target(),
        "--script",
        "sh",
        "-c",
        "yes >&2",
    ];
    let document: Value = serde_json::from_str(&portolan(endless).stdout).unwrap();
    assert_eq!(codes_of(&document["items"][0]["endpoints"][0]["health"]), ["script-timeout"]);
}
