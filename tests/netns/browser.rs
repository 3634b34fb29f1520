//! Pages and pictures in a real browser: headless Chromium, and axe-core for what people with disabilities need.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Scene, output};

/// Names that would run or load something if they were not text.
const HOSTILE: &str = r#"
[[service]]
name = "<script>window.hostile = 1</script>"
endpoints = ["127.0.0.1:8001"]

[[service]]
name = "<img src=https://example.invalid/x onerror='window.hostile = 2'>"
endpoints = ["127.0.0.1:8002"]

[[service]]
name = "\" onmouseover=\"window.hostile = 3"
endpoints = ["127.0.0.1:8003"]
"#;

/// Elements that no page of portolan has: they would come from a name.
const FOREIGN: [&str; 7] = ["a", "embed", "form", "iframe", "img", "link", "object"];

fn axe() -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("tools");
    let path = tools.join("node_modules/axe-core/axe.min.js");
    assert!(path.is_file(), "axe-core is not installed; tests/run does it: npm install --prefix {}", tools.display());
    path
}

/// What a browser finds on these pages. It runs inside the scene, where nothing but loopback exists.
fn browse(scene: &Scene, pages: &[PathBuf]) -> Vec<Value> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/netns/browse.py");
    let mut command = scene.command("python3");
    command.arg(driver).arg(axe()).arg(scene.dir()).args(pages);
    let ran = output(&mut command);

    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "{said}\n{}",
        fs::read_to_string(scene.dir().join("chromium.log")).unwrap_or_default()
    );
    let lines = String::from_utf8(ran.stdout).unwrap();

    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A page or a picture in a file.
fn written(scene: &Scene, name: &str, text: &str) -> PathBuf {
    let path = scene.dir().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn pages_are_accessible_self_contained_and_work_by_keyboard() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:8001 tcp=127.0.0.1:8002 udp=127.0.0.1:8003");
    let services = written(&scene, "services.toml", HOSTILE);
    let old = scene.portolan().args("--json").run().text().to_owned();
    let old = written(&scene, "old.json", &old);
    let _later = scene.fixture("name=late<b> tcp=127.0.0.1:8004");

    let listing = scene.portolan().args("-o html").run().text().to_owned();
    let scan = scene.scan().args("127.0.0.1 -p 8001-8010 --all -o html").run().text().to_owned();
    let checks = scene.validate().args("http://127.0.0.1:8001/ 127.0.0.1:8002 127.0.0.1:9 --timeout 2s -o html").run();
    let hostile = scene.runs(&["discover", "file"]).arg(services.to_str().unwrap()).args("-o html").run();
    let changes = scene.portolan().args("-o html --diff").arg(old.to_str().unwrap()).run();
    assert!(changes.text().contains("127.0.0.1:8004"), "{}", changes.text());
    let drift = scene.runs(&["drift", "--all", "--file"]).arg(services.to_str().unwrap()).args("-o html").run();
    let pages = [
        written(&scene, "listing.html", &listing),
        written(&scene, "scan.html", &scan),
        written(&scene, "checks.html", checks.text()),
        written(&scene, "hostile.html", hostile.text()),
        written(&scene, "drift.html", drift.text()),
        written(&scene, "changes.html", changes.text()),
    ];

    let found = browse(&scene, &pages);
    assert_eq!(found.len(), pages.len());
    for facts in &found {
        let page = facts["page"].as_str().unwrap();
        for scheme in ["light", "dark"] {
            assert_eq!(facts["axe"][scheme], serde_json::json!([]), "{page} {scheme}");
        }
        assert_eq!(facts["requests"], serde_json::json!([format!("file://{page}")]), "it loads nothing: {page}");
        assert_eq!(facts["problems"], serde_json::json!([]), "{page}");
        assert_eq!(facts["hostile"], Value::Null, "{page}");
        let elements = facts["elements"].as_array().unwrap();
        assert!(
            FOREIGN.iter().all(|foreign| elements.iter().all(|element| element != foreign)),
            "{page}: {elements:?}"
        );
        assert!(facts["scripts"].as_u64().unwrap() <= 1, "{page} has its own script alone: {facts}");
        assert!(facts["overflow"]["wide"].as_i64().unwrap() <= 0, "{page} is wider than a window: {facts}");
        assert!(facts["overflow"]["narrow"].as_i64().unwrap() <= 0, "{page} is wider than a phone: {facts}");
    }

    for facts in &found[..5] {
        let keyboard = &facts["keyboard"];
        assert!(keyboard["found"].as_u64() < keyboard["rows"].as_u64(), "the search hides rows: {keyboard}");
        assert_eq!(keyboard["found"], 1, "{keyboard}");
        assert_eq!(keyboard["sorted"], serde_json::json!(["ascending", "descending"]), "{keyboard}");
    }
}

#[test]
fn texts_of_pictures_stay_in_their_boxes() {
    let scene = Scene::new();
    let _fixture = scene.fixture(
        "[ name=iiiiiiiiiiiiiii tcp=127.0.0.1:8001 ] [ name=WWWWWWWWWWWWWWW tcp=127.0.0.1:8002 ] repeat=5 [ many=10@{i} ]",
    );
    let picture = scene.portolan().args("-o svg").run().text().to_owned();
    let facts = browse(&scene, &[written(&scene, "chart.svg", &picture)]).remove(0);
    assert_eq!(facts["overflows"], serde_json::json!([]), "{facts}");
    assert_eq!(facts["requests"].as_array().map(Vec::len), Some(1), "{facts}");
}
