//! The programs in `examples/`, for the tests that run them.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder of the examples, built as this test is. Cargo builds them only for a whole `cargo test`, so a single test
/// program asks for them again, which is quick where nothing changed.
pub fn examples() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();

    FOLDER.get_or_init(|| {
        let program = env::current_exe().unwrap();
        let target = program.parent().and_then(|deps| deps.parent()).unwrap();
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--examples", "--manifest-path"]);
        build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        if target.ends_with("release") {
            build.arg("--release");
        }
        if cfg!(feature = "grpc") {
            build.args(["--features", "grpc"]);
        }

        // What cargo sets for a test of its package, build scripts would take for a change.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                build.env_remove(name);
            }
        }
        assert!(build.stdin(Stdio::null()).status().unwrap().success(), "cargo builds the examples");
        target.join("examples")
    })
}
