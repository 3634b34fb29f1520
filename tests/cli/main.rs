//! The real binary, run as a user runs it: what it prints where, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod commands;
mod drift;
mod hand_to;
mod help;
mod holders;
mod install;
mod outputs;
mod resolve;
mod secrets;
mod settings;
mod settings_files;
mod streams;
mod tables;
mod usage;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a run of portolan left behind.
#[derive(Debug, PartialEq, Eq)]
struct RunOutput {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for RunOutput {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("portolan writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// portolan with an empty environment, in a directory of its own that goes when this does.
struct Portolan {
    directory: PathBuf,
    command: Command,
}

impl Portolan {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("portolan-cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.env_clear().current_dir(&directory);
        Self { directory, command }
    }

    fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file beside it.
    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }

    /// A copy of the program that every user may run: the build's own directory may be closed to them.
    ///
    /// `cp` writes it: a file that this process has open for writing while another test starts a program cannot be run
    /// ("text file busy").
    fn public_copy(&self) -> PathBuf {
        let copy = self.path("portolan");
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_portolan")).arg(&copy).status();
        assert!(copied.unwrap().success(), "the program is copied");
        copy
    }

    fn run(mut self) -> RunOutput {
        self.command.output().unwrap().into()
    }

    /// Runs what must be refused: code 2, nothing on stdout, and exactly these two lines.
    #[track_caller]
    fn refuses(self, error: &str, hint: &str) {
        let expected = RunOutput {
            code: Some(2),
            stdout: String::new(),
            stderr: format!("error: cannot use {error}\nhint: {hint}\n"),
        };
        assert_eq!(self.run(), expected);
    }
}

impl Drop for Portolan {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// portolan with these words, split at spaces.
fn portolan(words: &str) -> Portolan {
    Portolan::new().args(words.split_whitespace())
}

/// portolan with this settings file.
fn with_settings(text: &str, words: &str) -> Portolan {
    portolan("--config c.toml").args(words.split_whitespace()).file("c.toml", text)
}
