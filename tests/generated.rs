//! The completion scripts and manual pages that are checked in are the ones that the command line gives.
//!
//! `REGENERATE=1 cargo test --test generated` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPTS: [(&str, &str); 5] = [
    ("bash", "portolan.bash"),
    ("elvish", "portolan.elv"),
    ("fish", "portolan.fish"),
    ("powershell", "portolan.ps1"),
    ("zsh", "_portolan"),
];

/// Files by name.
type Files = BTreeMap<String, String>;

fn portolan(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portolan")).args(args).env_clear().output().unwrap();
    assert!(output.status.success(), "portolan {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn read(directory: &Path) -> Files {
    let Ok(entries) = fs::read_dir(directory) else { return Files::new() };
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// Holds what is checked in under `name` against what is generated, or puts it there.
#[track_caller]
fn is_current(name: &str, generated: &Files) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("REGENERATE").is_some() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        for (name, text) in generated {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    let committed = read(&directory);
    let names = generated.keys().chain(committed.keys().filter(|&name| !generated.contains_key(name)));
    let stale: Vec<&String> = names.filter(|&name| generated.get(name) != committed.get(name)).collect();
    assert!(
        stale.is_empty(),
        "{name}/ no longer is what the command line gives: {stale:?}\n\
         write it anew with: REGENERATE=1 cargo test --test generated"
    );
}

#[test]
fn completions_are_current() {
    let script = |&(shell, name): &(&str, &str)| (name.to_owned(), portolan(&["completions", shell]));
    is_current("completions", &SCRIPTS.iter().map(script).collect());
}

#[test]
fn manual_pages_are_current() {
    let directory = std::env::temp_dir().join(format!("portolan-man-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    portolan(&["man", &directory.to_string_lossy(), "--quiet"]);
    let pages = read(&directory);
    fs::remove_dir_all(&directory).unwrap();
    is_current("man", &pages);
}
