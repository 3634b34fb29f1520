//! The documents are true: every path, link, command and option that they name exists, and every item is in the file they
//! name.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The pages for users: README.md, and those of `docs` that SUMMARY.md lists.
fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages = vec![root.join("README.md"), root.join("docs/SUMMARY.md")];
    let summary = fs::read_to_string(root.join("docs/SUMMARY.md")).unwrap();
    pages.extend(links(&summary).into_iter().map(|link| root.join("docs").join(link)));
    pages
}

/// The targets of the links in a text that lead to files of this repository.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://")).map(ToOwned::to_owned).collect()
}

/// The anchors of a page, as Markdown viewers make them from headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap_or_else(|_| panic!("{} does not exist", page.display()));
        for link in links(&text) {
            count += 1;
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, at)| (file, Some(at)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = target.exists()
                && anchor.is_none_or(|at| anchors(&fs::read_to_string(&target).unwrap()).iter().any(|a| a == at));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }

    assert!(count > 30, "the pages are not where this test looks");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_summary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = pages(root);
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        assert!(!is_page || listed.contains(&path), "{} is not in docs/SUMMARY.md", path.display());
    }
}

#[test]
fn the_readme_is_read_in_one_go() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= 150, "{lines} lines: what does not help on the first day belongs into docs/");
}

/// The `$ portolan` lines in the blocks of a page, without what a shell would do with them.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ portolan "));
    let own = lines.map(|line| line.split(" | ").next().unwrap_or(line).split(" -- ").next().unwrap_or(line));
    own.map(|line| line.split_whitespace().take_while(|word| *word != "#").map(ToOwned::to_owned).collect()).collect()
}

/// The help of a command; the longest path of words that is one.
fn help_of(words: &[String]) -> Option<String> {
    (1..=words.len().min(2)).rev().find_map(|depth| {
        let path = &words[..depth];
        let is_word = |word: &String| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !path.iter().all(is_word) || path.iter().any(|word| word.starts_with('-')) {
            return None;
        }
        let output = Command::new(env!("CARGO_BIN_EXE_portolan")).args(path).arg("--help").output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    })
}

#[test]
fn every_command_shown_to_users_exists_with_its_options() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages(root) {
        for words in commands(&fs::read_to_string(&page).unwrap()) {
            count += 1;
            let Some(help) = help_of(&words) else {
                wrong.push(format!("{}: portolan {}", page.display(), words.join(" ")));
                continue;
            };
            let options = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
            let names = options.map(|option| option.split('=').next().unwrap_or(option));
            let unknown = names.filter(|name| !help.split([' ', ',', '\n', '=', '[', '<']).any(|word| word == *name));
            wrong.extend(unknown.map(|name| format!("{}: portolan {}: {name}", page.display(), words.join(" "))));
        }
    }

    assert!(count > 30, "the pages are not where this test looks");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn planted_mistakes_in_pages_are_found() {
    assert_eq!(links("[a](b.md#c) [d](https://e) [f](g)"), ["b.md#c", "g"]);
    assert_eq!(anchors("# A b, c\n## `--d` e"), ["a-b-c", "--d-e"]);
    assert_eq!(commands("$ portolan a --b | c\n$ x\n$ portolan d -- e # f"), [vec!["a", "--b"], vec!["d"]]);
    assert!(help_of(&["no-such-command".to_owned()]).is_none());
    let help = help_of(&["discover".to_owned(), "local".to_owned()]).unwrap();
    assert!(help.contains("--skip-loopback"), "the help of the source, not of `discover`: {help}");
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
