//! Checks, scores and exit codes, against real peers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

mod addresses;
mod bad_input;
mod command;
mod der;
mod explain;
mod exporter;
mod figures;
mod formats;
mod grpc;
mod hostile;
mod http_client;
mod load;
mod matrix;
mod oracle;
mod peer;
#[path = "../peers/mod.rs"]
mod peers;
mod pki;
mod protocols;
mod score;
mod servers;
mod services_file;
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tls_servers;
mod verdicts;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The result of a run of portolan.
#[derive(Debug)]
struct RunOutput {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs portolan with an empty environment.
fn portolan(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> RunOutput {
    let output = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("portolan writes UTF-8");
    RunOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A test's own directory, removed when this is dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("portolan-validate-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
