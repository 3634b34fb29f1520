//! A watched file: it may be replaced, become invalid, disappear, or come back.

use std::fs;

use rustix::process::Signal;

use crate::support::Scene;
use crate::watched::Watched;

fn service(name: &str, port: u16) -> String {
    format!("[[service]]\nname = \"{name}\"\nendpoints = [\"127.0.0.1:{port}\"]\n")
}

#[test]
fn file_changes_are_reported_as_differences_and_invalid_files_as_stale() {
    let scene = Scene::new();
    let path = scene.dir().join("services.toml");
    fs::write(&path, service("shop", 7001) + &service("store", 7002)).unwrap();
    let mut watched = Watched::start(scene.file().args("--interval 20ms").arg(path.to_str().unwrap()));
    let ids: Vec<String> = watched.history.ids().into_iter().map(ToOwned::to_owned).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    // Cut off in the middle, as by an editor that writes in place.
    let whole = service("shop", 7009);
    // Each is reported: after mending one mistake a user wants to see the next.
    for (broken, place) in [(&whole[..whole.len() / 2], ":3:3"), ("\0\u{1b}[2J", ":1:3"), ("service = 1", ":1:1")] {
        fs::write(&path, broken).unwrap();
        let line = watched.until(|line| line["type"] == "stale" && line["error"].to_string().contains(place));
        assert!(line["age_ms"].is_u64() && line["error"]["why"].is_string(), "{line}");
        assert_eq!(watched.history.ids(), ids, "what was known stays");
    }
    fs::write(&path, service("shop", 7001) + &service("store", 7002)).unwrap();
    watched.until(|line| line["type"] == "synced");
    fs::remove_file(&path).unwrap();
    watched.until(|line| line["type"] == "stale");
    fs::write(&path, &whole).unwrap();
    watched.until(|line| line["type"] == "synced");
    assert_eq!(watched.history.ids(), [ids[0].as_str()]);
    let (status, history) = watched.end(Signal::INT);
    assert_eq!(status.code(), Some(0));
    assert_eq!((history.count("added"), history.count("removed"), history.count("updated")), (2, 1, 1), "{history:?}");
}
