//! Without the command the library is slim: a service that embeds it gets no argument parser, table or terminal.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

/// What only the command needs.
const COMMAND_ONLY: [&str; 10] = [
    "clap",
    "clap_complete",
    "clap_mangen",
    "comfy-table",
    "indicatif",
    "crossterm",
    "ratatui",
    "signal-hook",
    "roff",
    "shlex",
];
/// The most crates that the slim library may have, itself among them.
const MAX_CRATES: usize = 168;

/// The crates that a build with these arguments links, by name and version.
fn crates(args: &[&str]) -> BTreeSet<String> {
    let mut tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"]).args(args);
    let out = tree.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_library_without_the_command_has_few_crates() {
    let slim = crates(&["--no-default-features"]);

    let needless: Vec<&String> =
        slim.iter().filter(|name| COMMAND_ONLY.contains(&name.split(' ').next().unwrap())).collect();
    assert!(needless.is_empty(), "{needless:?}");
    assert!(slim.len() <= MAX_CRATES, "{} crates, at most {MAX_CRATES}", slim.len());
    assert!(crates(&[]).len() > slim.len() + 50, "the command has crates of its own");
}
