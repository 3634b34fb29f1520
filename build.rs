//! Records what `portolan --version` tells of its build: the target, and the commit of a release build.
//!
//! Needs nothing but the standard library. Without git, or outside a checkout, the commit is that of the package, if cargo
//! recorded one, and else it is left out.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=PORTOLAN_TARGET={}", env::var("TARGET").unwrap_or_default());

    // A commit must not rebuild the whole crate while it is developed, and a stale one would be a lie.
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if is_release { commit() } else { None };
    println!("cargo:rustc-env=PORTOLAN_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that is built, with a mark if the checkout differs from it.
fn commit() -> Option<String> {
    let root = env::var("CARGO_MANIFEST_DIR").ok()?;
    let root = Path::new(&root);
    if let Ok(recorded) = fs::read_to_string(root.join(".cargo_vcs_info.json")) {
        return recorded_commit(&recorded);
    }

    // A package below another repository, such as that of a home directory, has no commit of its own.
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(root, &["rev-parse", "--git-path", path]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    for path in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }

    let commit = git(root, &["rev-parse", "--short=12", "HEAD"])?;
    let changes =
        git(root, &["status", "--porcelain", "--untracked-files=no", "--", "src", "Cargo.toml", "Cargo.lock"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit} with changes") })
}

/// The commit in the file that `cargo package` adds.
fn recorded_commit(text: &str) -> Option<String> {
    let hash = text.split("\"sha1\"").nth(1)?.split('"').nth(1)?;
    Some(hash.get(..12)?.to_owned())
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).current_dir(root).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
