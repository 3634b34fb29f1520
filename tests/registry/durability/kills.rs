//! Killed processes.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::history::verify;
use super::workload;
use crate::support::{Lines, TempDir};

/// How often the process is killed.
const KILLS: u64 = 200;

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let folder = TempDir::new();
    let (mut acknowledged, mut sent) = (0, 0);

    for round in 0..KILLS {
        let mut child = workload("store_one_by_one", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(&mut child);
        // Some rounds are long enough for a checkpoint.
        let mut wanted = 1 + round % 15 + if round % 20 == 19 { 400 } else { 0 };
        while wanted > 0 {
            let line = lines.next().expect("the workload runs until it is killed");
            follow(&line, &mut acknowledged, &mut sent);
            wanted -= u64::from(line.starts_with("acknowledged"));
        }

        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
        while let Some(line) = lines.next() {
            follow(&line, &mut acknowledged, &mut sent);
        }
        // The last line may be cut off: one more change may have been sent than was read.
        acknowledged = verify(&folder.path().join("a.db"), acknowledged, sent + 1);
    }
    assert!(acknowledged >= KILLS);
}

fn follow(line: &str, acknowledged: &mut u64, sent: &mut u64) {
    if let Some(index) = line.strip_prefix("acknowledged ").and_then(|index| index.parse().ok()) {
        *acknowledged = index;
    }
    if let Some(index) = line.strip_prefix("sent ").and_then(|index| index.parse().ok()) {
        *sent = index;
    }
}
