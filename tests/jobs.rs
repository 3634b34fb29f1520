//! The jobs of `tests/jobs`: what people come for, as commands with what must be in their output.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};

/// The jobs in each file.
const JOBS: usize = 12;

#[track_caller]
fn run(who: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_BIN_EXE_portolan"));
    // Examples are built with the tests, beside the program.
    let examples = program.parent().unwrap().join("examples");
    let mut command = Command::new("timeout");
    command.arg("300").arg(root.join("tests/jobs").join(who));
    let output = command.env("PORTOLAN", program).env("EXAMPLES", examples).stdin(Stdio::null()).output().unwrap();
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{who}: {}\n{said}", output.status);
    assert!(printed.contains(&format!("{JOBS} jobs")), "{who}: {printed}\n{said}");
}

#[test]
fn of_a_system_administrator() {
    run("sysadmin");
}

#[test]
fn of_a_developer() {
    run("developer");
}

#[test]
fn of_a_reliability_engineer() {
    run("sre");
}

#[test]
fn of_a_user_of_kubernetes() {
    run("kubernetes");
}

/// Needs the examples, which `cargo test` builds, and `cargo build --examples` before this program alone.
#[test]
fn of_a_rust_programmer() {
    run("rust");
}

#[test]
fn of_the_owner_of_a_laptop() {
    run("laptop");
}
