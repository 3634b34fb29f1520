//! Pictures: whole, readable by the real Graphviz, and without a hostile name in their syntax.

use std::io::Write;
use std::process::Stdio;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::support::{Scene, tool};

/// Listeners of processes with names that end strings, tags and comments.
const HOSTILE: &str = "[ name=%22]%3bx tcp=127.0.0.1:8001 ] [ name=%3c/text%3e%3cg%3e tcp=127.0.0.1:8002 ] \
     [ name=a%5c tcp=127.0.0.1:8003 ] [ name=end%0aend tcp=127.0.0.1:8004 ] [ name=%60b%60%23%7b tcp=127.0.0.1:8005 ] \
     [ name=--%3e%26lt%3b tcp=127.0.0.1:8006 ]";

fn picture(scene: &Scene, format: &str) -> String {
    let outcome = scene.portolan().args("-o").args(format).run();
    assert_eq!(outcome.code, Some(0), "{format}: {}", outcome.stderr);
    outcome.text().to_owned()
}

/// What the real Graphviz makes of a picture.
fn drawn(dot: &str) -> String {
    let mut graphviz = tool("dot");
    graphviz.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = graphviz.spawn().expect("the package graphviz");
    let mut stdin = child.stdin.take().unwrap();
    let text = dot.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}\n{dot}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the elements of a document, and its texts.
fn elements(svg: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = Reader::from_str(svg);
    let (mut names, mut texts) = (Vec::new(), Vec::new());

    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{svg}")) {
            Event::Start(element) | Event::Empty(element) => {
                names.push(String::from_utf8(element.name().as_ref().to_vec()).unwrap());
            }
            Event::Text(text) => texts.push(String::from_utf8(text.to_vec()).unwrap()),
            Event::Eof => return (names, texts),
            _ => {}
        }
    }
}

#[test]
fn a_hostile_name_is_no_syntax() {
    let scene = Scene::new();
    let _fixture = scene.fixture(HOSTILE);
    let svg = picture(&scene, "svg");
    let (names, texts) = elements(&svg);
    let mut kinds: Vec<&str> = names.iter().map(String::as_str).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["g", "path", "rect", "style", "svg", "text"]);
    // A process and a listener for each of the six.
    assert_eq!(names.iter().filter(|name| *name == "g").count(), 12);
    assert!(texts.iter().any(|text| text.contains("8004")) && !svg.contains("</text><g>"), "{svg}");

    // Graphviz draws a node for each box, and finds no statement in a name.
    let drawing = drawn(&picture(&scene, "dot"));
    assert_eq!(drawing.matches("class=\"node\"").count(), 12, "{drawing}");
    assert_eq!(drawing.matches("class=\"edge\"").count(), 6, "{drawing}");

    let mermaid = picture(&scene, "mermaid");
    for line in mermaid.lines() {
        let quotes = line.matches('"').count();
        assert!(quotes == 0 || quotes == 2, "{line}");
        let label = line.split('"').nth(1).unwrap_or_default();
        assert!(!label.contains(['<', '>', '`', '[', ']', '{', '}', '\\']), "{line}");
    }
    assert_eq!(mermaid.matches(" --> ").count(), 6, "{mermaid}");
}

#[test]
fn five_fifty_and_five_hundred_listeners_have_a_box_each() {
    for (listeners, args) in
        [(5, "[ many=5@1000 ]"), (50, "repeat=5 [ many=10@{i} ]"), (500, "repeat=50 [ many=10@{i} ]")]
    {
        let scene = Scene::new();
        let fixture = scene.fixture(args);
        assert_eq!(fixture.truth.keys().len(), listeners);
        let processes = fixture.truth.pids().len();

        let svg = picture(&scene, "svg");
        let (names, _) = elements(&svg);
        assert_eq!(names.iter().filter(|name| *name == "g").count(), listeners + processes);
        let size = |name: &str| -> f64 {
            svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let (width, height) = (size("width"), size("height"));
        assert!(height < 4.0 * width && width < 4.0 * height, "{listeners}: {width} x {height}");
        assert!(svg.len() < 500_000, "{} bytes", svg.len());

        if listeners < 500 {
            let drawing = drawn(&picture(&scene, "dot"));
            assert_eq!(drawing.matches("class=\"node\"").count(), listeners + processes);
        }
    }
}

#[test]
fn a_page_of_changes_names_each_change() {
    let scene = Scene::new();
    let old = {
        let _fixture = scene.fixture("[ name=old tcp=127.0.0.1:8001 ] [ name=stays tcp=127.0.0.1:8002 ]");
        picture(&scene, "json")
    };
    let path = scene.dir().join("old.json");
    std::fs::write(&path, old).unwrap();
    let _fixture = scene.fixture("[ name=stays tcp=127.0.0.1:8002 ] [ name=%3cb%3enew tcp=127.0.0.1:8003 ]");

    let outcome = scene.portolan().args("-o html --diff").arg(path.to_str().unwrap()).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let page = outcome.text();
    for part in ["127.0.0.1:8001", "127.0.0.1:8003", "closed", "opened", "&lt;b&gt;new"] {
        assert!(page.contains(part), "{part} in\n{page}");
    }

    assert!(!page.contains("<b>new"), "a name is text");
}
