//! Real listings as terminals of five widths show them. `REGENERATE=1` writes the snapshots anew.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Isolation, Outcome, Scene, hear, portolan_path};

/// Columns of the terminals that people have: a split one, two old ones, and two of today.
const WIDTHS: [u16; 5] = [40, 80, 100, 120, 200];

/// What a terminal of that width shows, without the notes of this run.
fn at_terminal(scene: &Scene, width: u16, args: &str) -> String {
    let mut script = scene.command("script");
    script.args(["-qefc", &format!("'{}' {args} --color never", portolan_path().display()), "/dev/null"]);
    script.env_clear().env("TERM", "xterm").env("COLUMNS", width.to_string()).current_dir(scene.dir());
    let child = script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let outcome = Outcome::new(hear(child, args));
    let text = outcome.text().replace('\r', "");
    text.lines().filter(|line| !is_of_this_run(line)).flat_map(|line| [line, "\n"]).collect()
}

/// What depends on the permissions of this run, or on how busy the machine was meanwhile.
fn is_of_this_run(line: &str) -> bool {
    line.starts_with("cannot see") || line.contains("this machine was busy")
}

/// Compares with the stored text.
#[track_caller]
fn is_as_stored(name: &str, width: u16, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/netns/tables/{name}-{width}.txt"));
    if std::env::var_os("REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, stored, "{}: REGENERATE=1 writes it anew", path.display());
    // The notes below the table are sentences.
    let rows = text.lines().take_while(|line| !line.starts_with(|first: char| first.is_ascii_digit()));
    let widest = rows.map(|line| line.chars().count()).max();
    assert!(widest.unwrap_or_default() <= usize::from(width), "{text}");
}

#[test]
fn listeners_at_five_widths() {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    let fixture = scene.fixture(
        "[ name=nginx tcp=0.0.0.0:80 tcp=[::]:443,v6only ] [ name=a-long-name-of tcp=127.0.0.5:5432 ] [ name=dns udp=127.0.0.1:53 ]",
    );

    for width in WIDTHS {
        let text = at_terminal(&scene, width, "local");
        // The ids of processes have at most three digits here, as many as the heading has letters.
        let mut text = text;
        for pid in fixture.truth.pids() {
            assert!(pid < 1000, "{pid}");
            let digits = pid.to_string();
            text = text.replace(&format!(" {digits:<3} "), " PID ").replace(&format!(" {digits}\n"), " PID\n");
        }
        is_as_stored("local", width, &text);
    }
}

/// A state, a score and a reason stay where there is room for anything but the address.
#[test]
fn verdicts_at_five_widths() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8080");
    let file =
        "[[service]]\nname = \"a-shop-with-a-long-name\"\nendpoints = [\"127.0.0.1:8080\", \"127.0.0.1:8081\"]\n";
    fs::write(scene.dir().join("services.toml"), file).unwrap();

    for width in WIDTHS {
        let text = at_terminal(
            &scene,
            width,
            "validate services.toml --retries 0 --columns address,state,score,reason,namespace,name,grade,coverage",
        );
        let header = text.lines().next().unwrap();
        assert!(header.contains("STATE"), "{width}: {text}");
        let text = at_terminal(&scene, width, "validate services.toml --retries 0");
        let header = text.lines().next().unwrap();
        assert!(header.contains("STATE"), "{width}: {text}");
        assert!(width == 40 || header.contains("SCORE") && header.contains("REASON"), "{width}: {text}");
        is_as_stored("validate", width, &text);
    }
}

#[test]
fn what_has_no_room_is_named() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:8080");
    let text = at_terminal(&scene, 40, "local");
    let note = text.lines().find(|line| line.starts_with("no room for ")).unwrap_or_else(|| panic!("{text}"));
    assert!(note.contains("SCOPE") && note.contains("--columns address,"), "{note}");
    assert!(!at_terminal(&scene, 200, "local").contains("no room"));
    assert!(!at_terminal(&scene, 40, "local --quiet").contains("no room"));
}
