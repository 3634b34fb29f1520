//! A scan that is stopped prints what it found, at once, and says that it is incomplete.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{HANG, Outcome, Scene, finish, hear, kill};
use crate::{assert_found, ports, truth, wired};

/// Moments in the course of a scan at which it is stopped.
const STEPS: u32 = 100;

#[test]
fn at_any_moment_the_answer_is_valid_and_honest() {
    let scene = Scene::new();
    let fixture = scene.fixture("random=200@41,0.0.0.0");
    let truth: BTreeSet<u16> = truth(&fixture).into_iter().filter(|port| *port <= 20_000).collect();
    let scan = || scene.scan().args("-p 1-20000 127.0.0.1 --json");

    let (mut incomplete, mut life) = (0, Duration::ZERO);
    for step in 0..STEPS {
        // How long a life is depends on what else this machine is doing.
        if step % 10 == 0 {
            let begin = Instant::now();
            assert_eq!(scan().run().code, Some(0));
            life = begin.elapsed();
        }
        let child = scan().spawn();
        let pid = child.id();
        thread::sleep(life * step / STEPS);
        kill(pid, Signal::INT);
        let outcome = Outcome::new(hear(child, "a scan that was told to stop"));
        // Before the program has come to `main` the kernel's own action holds.
        if outcome.signal == Some(2) {
            assert!(outcome.stdout.is_empty(), "killed in the middle of its output");
            continue;
        }
        let document = outcome.document();
        let found = ports(&document, "open");
        assert!(found.is_subset(&truth), "false: {:?}", found.difference(&truth));
        match outcome.code {
            Some(0) => assert_eq!(document["complete"], true),
            Some(130) => {
                incomplete += u32::from(document["complete"] == false);
                assert!(document["complete"] == false || found == truth, "called whole, but is not");
            }
            other => panic!("exit {other:?}: {}", outcome.stderr),
        }
    }

    assert!(incomplete > 0, "in {STEPS} runs no signal came in the middle");
}

/// Where every port is silent the scan waits long, and is stopped while it waits.
#[test]
fn while_it_waits() {
    let (here, there) = wired();
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; policy drop; }'");
    let file = here.dir().join("file.json");
    let child =
        here.scan().args("-p- 10.77.0.2 --json --pace polite -o").arg(&format!("json={}", file.display())).spawn();
    let pid = child.id();
    // Its connections wait for replies.
    here.sh("timeout 60 sh -c 'until ss -Htn state syn-sent | grep -q .; do sleep 0.05; done'");
    assert!(!file.exists(), "the file appears only when it is complete");

    kill(pid, Signal::INT);
    let outcome = Outcome::new(hear(child, "a scan that waits"));
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(130), &false.into()), "{}", outcome.stderr);
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(written, outcome.document(), "the file says the same");

    assert!(outcome.stderr.contains("not scanned"), "{}", outcome.stderr);
}

#[test]
fn a_deadline_ends_it_and_says_so() {
    let (here, there) = wired();
    let fixture = there.fixture("tcp=0.0.0.0:22");
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport != 22 drop'");
    // The most common ports come first, and at this rate two are probed before the end.
    let outcome = here.scan().args("-p 22,60000-65000 10.77.0.2 --json --rate 20 --deadline 500ms").run();
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.document();
    assert_eq!(document["complete"], false);
    assert_found(&ports(&document, "open"), &truth(&fixture));
    assert!(outcome.stderr.contains("the --deadline has passed"), "{}", outcome.stderr);
    assert!(document["errors"][0]["what"].as_str().unwrap().ends_with("of 5002 ports"), "{document}");
}

#[test]
fn results_are_seen_while_the_scan_goes_on() {
    use std::io::{BufRead, BufReader};
    let (here, there) = wired();
    let _fixture = there.fixture("tcp=0.0.0.0:22");
    there.sh("nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c tcp dport != 22 drop'");

    for format in ["name", "ndjson", "csv"] {
        let scan = here.scan().args("-p 22,60000-65000 10.77.0.2 --pace polite --output").arg(format);
        let mut child = scan.spawn();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("10.77.0.2:22") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "{format}: the end came before the row");
        }
        assert_eq!(child.try_wait().unwrap(), None, "{format}: it has ended already");
        child.stdout = Some(out.into_inner());
        kill(child.id(), Signal::INT);
        assert_eq!(Outcome::new(hear(child, "a scan that streams")).code, Some(130));
    }
}

