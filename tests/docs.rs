//! The documents for contributors are true: every path that they name exists, and every item is in the file they name.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The documents that are held to it, beside those of `docs/decisions`.
const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/// A path begins with one of these.
const FOLDERS: [&str; 6] = ["src/", "tests/", "benches/", "fuzz/", "docs/", "packaging/"];

/// What the five-minute example of CONTRIBUTING.md has the reader write.
const TO_WRITE: [&str; 1] = ["src/source/hosts.rs"];

/// What a document names: a path, and perhaps an item in that file.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    path: String,
    item: Option<String>,
}

/// The references in a text: `src/net/dial.rs`, `src/net/dial.rs::dial`, `tests/peers/`.
fn references(text: &str) -> Vec<Reference> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !"/._-:".contains(c));
    let paths = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
    let references = paths.map(|word| {
        let (path, item) = word.split_once("::").map_or((word, None), |(path, item)| (path, Some(item)));
        let path = path.trim_end_matches(['.', ':', '-']);
        Reference { path: path.to_owned(), item: item.map(|item| item.trim_end_matches(['.', ':']).to_owned()) }
    });
    // NAME and DATE stand for something.
    let is_placeholder =
        |reference: &Reference| reference.path.split(['/', '-', '.']).any(|part| part == "NAME" || part == "DATE");
    references.filter(|reference| !is_placeholder(reference) && !TO_WRITE.contains(&reference.path.as_str())).collect()
}

/// Why a reference is wrong; nothing if it is right.
fn mistake(root: &Path, Reference { path, item }: &Reference) -> Option<String> {
    let place = root.join(path);
    let Some(item) = item else {
        // A test program is a file or a folder.
        let exists = place.exists() || root.join(format!("{path}.rs")).exists();
        return (!exists).then(|| format!("{path} does not exist"));
    };
    let Ok(text) = fs::read_to_string(&place) else {
        return Some(format!("{path} does not exist"));
    };

    let declares = |keyword: &str| {
        text.match_indices(&format!("{keyword} {item}")).any(|(at, found)| {
            let next = text[at + found.len()..].chars().next();
            next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    };
    let is_declared = ["fn", "struct", "enum", "trait", "const"].into_iter().any(declares);
    (!is_declared).then(|| format!("{path} declares no {item}"))
}

/// The documents and their texts.
fn documents(root: &Path) -> Vec<(PathBuf, String)> {
    let decisions = fs::read_dir(root.join("docs/decisions")).unwrap().map(|entry| entry.unwrap().path());
    let paths = DOCUMENTS.iter().map(|name| root.join(name)).chain(decisions);
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_path_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut mistakes = Vec::new();
    let mut count = 0;
    for (document, text) in documents(root) {
        let references = references(&text);
        count += references.len();
        let wrong = references.iter().filter_map(|reference| mistake(root, reference));
        mistakes.extend(wrong.map(|wrong| format!("{}: {wrong}", document.display())));
    }

    assert!(count > 50, "the documents are not where this test looks");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn every_decision_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions");
    let list = fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name == "README.md" || list.contains(&format!("({name})")), "{name} is not in the list");
    }
}

#[test]
fn planted_mistakes_are_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (text, expected) in [
        ("`src/no/such.rs`", Some("src/no/such.rs does not exist")),
        ("see `src/no/such.rs::main`.", Some("src/no/such.rs does not exist")),
        ("`src/main.rs::no_such`", Some("src/main.rs declares no no_such")),
        ("`src/main.rs::mai`", Some("src/main.rs declares no mai")),
        ("`src/main.rs::main`; [x](src/main.rs), tests/.", None),
        ("`src/probe/NAME.rs` and `src/source/hosts.rs`", None),
    ] {
        let found: Vec<String> = references(text).iter().filter_map(|reference| mistake(root, reference)).collect();
        assert_eq!(found.first().map(String::as_str), expected, "{text}");
    }
}
