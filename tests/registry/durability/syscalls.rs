//! What the kernel is asked to do, and what happens when it refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::history::verify;
use super::set_up;
use crate::serve::{Server, wait_until};
use crate::support::{TempDir, output, tool};

/// How many changes a traced workload stores.
const CHANGES: u64 = 20;

/// `strace` of the workload that stores one change after the other.
fn traced(folder: &Path, options: &[&str]) -> (Command, std::path::PathBuf) {
    let log = folder.join("trace");
    let mut command = tool("strace");
    command.args(["-f", "-y", "-o"]).arg(&log).args(options).arg(std::env::current_exe().unwrap());
    set_up(&mut command, "store_one_by_one", folder);
    command.env("PORTOLAN_CHANGES", CHANGES.to_string());
    (command, log)
}

/// Durability: an acknowledgement before the disk has the change would be a lie that only a loss of power uncovers.
#[test]
fn each_acknowledgement_comes_after_the_log_is_on_the_disk() {
    let folder = TempDir::new();
    let (mut command, log) = traced(folder.path(), &["-e", "trace=pwrite64,fsync,fdatasync,write"]);
    assert!(output(&mut command).status.success());

    let acknowledged =
        synced_acknowledgements(&log, |line| line.contains("write(1") && line.contains("\"acknowledged "));
    assert_eq!(acknowledged, CHANGES);
}

/// The same of a server: `201` comes after the sync of the log that the registration was written to.
#[test]
fn each_created_of_a_server_comes_after_the_log_is_on_the_disk() {
    let folder = TempDir::new();
    let (log, data) = (folder.path().join("trace"), folder.path().join("a.db"));
    // With -D the server is the process that the test started, and strace one of its descendants.
    let calls = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg";
    let strace = ["strace", "-D", "-f", "-y", "-o", log.to_str().unwrap(), "-e", calls];
    let server = Server::under(&strace, ["--data", data.to_str().unwrap()]);
    for change in 1..=CHANGES {
        let registered =
            server.register(&format!(r#"{{"id":"i{change}","name":"web","address":"10.0.0.1","port":80}}"#));
        assert_eq!(registered["index"], change);
    }
    assert!(server.stop().success());
    wait_until(|| fs::read_to_string(&log).unwrap().contains("+++ exited with 0 +++"));

    let acknowledged = synced_acknowledgements(&log, |line| line.contains("\"HTTP/1.1 201"));
    assert_eq!(acknowledged, CHANGES);
}

/// How many acknowledgements a trace has. Each must come after a sync of its own of everything that was written to the log.
#[track_caller]
fn synced_acknowledgements(trace: &Path, is_acknowledgement: impl Fn(&str) -> bool) -> u64 {
    let trace = fs::read_to_string(trace).unwrap();
    let (mut is_dirty, mut syncs, mut acknowledged) = (false, 0, 0);
    // The threads in a sync of the log that others have interrupted in the trace.
    let mut syncing = BTreeSet::new();
    for line in trace.lines() {
        let of_log = line.contains("a.db-wal>");
        if of_log && line.contains("pwrite64(") {
            is_dirty = true;
        }
        let thread = line.split(' ').next();
        let is_sync = of_log && (line.contains("fsync(") || line.contains("fdatasync("));
        if is_sync && line.ends_with("<unfinished ...>") {
            syncing.insert(thread);
        }
        let is_end = is_sync || (line.contains("sync resumed>") && syncing.remove(&thread));
        if is_end && line.ends_with("= 0") {
            (is_dirty, syncs) = (false, syncs + 1);
        }
        if is_acknowledgement(line) {
            acknowledged += 1;
            assert!(!is_dirty, "acknowledged before the log was synced: {line}");
            assert!(syncs >= acknowledged, "acknowledgement {acknowledged} after {syncs} syncs");
        }
    }
    assert!(
        trace.contains("fdatasync("),
        "SQLite was built without .cargo/config.toml: each commit costs twice the time"
    );
    acknowledged
}

/// Each write and each sync of the store fails once: that change is refused, those before and after it are there.
#[test]
fn a_failed_write_or_sync_refuses_its_change_and_nothing_else() {
    let mut refusals = 0;
    for call in ["pwrite64", "fdatasync,fsync"] {
        for when in 6..=40 {
            let folder = TempDir::new();
            let inject = format!("inject={call}:error=EIO:when={when}");
            let (mut command, _) = traced(folder.path(), &["-e", "trace=pwrite64,fdatasync,fsync", "-e", &inject]);
            let ran = output(&mut command);
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            if !ran.status.success() {
                // The database could not even be opened.
                assert!(String::from_utf8_lossy(&ran.stderr).contains("Inaccessible"), "{call} {when}: {said}");
                continue;
            }

            let of = |word: &str| said.lines().filter(|line| line.starts_with(word)).count();
            let last = said.lines().filter_map(|line| line.strip_prefix("acknowledged ")).next_back().unwrap();
            let refused: Vec<&str> = said.lines().filter(|line| line.starts_with("refused")).collect();
            assert!(refused.len() <= 1, "{call} {when}: {said}");
            assert_eq!(of("acknowledged") + refused.len(), usize::try_from(CHANGES).unwrap(), "{call} {when}: {said}");
            for line in &refused {
                assert_eq!(*line, "refused cannot store the change: disk I/O error", "{call} {when}");
            }
            refusals += refused.len();

            let last: u64 = last.parse().unwrap();
            verify(&folder.path().join("a.db"), last, last + 1);
        }
    }
    assert!(refusals >= 20, "only {refusals} of the faults reached a change");
}

/// The log is copied into the database by a thread of its own. Writes and syncs of the database fail again and again: no change
/// is refused for that, the whole log is copied again, and nothing is lost.
#[test]
fn a_failed_checkpoint_refuses_nothing_and_begins_anew() {
    for (call, when) in [("pwrite64", "20+400"), ("fdatasync,fsync", "5+7")] {
        let folder = TempDir::new();
        let database = folder.path().join("a.db");
        let inject = format!("inject={call}:error=EIO:when={when}");
        let only = database.to_str().unwrap();
        let options = ["-P", only, "-e", "trace=openat,pwrite64,fdatasync,fsync", "-e", &inject];
        let (mut command, log) = traced(folder.path(), &options);
        // Longer than the time after which a failed checkpoint is retried.
        command.env("PORTOLAN_CHANGES", "600").env("PORTOLAN_SECONDS", "3");
        let ran = output(&mut command);
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{call}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(!said.contains("refused"), "{call}: {said}");

        let trace = fs::read_to_string(log).unwrap();
        assert!(trace.contains("(INJECTED)"), "{call}: no checkpoint failed");
        let opened = trace.lines().filter(|line| line.contains("openat(") && line.contains("a.db\"")).count();
        // It is made, and opened by the writer, by the thread, and to be synced.
        assert!(opened > 4, "{call}: it was never opened anew: {trace}");
        let last = said.lines().filter_map(|line| line.strip_prefix("acknowledged ")).next_back().unwrap();
        let last: u64 = last.parse().unwrap();
        assert_eq!(verify(&database, last, last), last);
    }
}
