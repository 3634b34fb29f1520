//! Requested columns are visible: on a narrow terminal, and in a pipe beside a peer with a long greeting.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use crate::own::{Peers, mute, run};
use crate::support::{Outcome, hear, portolan_path, tool};

/// What a terminal of that width shows.
fn at_terminal(width: u16, args: &str) -> String {
    let mut script = tool("script");
    script.args(["-qefc", &format!("'{}' {args} --quiet --color never", portolan_path().display()), "/dev/null"]);
    script.env_clear().env("TERM", "xterm").env("COLUMNS", width.to_string());
    let child = script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let outcome = Outcome::new(hear(child, args));
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    outcome.text().replace('\r', "")
}

#[test]
fn a_narrow_terminal_keeps_what_speaks_there_and_its_version() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n").await;
        mute(stream).await;
    });
    let port = peer.address.port();
    for args in [format!("discover local --tcp -p {port} --identify"), format!("scan 127.0.0.1 -p {port} --identify")] {
        let text = at_terminal(80, &args);
        let header = text.lines().find(|line| line.contains("PROTO")).unwrap_or_else(|| panic!("{text}"));
        let row = text.lines().find(|line| line.contains(&port.to_string())).unwrap_or_else(|| panic!("{text}"));
        assert!(header.contains("SERVICE") && header.contains("VERSION"), "{args}: {text}");
        assert!(row.contains(" ssh ") && row.contains("OpenSSH 9.2p1"), "{args}: {text}");
        assert!(header.chars().count() <= 80 && row.chars().count() <= 80, "{args}: {text}");
    }
    // Without the question there is only a guess, which is the first to go.
    let plain = at_terminal(40, &format!("discover local --tcp -p {port}"));
    assert!(!plain.contains("SERVICE"), "{plain}");
}

#[test]
fn one_long_greeting_widens_no_other_row() {
    let peers = Peers::new();
    let greets = |text: &'static str| {
        peers.serve(move |mut stream| async move {
            let _ = stream.write_all(text.as_bytes()).await;
            mute(stream).await;
        })
    };
    let long: &'static str = format!("{}\r\n", "blah ".repeat(40)).leak();
    let (talker, other) = (greets(long), greets("SSH-2.0-Short_1\r\n"));
    let ports = format!("{},{}", talker.address.port(), other.address.port());
    let output = run(&["scan", "127.0.0.1", "-p", &ports, "--identify"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |port: u16| text.lines().find(|line| line.contains(&port.to_string())).unwrap();
    assert!(row(talker.address.port()).contains(long.trim()), "a pipe has all of it: {text}");
    assert!(row(other.address.port()).len() < 120 && text.lines().next().unwrap().len() < 120, "{text}");
}
