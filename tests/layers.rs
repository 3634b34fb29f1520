//! Who may import whom: the house rule that makes one-file additions safe.
//!
//! ```text
//! 4  cli                             -> everything
//! 3  server  client                  -> source health catalog store balance output engine net model error
//! 2  health -> catalog check engine net model error      catalog -> balance engine model error
//! 1  source  check  balance  store  output  -> probe net engine model error        (never each other)
//! 0  probe -> net engine model error    net -> engine model error    engine, settings, model -> error
//! ```
//! `error` and `clean` stand below all of them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder (or file) of `src` may import, beside itself, `error` and `clean`.
const MAY: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "client", "server", "health", "catalog", "source", "check", "balance", "store", "output", "probe", "net",
            "engine", "model", "settings",
        ],
    ),
    ("server", &["source", "health", "catalog", "store", "balance", "output", "engine", "net", "model"]),
    ("client", &["source", "health", "catalog", "store", "balance", "output", "engine", "net", "model"]),
    ("health", &["catalog", "check", "engine", "net", "model"]),
    ("catalog", &["balance", "engine", "model"]),
    ("source", &["probe", "net", "engine", "model"]),
    ("check", &["probe", "net", "engine", "model"]),
    ("balance", &["probe", "net", "engine", "model"]),
    ("store", &["probe", "net", "engine", "model"]),
    ("output", &["probe", "net", "engine", "model"]),
    ("probe", &["net", "engine", "model"]),
    ("net", &["engine", "model"]),
    ("engine", &[]),
    ("settings", &[]),
    ("model", &[]),
    ("error", &[]),
    ("clean", &[]),
];

/// Below everything: how things fail, and how foreign text is shown.
const BOTTOM: [&str; 2] = ["error", "clean"];

/// The imports of a source file that its folder may not have. `path` is relative to `src`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let module: Vec<&str> = path.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let home = module[0];
    // The map of the crate, and the door of the binary.
    if matches!(home, "lib" | "main") {
        return Vec::new();
    }
    let Some((_, may)) = MAY.iter().find(|(name, _)| *name == home) else {
        return vec![format!("{path}: no rule says what `{home}` may import")];
    };
    let used = imports(&module, &without_comments(text));
    let allowed = |name: &str| name == home || may.contains(&name) || (BOTTOM.contains(&name) && (home != "clean"));
    used.iter().filter(|name| !allowed(name)).map(|name| format!("{path}: `{home}` may not import `{name}`")).collect()
}

/// The top-level modules that a file names, by `crate::…` or by enough `super::…`, in imports and in paths.
fn imports(module: &[&str], text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        names_at(&text[at + "crate::".len()..], &mut found);
    }
    for (at, _) in text.match_indices("super::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c == ':' || c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at..];
        let ups = rest.split("super::").take_while(|part| part.is_empty()).count();
        // A module inside the file (tests) needs one `super` to reach the file itself; it cannot be told from the
        // text alone, so the strict reading counts.
        if ups >= module.len() {
            names_at(&rest[ups * "super::".len()..], &mut found);
        }
    }
    // `super::*` in the tests of a top-level file.
    found.remove("");
    found
}

/// The first names of `a::b`, or of each member of `{a::b, c}`.
fn names_at(text: &str, found: &mut BTreeSet<String>) {
    let first =
        |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned();
    let Some(group) = text.strip_prefix('{') else {
        found.insert(first(text));
        return;
    };
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.insert(first(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_import_goes_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks");
    let broken: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            violations(&path, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn planted_violations_are_caught() {
    for (path, text) in [
        ("source/local/mod.rs", "use crate::output::Format;"),
        ("source/local/mod.rs", "use crate::{model::Service, output::{Format, Page}};"),
        ("source/local/walk.rs", "fn f() { crate::cli::main(); }"),
        ("output/json.rs", "use super::super::source::Source;"),
        ("output/mod.rs", "use super::source::Source;"),
        ("model/ports.rs", "pub use crate::engine::Pool;"),
        ("engine/pool.rs", "use crate::model::Service;"),
        ("clean.rs", "use crate::error::Error;"),
        ("settings.rs", "use crate::cli::parse;"),
        ("newcomer/mod.rs", "fn f() {}"),
    ] {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn what_the_rule_allows_passes() {
    for (path, text) in [
        ("cli/discover.rs", "use crate::{output::Page, source::Source, settings};"),
        ("source/local/mod.rs", "use crate::model::Service; use crate::error::Result; use super::ItemSink;"),
        ("source/local/walk.rs", "use super::process; use super::super::ItemSink; // crate::cli is not meant"),
        ("output/json.rs", "use crate::clean::Untrusted;"),
        ("error.rs", "use crate::clean::clean;"),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
