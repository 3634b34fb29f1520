//! `--resume`: a stopped scan continues where it was, and probes nothing twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{HANG, Outcome, Portolan, Scene, hear, kill};
use crate::{assert_found, ports, truth};

const ALL: u64 = 65_535;

/// How many ports a run probed, by its summary.
fn asked(stderr: &str) -> u64 {
    let line = stderr.lines().find(|line| line.contains(" of 1 host: ")).unwrap_or_else(|| panic!("{stderr}"));
    let numbers = line.split_once(": ").unwrap().1.split([',', ';']).map(str::trim);
    let count = |part: &str| part.split_once(' ').unwrap().0.parse::<u64>().unwrap();
    let (before, counted): (Vec<_>, Vec<_>) =
        numbers.filter(|part| !part.ends_with("not scanned")).partition(|part| part.ends_with("before"));
    // The counts are those of the whole scan, earlier runs included.
    counted.into_iter().map(count).sum::<u64>() - before.into_iter().map(count).sum::<u64>()
}

fn until_it_is_there(path: &Path) {
    let begin = Instant::now();
    while !path.exists() {
        assert!(begin.elapsed() < HANG, "no {}", path.display());
        thread::yield_now();
    }
}

fn scan<'s>(scene: &'s Scene, words: &str) -> (Portolan<'s>, std::path::PathBuf) {
    let file = scene.dir().join("resume");
    let scan = scene.scan().args(words).args("--json --resume").arg(file.to_str().unwrap());
    (scan, file)
}

#[test]
fn stopped_at_any_moment_it_asks_everything_once_and_finds_it_all() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=200@43,0.0.0.0");
    let (mut next, file) = scan(&scene, "-p- 127.0.0.1 --rate 60000");
    let (mut sum, mut runs) = (0, 0);
    for wait in [50, 300, 120, 5, 200].into_iter().cycle() {
        let child = next.spawn();
        let pid = child.id();
        until_it_is_there(&file);
        thread::sleep(Duration::from_millis(wait));
        kill(pid, Signal::INT);
        let outcome = Outcome::new(hear(child, "a scan that was told to stop"));
        // Before the program has come to `main` the kernel's own action holds.
        if outcome.signal == Some(2) {
            continue;
        }
        assert_eq!(
            outcome.stderr.lines().last().unwrap().starts_with("to continue: "),
            file.exists(),
            "{}",
            outcome.stderr
        );
        runs += 1;
        sum += asked(&outcome.stderr);
        let (document, found) = (outcome.document(), ports(&outcome.document(), "open"));
        assert!(found.is_subset(&truth(&fixture)), "false: {:?}", found.difference(&truth(&fixture)));
        assert_eq!(document["complete"].as_bool().unwrap(), !file.exists());
        if !file.exists() {
            assert_found(&found, &truth(&fixture));
            break;
        }
        // The file holds the rest of the command.
        next = scan(&scene, "--rate 60000").0;
    }
    assert_eq!((sum, runs > 1), (ALL, true), "in {runs} runs");
}

#[test]
fn a_crash_costs_no_result() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=200@44,0.0.0.0");
    let (first, file) = scan(&scene, "-p- 127.0.0.1 --rate 20000");
    let child = first.spawn();
    let pid = child.id();
    until_it_is_there(&file);
    let begin = Instant::now();
    let held = || serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap();
    let done = || held()["parts"][0]["done"].as_str().unwrap().len();
    while done() < 100 {
        assert!(begin.elapsed() < HANG, "the file does not grow");
        thread::sleep(Duration::from_millis(20));
    }
    kill(pid, Signal::KILL);
    assert_eq!(hear(child, "a scan that was killed").status.code(), None);
    let outcome = scan(&scene, "").0.run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(asked(&outcome.stderr) < ALL, "it began anew: {}", outcome.stderr);
    let found = ports(&outcome.document(), "open");
    assert_found(&found, &truth(&fixture));
    assert_eq!(outcome.document()["items"].as_array().unwrap().len(), found.len(), "a port is listed twice");
    assert!(!file.exists());
}

#[test]
fn a_deadline_is_a_stop_too_and_names_come_back() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:22");
    let outcome = scan(&scene, "localhost -4 -p 22,1000-2000 --rate 500 --deadline 200ms --all").0.run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let outcome = scan(&scene, "--all").0.run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.document();
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 1002);
    // The counts are those of the whole scan, and not of its last part.
    assert!(outcome.stderr.contains("1002 ports of 1 host: 1 open, 1001 closed; "), "{}", outcome.stderr);
    let of = |what: &str| document["hosts"][0][what].clone();
    assert_eq!([of("open"), of("closed"), of("not_tried")], [1, 1001, 0].map(Value::from));
    assert!(items.iter().all(|item| item["detail"]["host"] == "localhost"), "{document}");
    let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1002);
}

#[test]
fn an_invalid_resume_file_is_refused() {
    let scene = Scene::new();
    let (stopped, file) = scan(&scene, "127.0.0.1 -p 1-500 --rate 100 --deadline 100ms");
    assert_eq!(stopped.run().code, Some(3));
    let good = fs::read_to_string(&file).unwrap();
    let refused = |words: &str, text: Option<&str>, why: &str| {
        text.map_or_else(|| fs::remove_file(&file), |text| fs::write(&file, text)).unwrap();
        let outcome = scan(&scene, words).0.run();
        assert_eq!((outcome.code, outcome.text()), (Some(2), ""), "{}", outcome.stderr);
        let mut lines = outcome.stderr.lines();
        let error = format!("error: cannot use --resume '{}': {why}", file.display());
        assert_eq!((lines.next(), lines.next().unwrap().starts_with("hint: ")), (Some(&*error), true));
        assert_eq!(lines.next(), None);
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), text, "it is left as it was");
    };
    let foreign = "it is not a resume file of this version";
    let other = "the scan in it has other targets or ports";
    for text in ["", "{}", "portolan\n", &good[..good.len() / 2], &good.replace("resume/v3", "resume/v4")] {
        refused("", Some(text), foreign);
    }
    refused("", Some(&good.replace("127.0.0.1", "127.0.0.300")), foreign);
    refused("", Some(&good.replace("\"done\":\"", "\"done\":\"zz")), foreign);
    refused("", Some(&good.replace("\"done\":\"", &format!("\"done\":\"{}", "f".repeat(16 * 9)))), foreign);
    refused("127.0.0.2", Some(&good), other);
    refused("127.0.0.1 -p 1-501", Some(&good), other);
    refused("", None, "the file does not exist, and there is no target");
    fs::write(&file, &good).unwrap();
    assert_eq!(scan(&scene, "127.0.0.1 -p 1-500").0.run().code, Some(0), "the same words again are right");
    let folder = scene.scan().args("127.0.0.1 -p 1 --resume").arg(scene.dir().join("gone/x").to_str().unwrap()).run();
    assert_eq!(folder.code, Some(2), "{}", folder.stderr);
}
