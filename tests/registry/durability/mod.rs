//! What was acknowledged survives: killed processes, lost power, full and broken disks.
//!
//! The tests that need mounts or signals run this program again, as `workload::…` in a process and a mount namespace of its
//! own. What it prints is what was acknowledged.

mod disks;
mod history;
mod kills;
mod syscalls;
mod workload;

use std::path::Path;
use std::process::Command;

use crate::support::tool;

/// This program, running one of its workloads in `folder`.
fn workload(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    set_up(&mut command, name, folder);
    command
}

fn set_up(command: &mut Command, name: &str, folder: &Path) {
    let test = format!("durability::workload::{name}");
    command.args(["--exact", &test, "--ignored", "--nocapture"]).env("PORTOLAN_STORE", folder);
}

/// Runs a workload in a mount namespace of its own, and fails if it does.
fn in_mount_namespace(name: &str, folder: &Path) {
    let mut command = tool("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    set_up(&mut command, name, folder);

    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{name}: {said}");
}
