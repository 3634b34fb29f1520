//! `--watch` as a command: how it ends, what it writes, what it refuses.

use std::io::{BufRead, BufReader};

use rustix::process::Signal;

use crate::support::{Lines, Scene, finish};
use crate::watched::{Watched, listener};

#[test]
fn a_signal_ends_it_after_a_whole_line() {
    let scene = Scene::new();
    let _listeners: Vec<_> = (0..20).map(|_| listener(&scene, "127.0.0.1:0")).collect();
    for (signal, code) in [(Signal::INT, 0), (Signal::TERM, 143), (Signal::HUP, 129)] {
        // The parent of the tests may ignore SIGHUP, and children inherit that.
        let portolan = scene.portolan().under("env", &["--default-signal=HUP"]);
        let (status, history) = Watched::start(portolan).end(signal);
        assert_eq!(status.code(), Some(code));
        assert_eq!(history.count("added"), 20);
    }
}

#[test]
fn with_nohup_it_outlives_its_terminal() {
    let scene = Scene::new();
    let mut watched = Watched::start(scene.portolan().under("nohup", &[]).args("--interval 20ms"));
    watched.signal(Signal::HUP);
    let (_late, id) = listener(&scene, "127.0.0.1:0");
    assert_eq!(watched.about(&id)["type"], "added");
    assert_eq!(watched.end(Signal::INT).0.code(), Some(0));
}

#[test]
fn it_ends_when_its_reader_is_gone() {
    let scene = Scene::new();
    let mut child = scene.portolan().args("--watch").spawn();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("  synced   0 services"), "{line}");
    // There are no further changes, and so nothing is written.
    drop(out);
    assert_eq!(finish(child).unwrap().code(), Some(0));
}

#[test]
fn it_ends_after_so_many_changes() {
    let scene = Scene::new();
    let (first, _) = listener(&scene, "127.0.0.1:0");
    let mut child = scene.portolan().args("--watch --count 2 -o name --interval 20ms").spawn();
    let lines = Lines::of(&mut child);
    assert!(lines.next().unwrap().starts_with("added local/tcp/127.0.0.1:"));
    let (second, id) = listener(&scene, "127.0.0.1:0");
    assert_eq!(lines.next().unwrap(), format!("added {id}"));
    drop(second);
    assert_eq!(lines.next().unwrap(), format!("removed {id}"));
    assert_eq!(lines.next(), None);
    assert_eq!(finish(child).unwrap().code(), Some(0));
    drop(first);
}

#[test]
fn it_ends_after_a_time() {
    let scene = Scene::new();
    let ran = scene.portolan().args("--watch --for 2s").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.text().ends_with("  synced   0 services\n"));
}

#[test]
fn a_line_for_people_says_what_where_and_who() {
    let scene = Scene::new();
    let fixture = scene.fixture("name=harbour%1b[2J tcp=[::1]:7001");
    let pid = fixture.truth.pids().into_iter().next().unwrap();
    let ran = scene.portolan().args("--watch --until type=synced").run();
    let (line, _) = ran.text().split_once('\n').unwrap();
    let (_, said) = line.split_once("Z  ").unwrap();
    let name = "harbour\\u{1b}[2J";
    let expected = format!("added    tcp [::1]:7001  {name}  process={name}  pid={pid}  user=root  scope=loopback");
    assert_eq!(said, expected);
}

#[test]
fn invalid_options_are_refused() {
    let scene = Scene::new();
    for (args, error) in [
        ("--watch -o yaml", "cannot use --output 'yaml': --watch cannot write yaml"),
        ("--watch -o json=/gone/x", "cannot use --output 'json=/gone/x': its directory does not exist"),
        ("--watch -o json=/dev/null", "cannot use --output 'json=/dev/null': a watch replaces its files"),
        ("--count 3", "cannot use --count: it requires --watch"),
        ("--watch --count 0", "cannot use --count '0': it is out of range\nhint: write 1 or more"),
        (
            "--watch --count few",
            "cannot use --count 'few': it is not a whole number\nhint: write a whole number, as in 3",
        ),
        ("--watch --count 99999999999999999999", "cannot use --count '99999999999999999999': it is too large a number"),
        ("--watch --for 0", "cannot use --for '0': it must be longer than zero"),
        ("--watch --interval soon", "cannot use --interval 'soon': it is not a duration"),
        ("--watch --fail-empty", "cannot use --watch: it cannot be combined with --fail-empty"),
        ("--watch --interface nowhere", "cannot use --interface 'nowhere'"),
    ] {
        let ran = scene.portolan().args(args).run();
        assert_eq!(ran.code, Some(2), "{args}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(&format!("error: {error}")), "{args}: {}", ran.stderr);
        assert!(ran.stderr.lines().count() == 2 && ran.stderr.contains("\nhint: "), "{args}: {}", ran.stderr);
        assert!(ran.stdout.is_empty());
    }
}
