//! Who may import whom: the house rule that makes one-file additions safe.
//!
//! ```text
//! 5  cli                                             -> everything
//! 4  drift                                           -> identify source net engine model
//! 4  server  client                                  -> registry identify health source catalog store balance output engine net model
//! 3  registry -> model    identify -> source probe net engine model    health -> catalog check source engine net model
//! 2  catalog -> balance engine model
//! 1  source  check  balance  store  output           -> probe net engine model        (never each other)
//! 0  probe -> net engine model    net -> engine model    engine, settings, model -> error
//! ```
//! `error` and `clean` stand below all of them. The map in `lib.rs` says the same, and no two modules of a room import each
//! other in a circle.

#![allow(clippy::unwrap_used)]

mod circles;
mod map;
mod paths;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::paths::{module_of, paths, without_comments};

/// What each folder (or file) of `src` may import, beside itself, `error` and `clean`.
const MAY: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "client", "server", "drift", "registry", "identify", "health", "catalog", "source", "check", "balance",
            "store", "output", "probe", "net", "engine", "model", "settings",
        ],
    ),
    (
        "server",
        &[
            "registry", "identify", "health", "source", "catalog", "store", "balance", "output", "engine", "net",
            "model",
        ],
    ),
    (
        "client",
        &[
            "registry", "identify", "health", "source", "catalog", "store", "balance", "output", "engine", "net",
            "model",
        ],
    ),
    ("drift", &["identify", "source", "net", "engine", "model"]),
    ("registry", &["model"]),
    ("identify", &["source", "probe", "net", "engine", "model"]),
    ("health", &["catalog", "check", "source", "engine", "net", "model"]),
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
    let module = module_of(path);
    let Some(home) = module.first() else {
        // The map of the crate, and the entry point of the binary.
        return Vec::new();
    };
    let Some((_, may)) = MAY.iter().find(|(name, _)| name == home) else {
        return vec![format!("{path}: no rule says what `{home}` may import")];
    };

    let used: BTreeSet<String> =
        paths(&module, &without_comments(text)).into_iter().filter_map(|path| path.into_iter().next()).collect();
    let is_allowed = |name: &str| name == home || may.contains(&name) || (BOTTOM.contains(&name) && (home != "clean"));

    used.iter()
        .filter(|name| !is_allowed(name))
        .map(|name| format!("{path}: `{home}` may not import `{name}`"))
        .collect()
}

/// Every source file, as its path below `src` and its text.
fn source_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks");

    let relative = |file: &PathBuf| file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|file| (relative(file), fs::read_to_string(file).unwrap())).collect()
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
    let broken: Vec<String> = source_files().iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Portolan's documents are read and written by the model alone: nothing else knows the name of their schema.
#[test]
fn one_place_knows_the_schema_of_documents() {
    let others = source_files().into_iter().filter(|(path, text)| {
        let is_test = path.contains("tests") || path.ends_with("_tests.rs");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        !path.starts_with("model/") && !is_test && without_comments(code).contains("portolan/v1")
    });
    let others: Vec<String> = others.map(|(path, _)| path).collect();
    assert!(others.is_empty(), "{others:?}");
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