/// Whatever ends a scan, the file holds every line that a reader could see of it; only the last one may be cut off.
#[test]
fn lines_of_a_file_survive_the_kill_of_a_scan() {
    let (here, there) = wired();
    let _fixture = there.fixture("random=200@44,0.0.0.0");
    for least in [1, 100_000, 500_000] {
        let file = here.dir().join(format!("lines-{least}"));
        let output = format!("ndjson={}", file.display());
        let mut child = here.scan().args("-p- 10.77.0.2 --all --rate 10000 --output").arg(&output).spawn();
        let begin = Instant::now();
        while std::fs::metadata(&file).map_or(0, |metadata| metadata.len()) < least {
            assert_eq!(child.try_wait().unwrap(), None, "it has ended already");
            assert!(begin.elapsed() < HANG, "the file does not grow");
            thread::sleep(Duration::from_millis(5));
        }
        let seen = std::fs::read_to_string(&file).unwrap();
        kill(child.id(), Signal::KILL);
        assert_eq!(Outcome::new(hear(child, "a killed scan")).signal, Some(9));

        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&seen), "lines that were there are gone");
        let whole: Vec<&str> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        let ids: BTreeSet<String> = whole
            .iter()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(!whole.is_empty() && ids.len() == whole.len(), "{} of {} lines", ids.len(), whole.len());
    }
}

/// Waits until a scan has a thread of that name.
pub fn until_thread(pid: u32, name: &str) {
    let names = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let begin = Instant::now();
    while !names()
        .any(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|known| known.trim_end() == name))
    {
        assert!(begin.elapsed() < Duration::from_mins(1), "it has no such thread");
        thread::yield_now();
    }
}

/// Standard input stays silent, and the other end of the FIFO is never opened.
#[test]
fn while_targets_do_not_come() {
    let scene = Scene::new();
    let fifo = scene.dir().join("fifo");
    scene.sh(&format!("mkfifo {}", fifo.display()));
    for target in ["-".to_owned(), format!("@{}", fifo.display())] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let mut command = scene.scan().arg(&target).args("-p 80 --json").command();
            let mut child =
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let unwritten = child.stdin.take();
            until_thread(child.id(), "targets");
            kill(child.id(), signal);
            let outcome = Outcome::new(hear(child, "a scan without targets"));
            drop(unwritten);
            assert_eq!(
                (outcome.code, &outcome.document()["complete"]),
                (Some(code), &false.into()),
                "{}",
                outcome.stderr
            );
            assert!(outcome.stderr.contains("cannot read all targets: the scan was stopped"), "{}", outcome.stderr);
        }
    }
    let mut command = scene.scan().args("- -p 80 --json --deadline 100ms").command();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let unwritten = child.stdin.take();
    let outcome = Outcome::new(hear(child, "a scan without targets"));
    drop(unwritten);
    assert_eq!((outcome.code, &outcome.document()["complete"]), (Some(3), &false.into()), "{}", outcome.stderr);
    let why = "cannot read all targets: the --deadline has passed";

    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
}

/// The reader takes nothing: the scan still ends, at its time limit or on a signal.
#[test]
fn a_reader_that_never_reads_holds_up_no_end() {
    let scene = Scene::new();
    let run = |args: &str, signal: Option<Signal>| {
        let mut child = scene.scan().args("-p- 127.0.0.1 --all -o ndjson").args(args).spawn();
        let (unread, mut errors) = (child.stdout.take(), child.stderr.take().unwrap());
        if let Some(signal) = signal {
            until_thread(child.id(), "scan-0");
            kill(child.id(), signal);
        }
        let status = finish(child).expect("it hangs");
        drop(unread);
        let mut said = String::new();
        errors.read_to_string(&mut said).unwrap();
        (status.code(), said)
    };
    let (code, said) = run("--deadline 500ms", None);

    let expected = "error: cannot write to standard output: the reader has stopped reading\nhint: ";
    assert!(code == Some(3) && said.contains(expected), "{code:?} {said}");
    assert_eq!(run("", Some(Signal::INT)).0, Some(130));
}
