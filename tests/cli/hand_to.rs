//! `--hand-to`: a command for each host.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{Portolan, portolan};

/// Two hosts with the same two open ports, a third with none, and a scan of them.
fn scan(hand_to: &str, more: &str) -> (Vec<TcpListener>, Portolan, String) {
    let one = TcpListener::bind("127.0.0.11:0").unwrap();
    let other = TcpListener::bind("127.0.0.11:0").unwrap();
    let mut ports = [one.local_addr().unwrap().port(), other.local_addr().unwrap().port()];
    ports.sort_unstable();
    let list = format!("{},{}", ports[0], ports[1]);
    let twins = ports.map(|port| TcpListener::bind(("127.0.0.12", port)).unwrap());
    let mut portolan = portolan(&format!("scan 127.0.0.11-13 -p {list} {more}")).args(["--hand-to", hand_to]);
    portolan.command.env("PATH", std::env::var_os("PATH").unwrap());
    (Vec::from(twins).into_iter().chain([one, other]).collect(), portolan, list)
}

#[test]
fn it_runs_once_for_each_host_with_open_ports_after_the_table() {
    let (_listeners, portolan, list) = scan("echo 'for {ip}:' {ports} ;", "");
    let ran = portolan.run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + 4 + 2, "{ran:?}");
    // No shell has seen the semicolon.
    assert_eq!(lines[5..], [format!("for 127.0.0.11: {list} ;"), format!("for 127.0.0.12: {list} ;")]);
}

#[test]
fn a_document_stays_whole() {
    let (_listeners, portolan, list) = scan("echo {ip} {ports}", "--json -q");
    let ran = portolan.run();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()["complete"], true);
    assert_eq!(ran.stderr, format!("127.0.0.11 {list}\n127.0.0.12 {list}\n"));
}

#[test]
fn a_failure_is_reported_and_the_other_hosts_go_on() {
    let (_listeners, portolan, _) = scan("sh -c 'echo ran $0; test $0 = 127.0.0.12 || exit 7' {ip}", "-q");
    let ran = portolan.run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        ran.stderr,
        "error: cannot hand 127.0.0.11 to 'sh': it exited with code 7\nhint: see its own messages above\n"
    );
    assert!(ran.stdout.contains("ran 127.0.0.11\nran 127.0.0.12\n"), "{ran:?}");
    let (_listeners, portolan, _) = scan("sh -c 'kill -9 $$'", "-q");
    assert!(portolan.run().stderr.contains("it was killed by signal 9\n"));
}

#[test]
fn an_unusable_command_is_found_before_the_scan() {
    let refuses = |words: &str, error: &str, hint: &str| {
        let portolan = portolan("scan a.invalid").args(["--hand-to", words]);
        portolan.file("plain", "").refuses(&format!("--hand-to '{error}"), hint);
    };
    let hint = "check its spelling, or write its path";
    refuses("no-such-program {ip}", "no-such-program': no executable program has that name", hint);
    refuses("./gone", "./gone': no executable program has that name", hint);
    refuses("./plain", "./plain': no executable program has that name", hint);
    refuses("", "': the command is empty", "write one, as in 'nmap -sV -p {ports} {ip}'");
    refuses("echo 'x", "echo \\'x': a quote is not closed".replace('\\', "").as_str(), "close it");
    refuses(
        "echo {port}",
        "echo {port}': it contains an unknown name in braces",
        "{ip} stands for the host's address, {ports} for its open ports, separated by commas",
    );
}

#[test]
fn an_interrupt_ends_what_was_started() {
    let (_listeners, mut portolan, _) = scan("sh -c 'echo $$; exec sleep 1000'", "");
    let mut child = portolan.command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pid: i32 = lines.nth(5).unwrap().parse().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_err(), "it still runs");
    assert_eq!(lines.next(), None, "the second host's turn never comes");
}
