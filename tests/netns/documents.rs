//! Outputs that the pages show are what the commands print today.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Ended, Outcome, Scene};

/// The first output that a page shows for a command, line by line.
fn documented(page: &str, command: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("$ portolan {command}")).skip(1);
    let lines: Vec<String> =
        lines.take_while(|line| !line.starts_with("```") && !line.starts_with("$ ")).map(ToOwned::to_owned).collect();
    assert!(!lines.is_empty(), "{page} does not show `portolan {command}`");
    lines
}

/// Everything that a command printed, line by line.
fn printed(outcome: &Outcome) -> Vec<String> {
    let text = format!("{}{}", String::from_utf8_lossy(&outcome.stdout), outcome.stderr);
    text.lines().map(ToOwned::to_owned).collect()
}

/// A line without its numbers, which are times, counts and process ids.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            c => text.push(c),
        }
    }
    text
}

#[track_caller]
fn assert_shown(documented: &[String], printed: &[String]) {
    let printed: Vec<String> = printed.iter().map(|line| without_numbers(line)).collect();
    for line in documented {
        assert!(printed.contains(&without_numbers(line)), "the page shows {line:?}, portolan prints\n{printed:#?}");
    }
}

#[test]
fn a_table_is_shown_as_it_is() {
    let scene = Scene::new();
    let _fixture = scene.fixture(
        "[ name=redis-server tcp=127.0.0.1:6379 tcp=[::1]:6379 ] [ name=nginx tcp=0.0.0.0:80 tcp=[::]:80,v6only ] \
         [ name=dnsmasq tcp=127.0.0.1:53 udp=127.0.0.1:53 ]",
    );
    let arguments = "--columns address,process,user --sort port:desc";
    let outcome = scene.runs(&["local"]).args(arguments).run();
    assert_eq!(printed(&outcome), documented("docs/formats.md", &format!("local {arguments}")));
}

#[test]
fn waiting_is_shown_as_it_is() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:5432");
    let command = "wait 127.0.0.1:5432 127.0.0.1:6379 --timeout 2s -- ./server";
    let outcome = scene.runs(&["wait"]).args(command.trim_start_matches("wait ")).run();
    assert_eq!(outcome.code, Some(1));
    for page in ["README.md", "docs/watching.md"] {
        assert_shown(&documented(page, command), &printed(&outcome));
    }
}

#[test]
fn a_holder_is_shown_with_the_same_facts() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=nginx tcp=0.0.0.0:80 tcp=[::]:80,v6only");
    let outcome = scene.runs(&["who"]).args("80").run();
    let label = |line: &String| line.trim_start().split("  ").next().unwrap_or_default().to_owned();
    for page in ["README.md", "docs/local.md"] {
        let shown = documented(page, "who 80");
        assert_eq!(
            shown.iter().map(label).collect::<Vec<_>>(),
            printed(&outcome).iter().map(label).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_score_is_explained_as_it_is_shown() {
    let scene = Scene::new();
    let mut server = scene.command("python3");
    server.args(["-m", "http.server", "28080", "--bind", "127.0.0.1"]).current_dir(scene.dir());
    let _server = Ended(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    assert_eq!(scene.runs(&["wait"]).args("127.0.0.1:28080 --timeout 60s").run().code, Some(0));

    let command = "validate http://127.0.0.1:28080/nope --explain";
    let outcome = scene.validate().args(command.trim_start_matches("validate ")).run();
    assert_shown(&documented("README.md", command), &printed(&outcome));
}
