//! What a user at a terminal sees, and what a pipe does not.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Outcome, Scene, hear, portolan_path, tool};
use crate::wired;

/// A scan at a terminal with this typed in; returns what was written to it.
fn at_terminal(scene: &Scene, args: &str, typed: &str) -> (Option<i32>, String) {
    let line = format!("'{}' scan {args}", portolan_path().display());
    let mut command = scene.command(tool("script").get_program());
    command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env("HOME", scene.dir());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let outcome = Outcome::new(hear(child, &line));
    (outcome.code, outcome.text().to_owned())
}

/// A host that never replies, so that a scan takes as long as it may.
fn silent() -> (Scene, Scene) {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }'");
    (here, there)
}

#[test]
fn progress_is_shown_at_a_terminal_and_nowhere_else() {
    let (here, _there) = silent();
    let args = "-p 1-5000 10.77.0.2 --pace polite --deadline 1s";
    let (code, text) = at_terminal(&here, args, "");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("/5000") && text.contains("0 found") && text.contains("left"), "{text:?}");

    let (code, text) = at_terminal(&here, &format!("{args} --quiet"), "");
    assert_eq!(code, Some(3), "{text}");
    assert!(!text.contains("/5000"), "{text:?}");

    let piped = here.scan().args(args).run();
    assert_eq!((piped.code, piped.text()), (Some(3), ""));
    assert!(!piped.stderr.contains(['\r', '\u{1b}']), "{:?}", piped.stderr);
    let quiet = here.scan().args("-p 1-10 10.77.0.2 --retries 0 --timeout 100ms --quiet").run();
    assert_eq!((quiet.code, quiet.text(), quiet.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn many_probes_need_a_confirmation() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=0.0.0.0:80");
    let args = "-p- 127.0.0.0/8 --deadline 300ms";
    let (code, text) = at_terminal(&scene, args, "n\n");
    assert!(code == Some(2) && text.contains("Scan them? [y/N]"), "{code:?}: {text}");
    let (code, text) = at_terminal(&scene, args, "y\n");
    assert!(code == Some(3) && text.contains("--deadline has passed"), "{code:?}: {text}");
}
