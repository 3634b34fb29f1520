//! A run that is stopped prints what it has and says that the listing is incomplete.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionread;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Listing, Outcome, Scene, Truth, finish, hear, kill};

/// The signal, its exit code, and the status of its default action.
const SIGNALS: [(Signal, i32, i32); 2] = [(Signal::INT, 130, 2), (Signal::TERM, 143, 15)];

const STEPS: u32 = 12;

/// A listing that takes a while.
fn large(scene: &Scene) -> crate::support::Fixture {
    scene.fixture("repeat=4 [ many=300@{i} fds=9000 ] repeat=100 [ fds=100 ]")
}

/// Runs `portolan -o FORMAT` and sends the signal after this much of its life.
fn stopped(scene: &Scene, format: &str, signal: Signal, after: Duration) -> Outcome {
    let child = scene.portolan().args("-o").args(format).spawn();
    let pid = child.id();
    thread::sleep(after);
    kill(pid, signal);
    Outcome::new(hear(child, "a portolan that was told to stop"))
}

/// A moment in the life of a run, the later the higher `step` is (below [`STEPS`]); how long a life is depends on what else
/// this machine is doing, so it is measured anew each time.
fn moment(scene: &Scene, format: &str, step: u32) -> Duration {
    let begin = Instant::now();
    assert_eq!(scene.portolan().args("-o").args(format).run().code, Some(0));
    begin.elapsed() * step / STEPS
}

/// What was printed is true, whole or not.
fn holds(document: &Value, truth: &Truth) {
    for (what, pids) in &Listing::new(document).truth().0 {
        assert!(truth.0.contains_key(what), "{what} is not there");
        assert!(pids.is_subset(&truth.0[what]), "{what}: {pids:?}");
    }
}

#[test]
fn at_any_moment_the_answer_is_valid_and_honest() {
    let scene = Scene::new();
    let fixture = large(&scene);
    for (signal, code, number) in SIGNALS {
        let mut incomplete = 0;
        for step in 0..STEPS {
            let outcome = stopped(&scene, "json", signal, moment(&scene, "json", step));
            // Before the program has come to `main` the kernel's own action holds.
            if outcome.signal == Some(number) {
                assert!(outcome.stdout.is_empty(), "killed in the middle of its output: {}", outcome.text().len());
                continue;
            }
            let document = outcome.document();
            holds(&document, &fixture.truth);
            match outcome.code {
                Some(0) => assert_eq!(document["complete"], true),
                Some(exit) if exit == code => {
                    incomplete += u32::from(document["complete"] == false);
                    let all = document["items"].as_array().unwrap().len() == fixture.truth.0.len();
                    assert!(document["complete"] == false || all, "called whole, but is not");
                }
                other => panic!("exit {other:?} after {signal:?}: {}", outcome.stderr),
            }
        }
        assert!(incomplete > 0, "in {STEPS} runs no {signal:?} came in the middle");
    }
}

#[test]
fn a_stopped_ndjson_stream_ends_with_an_error_line() {
    let scene = Scene::new();
    let fixture = large(&scene);
    let mut marked = 0;
    for step in 0..STEPS {
        let outcome = stopped(&scene, "ndjson", Signal::INT, moment(&scene, "ndjson", step));
        if outcome.signal == Some(2) {
            assert!(outcome.stdout.is_empty(), "killed in the middle of its output");
            continue;
        }
        let lines: Vec<Value> = outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        match lines.last().filter(|last| last["type"] == "end") {
            Some(end) => {
                assert_eq!((outcome.code, &end["complete"]), (Some(130), &Value::Bool(false)));
                marked += 1;
            }
            None => assert_eq!(lines.len(), fixture.truth.0.len(), "not whole, and nothing says so"),
        }
    }
    assert!(marked > 0, "no signal came in the middle");
}

#[test]
fn one_signal_ends_a_run_whose_reader_reads_no_more() {
    let scene = Scene::new();
    // More than any pipe takes.
    let _fixture = scene.fixture("repeat=4 [ many=300@{i} ]");
    for (signal, code, _) in SIGNALS {
        let mut child = scene.portolan().args("-o json").spawn();
        // Held, and never read from.
        let stdout = child.stdout.take().unwrap();
        let begin = Instant::now();
        let mut waiting = 0;
        // It is stuck once the pipe has stopped filling: room for less than a page is no room.
        while waiting < 60 * 1024 {
            waiting = ioctl_fionread(&stdout).unwrap();
            assert!(begin.elapsed() < Duration::from_mins(1), "it never wrote so much");
            thread::yield_now();
        }
        kill(child.id(), signal);
        assert_eq!(finish(child).and_then(|status| status.code()), Some(code), "{signal:?}");
        drop(stdout);
    }
}
