//! `--probes FILE` where FILE is no plain file, and may never come to an end.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;

use crate::own::{Peers, mute, portolan, start};
use crate::support::{HANG, Outcome, TempDir, hear, kill, portolan_path, tool};

const PROBE: &str = "[[probe]]\nprotocol = 'acme'\npattern = '^ACME (?<version>[0-9.]+)'\n";

fn fifo(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    path
}

/// portolan with these probes, which has opened them.
fn begun(port: u16, probes: &Path) -> Child {
    let (port, probes) = (port.to_string(), probes.to_str().unwrap());
    let child = start(&["scan", "127.0.0.1", "-p", &port, "--identify", "--probes", probes, "--json"]);
    let (fds, begin) = (PathBuf::from(format!("/proc/{}/fd", child.id())), Instant::now());
    let is_open = || {
        let fds = fs::read_dir(&fds).unwrap();
        fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|file| file == Path::new(probes)))
    };
    while !is_open() {
        assert!(begin.elapsed() < HANG, "it does not open the file");
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_fifo_without_a_writer_delays_nothing() {
    let (peers, dir) = (Peers::new(), TempDir::new());
    let port = peers.serve(mute).address.port();
    let fifo = fifo(&dir);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let child = begun(port, &fifo);
        kill(child.id(), signal);
        let outcome = Outcome::new(hear(child, "portolan, which waits for probes"));
        assert_eq!((outcome.code, outcome.text()), (Some(code), ""), "{}", outcome.stderr);
        let expected = format!("error: cannot read the probes in {}: it was stopped\nhint: ", fifo.display());
        assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    }
    let (port, name) = (port.to_string(), fifo.to_str().unwrap());
    let late = start(&["scan", "127.0.0.1", "-p", &port, "--identify", "--probes", name, "--deadline", "200ms"]);
    let outcome = Outcome::new(hear(late, "portolan with a deadline"));
    assert_eq!((outcome.code, outcome.text()), (Some(3), ""));
    assert!(outcome.stderr.contains("the --deadline has passed"), "{}", outcome.stderr);
}

#[test]
fn a_writer_may_come_late_and_write_little_by_little() {
    let (peers, dir) = (Peers::new(), TempDir::new());
    let peer = peers.serve(|mut stream| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"ACME 7.5\r\n").await;
        mute(stream).await;
    });
    let fifo = fifo(&dir);
    let child = begun(peer.address.port(), &fifo);
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    for piece in PROBE.as_bytes().chunks(7) {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
    }
    drop(writer);
    let outcome = Outcome::new(hear(child, "portolan"));
    let said = &outcome.document()["items"][0]["endpoints"][0]["service"];
    assert_eq!((&said["protocol"], &said["version"]), (&"acme".into(), &"7.5".into()), "{}", outcome.stderr);

    // As a shell passes it: an anonymous pipe.
    let file = dir.path().join("probes.toml");
    fs::write(&file, PROBE).unwrap();
    let mut bash: Command = tool("bash");
    let line = r#""$0" scan 127.0.0.1 -p "$1" --identify --json --probes <(cat "$2")"#;
    bash.args(["-c", line]).arg(portolan_path()).arg(peer.address.port().to_string()).arg(&file);
    let child = bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let outcome = Outcome::new(hear(child, "portolan under bash"));
    let said = &outcome.document()["items"][0]["endpoints"][0]["service"];
    assert_eq!(said["protocol"], "acme", "{}", outcome.stderr);
}

#[test]
fn an_invalid_probe_file_is_refused() {
    let dir = TempDir::new();
    let refused = |path: &str, why: &str| {
        let output = portolan(&["scan", "127.0.0.1", "-p", "1", "--identify", "--probes", path]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why) && said.contains("\nhint: ") && output.stdout.is_empty(), "{path}: {said}");
        assert!(matches!(output.status.code(), Some(2 | 3)), "{path}: {:?}", output.status);
    };
    refused(dir.path().to_str().unwrap(), "Is a directory");
    refused("/dev/zero", "it is longer than 1048576 bytes");
    refused("/dev/null", "the file has no probe");
    let file = dir.path().join("utf16.toml");
    fs::write(&file, "\u{feff}[[probe]]".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    refused(file.to_str().unwrap(), "utf16.toml:1:1: this is not UTF-8");
    fs::write(&file, format!("a = {}", "[".repeat(100_000))).unwrap();
    refused(file.to_str().unwrap(), "utf16.toml:1:");
}

#[test]
fn a_slow_pattern_delays_no_other_probe() {
    let (peers, dir) = (Peers::new(), TempDir::new());
    // Close to all that a file may ask for; and peers whose every line has to be looked at anew.
    let file = dir.path().join("probes.toml");
    fs::write(&file, "[[probe]]\nprotocol = 'slow'\npattern = '(?s)(?:[ab].{0,40}){0,50}c'\n").unwrap();
    let drips: Vec<_> = (0..50)
        .map(|_| {
            peers.serve(|mut stream| async move {
                while tokio::io::AsyncWriteExt::write_all(&mut stream, b"ab\n").await.is_ok() {
                    crate::own::pause(5).await;
                }
            })
        })
        .collect();
    let ports: Vec<String> = drips.iter().map(|peer| peer.address.port().to_string()).collect();
    let (ports, file) = (ports.join(","), file.to_str().unwrap());
    let child =
        start(&["scan", "127.0.0.1", "-p", &ports, "--identify", "--probes", file, "--deadline", "1s", "--json"]);
    let outcome = Outcome::new(hear(child, "portolan with a slow pattern"));
    let document = outcome.document();
    assert_eq!((outcome.code, document["items"].as_array().unwrap().len()), (Some(3), 50), "{}", outcome.stderr);
    assert!(document["errors"].to_string().contains("--deadline has passed"), "{}", document["errors"]);
}
