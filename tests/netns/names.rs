//! Process names, command lines, files and paths that attack the terminal, through every format.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Fixture, Listing, Scene, fixture_path};

const FORMATS: [&str; 10] =
    ["table", "wide", "json", "ndjson", "csv", "yaml", "prometheus-sd", "html", "name", "address"];

/// Names as a process may give itself, 15 bytes at most, and how portolan may tell them at best.
const NAMES: &[(&str, &[u8])] = &[
    ("newline", b"x\ny"),
    ("two-lines", b"\n\n"),
    ("clear-screen", b"\x1b[2J\x1b[1;1H"),
    ("title", b"\x1b]0;owned\x07"),
    ("hyperlink", b"\x1b]8;;http://x"),
    ("stat-forger", b"a) R 1 (b"),
    ("brackets", b"((()))) S 1 1"),
    ("not-utf8", b"caf\xe9"),
    ("raw-csi", b"\x9b31mred"),
    ("csi-as-utf8", "\u{9b}31mred".as_bytes()),
    ("right-to-left", "\u{202e}exe.x".as_bytes()),
    ("isolate", "\u{2066}a\u{2069}".as_bytes()),
    ("zero-width", "ng\u{200b}inx\u{feff}".as_bytes()),
    ("line-separator", "a\u{2028}b".as_bytes()),
    ("carriage", b"safe\rEVIL"),
    ("backspace", b"abc\x08\x08\x08x"),
    ("delete", b"a\x7fb"),
    ("formula", b"=cmd|'/c c'!A1"),
    ("formula-plus", b"+1+1"),
    ("formula-at", b"@SUM(1)"),
    ("quotes", b"a\"b',;\\"),
    ("html", b"<script>&amp;"),
    ("json", b"\"},{\"a\":\"b"),
    ("yaml", b"- a: &x !!b"),
    ("yaml-null", b"null"),
    ("space", b" lead trail "),
    ("tag", "a\u{e0041}b".as_bytes()),
    ("noncharacter", "a\u{fffe}b".as_bytes()),
    ("empty", b""),
];

/// Characters that must reach no terminal and no file: controls, what turns the direction of text, what is not seen.
fn is_harmful(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    (c.is_control() && c != '\n') || turns || unseen || breaks
}

#[track_caller]
fn harmless(text: &str, what: &str) {
    if let Some((at, c)) = text.char_indices().find(|&(_, c)| is_harmful(c)) {
        let line = text[..at].matches('\n').count();
        panic!("{what} holds {c:?}: {:?}", text.lines().nth(line).unwrap_or_default());
    }
}

fn percent(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02x}");
        out
    })
}

fn port(index: usize) -> usize {
    8001 + index
}

/// One process for every name, each with its name on its command line too, raw; the program's own file and a
/// socket's path have hostile names as well.
fn hostile() -> (Scene, Fixture) {
    let scene = Scene::new();
    let file = OsStr::from_bytes(b"li\nst\x1b[31m\xe2\x80\xae\xff (deleted)");
    let program = scene.public_copy(fixture_path(), file);
    let mut args: Vec<OsString> = Vec::new();
    for (index, (_, name)) in NAMES.iter().enumerate() {
        let words = ["[".to_owned(), format!("name={}", percent(name)), format!("tcp=127.0.0.1:{}", port(index))];
        args.extend(words.map(OsString::from));
        args.push(OsStr::from_bytes(&[b"raw=", *name].concat()).to_owned());
        args.push("]".into());
    }
    let unix = percent(b"\x1b[2J\n\xe2\x80\xae\xff=1+1");
    args.push(format!("unix=stream:{}/{unix}", scene.dir().display()).into());
    args.push(format!("unix=stream:@{unix}").into());
    let fixture = Fixture::start(scene.command(program).args(args));
    (scene, fixture)
}

#[test]
fn no_format_lets_a_harmful_character_through() {
    let (scene, _fixture) = hostile();
    for format in FORMATS {
        for only in ["", "--unix"] {
            let outcome = scene.portolan().args(only).args("-o").args(format).run();
            assert_eq!(outcome.code, Some(0), "{format}: {}", outcome.stderr);
            harmless(outcome.text(), &format!("-o {format} {only}"));
            harmless(&outcome.stderr, &format!("standard error of -o {format} {only}"));
        }
    }
}

#[test]
fn no_name_makes_a_line_of_its_own() {
    let (scene, _fixture) = hostile();
    let lines = |format: &str| scene.portolan().args("-o").args(format).run().text().lines().count();
    assert_eq!(lines("name"), NAMES.len());
    assert_eq!(lines("ndjson"), NAMES.len());
    assert_eq!(lines("table"), NAMES.len() + 1, "a heading and the rows");
    assert_eq!(lines("wide"), NAMES.len() + 1, "a heading and the rows");
    assert_eq!(lines("csv"), NAMES.len() + 1, "a heading and the rows");
}

