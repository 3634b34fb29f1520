//! What was acknowledged survives: killed processes, lost power, full and broken disks.
//!
//! The tests that need mounts or signals run this program again, as `workload::…` in a process and a mount namespace of its
//! own. What it prints is what was acknowledged.

mod disks;
mod history;
mod kills;
pub(crate) mod power;
mod syscalls;
mod workload;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::tool;

/// The variable that names the folder of a workload.
const FOLDER: &str = "PORTOLAN_STORE";

/// This program, running one of its workloads in `folder`.
fn workload(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    set_up(&mut command, name, folder);
    command
}

fn set_up(command: &mut Command, name: &str, folder: &Path) {
    run_test(command, &format!("durability::workload::{name}"), folder);
}

/// Adds to a command that is this program what makes it run one ignored test.
fn run_test(command: &mut Command, test: &str, folder: &Path) {
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(FOLDER, folder);
}

/// The folder of a workload; `None` if it is not run as one.
pub(crate) fn workload_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs an ignored test in a mount namespace of its own, and fails if it does.
pub(crate) fn in_mount_namespace(test: &str, folder: &Path) {
    let mut command = tool("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    run_test(&mut command, test, folder);

    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{test}: {said}");
}
