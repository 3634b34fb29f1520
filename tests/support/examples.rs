//! The programs in `examples/` and the fixture, for the tests that run them.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder of the examples, built as this test is. Cargo builds them only for a whole `cargo test`, so a single test
/// program asks for them again, which is quick where nothing changed.
pub fn examples() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();

    FOLDER.get_or_init(|| build(&["--examples"]))
}

/// Builds examples with the profile and the features of this test: with others, the whole library would be built once more.
/// Returns their folder.
pub fn build(which: &[&str]) -> PathBuf {
    let program = env::current_exe().unwrap();
    let target = program.parent().and_then(|deps| deps.parent()).unwrap();
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).args(which);
    if target.ends_with("release") {
        build.arg("--release");
    }
    if cfg!(feature = "grpc") {
        build.args(["--features", "grpc"]);
    }

    // What cargo tells a test of its package, ring's build script would take for a change, and all that needs ring would be
    // built anew: here, and by the next command again.
    for (name, _) in env::vars_os() {
        let of_cargo = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];
        if name.to_str().is_some_and(|name| of_cargo.iter().any(|prefix| name.starts_with(prefix))) {
            build.env_remove(name);
        }
    }
    assert!(build.stdin(Stdio::null()).status().unwrap().success(), "cargo cannot build {which:?}");
    target.join("examples")
}