#[test]
fn json_tells_every_name_as_it_is() {
    let (scene, fixture) = hostile();
    let listing = scene.portolan().list();
    for (index, (what, name)) in NAMES.iter().enumerate() {
        let key = format!("tcp 127.0.0.1:{}", port(index));
        let row = listing.row(&key);
        let pid = *fixture.truth.0[&key].first().unwrap();
        let process = row.process(pid);
        assert_eq!(process["name"], String::from_utf8_lossy(name).as_ref(), "{what}");
        let lossy = std::str::from_utf8(name).is_err();
        let marked: Vec<&str> =
            process["not_utf8"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(marked.contains(&"name"), lossy, "{what}: {process}");
        // Blanks at its end are cut off.
        let told = String::from_utf8_lossy(name.trim_ascii_end());
        assert!(process["command"].as_str().unwrap().contains(told.as_ref()), "{what}");
        assert!(marked.contains(&"exe"), "the file's name is not UTF-8: {process}");
    }
}

#[test]
fn a_name_cannot_forge_what_stands_behind_it_in_the_process_table() {
    let (scene, fixture) = hostile();
    let makers: Vec<u32> = fixture.truth.filter(|what| what.starts_with("unix")).pids().into_iter().collect();
    let listing = scene.portolan().list();
    for (index, (what, _)) in NAMES.iter().enumerate() {
        let row = listing.row(&format!("tcp 127.0.0.1:{}", port(index)));
        let process = &row.processes()[0];
        assert_eq!(process["parents"][0]["pid"], makers[0], "{what}: {process}");
        let started: jiff::Timestamp = process["started"].as_str().unwrap().parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(started).as_secs().abs() < 120, "{what}: {process}");
    }
}

#[test]
fn a_spreadsheet_runs_nothing() {
    let (scene, _fixture) = hostile();
    for only in ["", "--unix"] {
        let outcome = scene.portolan().args(only).args("-o csv").run();
        for record in csv::Reader::from_reader(outcome.text().as_bytes()).records() {
            for cell in &record.unwrap() {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "a formula: {cell:?}");
            }
        }
    }
}

/// Read by Python's parser of HTML: a row for each listener, no element and no attribute that a name made, and a policy under
/// which only the page's own script and style take effect.
#[test]
fn a_page_has_no_element_of_a_name() {
    let (scene, _fixture) = hostile();
    let outcome = scene.portolan().args("-o html").run();
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/netns/read_page.py");
    let mut python = Command::new("python3").arg(reader).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(outcome.text().as_bytes()).unwrap();
    let page: Value = serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();

    assert_eq!(page["unbalanced"], serde_json::json!([]));
    assert_eq!(page["policy"], page["expected"], "another script or style would take effect");
    assert_eq!((&page["elements"]["script"], &page["elements"]["style"]), (&Value::from(1), &Value::from(1)));
    // A row for the headings too.
    assert_eq!(page["elements"]["tr"], NAMES.len() + 1);
    let known = [
        "aria-label",
        "autocomplete",
        "charset",
        "class",
        "content",
        "for",
        "http-equiv",
        "id",
        "lang",
        "max",
        "min",
        "name",
        "role",
        "scope",
        "tabindex",
        "type",
        "value",
    ];
    let attributes: Vec<&str> =
        page["attributes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(attributes.iter().all(|name| known.contains(name)), "{attributes:?}");
    assert!(page["cells"].as_array().unwrap().iter().any(|cell| cell == "<script>&amp;"), "{}", page["cells"]);
}

#[test]
fn a_filter_by_name_takes_hostile_names_too() {
    let (scene, _fixture) = hostile();
    let keys = |pattern: &str| scene.portolan().args("--process").arg(pattern).list().keys();
    let of = |name: &str| format!("tcp 127.0.0.1:{}", port(NAMES.iter().position(|(what, _)| *what == name).unwrap()));
    assert_eq!(keys("x?y"), [of("newline")]);
    assert_eq!(keys("a) R*"), [of("stat-forger")]);
    assert_eq!(keys("null"), [of("yaml-null")]);
}

#[test]
fn hostile_paths_are_rows_like_any_other() {
    let (scene, fixture) = hostile();
    let outcome = scene.portolan().args("--unix --json").run();
    let listing = Listing::new(&outcome.document());
    assert_eq!(listing.rows.len(), 2);
    assert!(listing.rows.iter().all(|row| row.pids() == fixture.truth.filter(|what| what.starts_with("unix")).pids()));
}
