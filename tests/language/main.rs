//! Measures how the code reads: words that make a reader stop, vague constants, type names with several meanings or
//! none, room between the steps of functions, closures with names.
//!
//! `cargo test --test language -- --nocapture` prints the figures. `LANGUAGE_ROOT=DIR` measures another checkout, and
//! `LANGUAGE_LIST=1` lists each place. The limits only ever get stricter.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod counters;
mod lexer;
mod planted;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use counters::BlankLines;

/// "somebody", "nobody", "whoever", "anybody", "is told", "are told", "rights to", in comments, texts and documents.
const MAX_RIDDLES: usize = 10;
/// Constants of `src` such as `MOST` and `PATIENCE`.
const MAX_VAGUE_CONSTANTS: usize = 0;
/// Type names of `src` that are declared three times or more.
const MAX_SHARED_TYPE_NAMES: usize = 0;
/// Type names of `src` that were replaced by clearer ones, such as `Verdict`, or that are participles, such as `Parsed`.
const MAX_UNCLEAR_TYPE_NAMES: usize = 0;
/// Blank lines among 10,000 lines inside the functions of `src` that have 12 lines or more.
const MIN_BLANK_LINES: usize = 600;
/// Named local closures in 100,000 lines of `src`.
const MAX_NAMED_CLOSURES: usize = 100;

/// How many types may share a name.
const MAX_TYPES_OF_A_NAME: usize = 2;

/// What the folders hold beside text that this project writes: recorded runs, corpora, screens, builds.
const SKIPPED_FOLDERS: [&str; 7] = ["runs", "corpus", "artifacts", "screens", "target", ".git", "language"];

/// Where text is written that a user or a contributor reads.
const TEXT_FOLDERS: [&str; 8] = ["src", "tests", "benches", "fuzz", "docs", "examples", "man", "completions"];

/// A file, its path relative to the root, and its text.
struct File {
    path: String,
    text: String,
}

/// Everything that is counted, with the places for each.
#[derive(Default)]
struct Figures {
    riddles: Vec<String>,
    vague_constants: Vec<String>,
    shared_type_names: Vec<String>,
    unclear_type_names: Vec<String>,
    blank_lines: BlankLines,
    named_closures: Vec<String>,
    source_lines: usize,
}

impl Figures {
    fn measure(root: &Path) -> Self {
        let texts = texts(root);
        let sources: Vec<&File> =
            texts.iter().filter(|file| file.path.starts_with("src/") && file.path.ends_with(".rs")).collect();
        assert!(sources.len() > 20, "the sources are not where this test looks: {}", root.display());

        let mut figures = Self::default();
        let mut types: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for file in &texts {
            figures.riddles.extend(placed(file, riddles_of(file)));
        }
        for file in &sources {
            figures.source_lines += file.text.lines().count();
            figures.vague_constants.extend(placed(file, counters::vague_constants(&file.text)));
            figures.unclear_type_names.extend(placed(file, counters::unclear_types(&file.text)));
            figures.named_closures.extend(placed(file, counters::named_closures(&file.text)));

            let blank_lines = counters::blank_lines(&file.text);
            figures.blank_lines.all += blank_lines.all;
            figures.blank_lines.blank += blank_lines.blank;

            for name in counters::declared_types(&file.text) {
                types.entry(name).or_default().push(&file.path);
            }
        }

        types.retain(|_, files| files.len() > MAX_TYPES_OF_A_NAME);
        figures.shared_type_names =
            types.iter().map(|(name, files)| format!("{name} ({}): {}", files.len(), files.join(" "))).collect();
        figures
    }

    /// Blank lines among 10,000 lines inside long functions.
    fn blank_share(&self) -> usize {
        self.blank_lines.blank * 10_000 / self.blank_lines.all.max(1)
    }

    /// Named closures in 100,000 lines.
    fn closure_rate(&self) -> usize {
        self.named_closures.len() * 100_000 / self.source_lines.max(1)
    }

    fn print(&self) {
        let BlankLines { blank, all } = self.blank_lines;
        println!("words that stop a reader           {:>6}", self.riddles.len());
        println!("vague constants                    {:>6}", self.vague_constants.len());
        println!("type names with 3 or more types    {:>6}", self.shared_type_names.len());
        println!("unclear type names                 {:>6}", self.unclear_type_names.len());
        println!("blank lines in long functions      {:>6} of 10,000 ({blank} of {all})", self.blank_share());
        println!(
            "named closures                     {:>6} in 100,000 lines ({} in {})",
            self.closure_rate(),
            self.named_closures.len(),
            self.source_lines
        );
        if env::var_os("LANGUAGE_LIST").is_some() {
            let names = [&self.shared_type_names, &self.unclear_type_names];
            for place in [&self.riddles, &self.vague_constants, &self.named_closures].into_iter().chain(names).flatten()
            {
                println!("  {place}");
            }
        }
    }
}

fn placed(file: &File, found: Vec<String>) -> impl Iterator<Item = String> {
    found.into_iter().map(|name| format!("{}: {name}", file.path))
}

fn riddles_of(file: &File) -> Vec<String> {
    if file.path.ends_with(".rs") { counters::riddles_in_code(&file.text) } else { counters::riddles(&file.text) }
}

/// The text files of this project: those of the folders, and the documents beside them.
fn texts(root: &Path) -> Vec<File> {
    let mut paths = Vec::new();
    for folder in TEXT_FOLDERS {
        walk(&root.join(folder), &mut paths);
    }
    let beside = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(beside.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    paths.sort();

    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let read =
        paths.iter().filter_map(|path| Some(File { path: relative(path), text: fs::read_to_string(path).ok()? }));
    read.collect()
}

/// The files below a folder, if there is one, except lock files and what is not written by hand.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                walk(&path, found);
            }
        } else if !name.ends_with(".lock") {
            found.push(path);
        }
    }
}

#[test]
fn the_language_gets_no_worse() {
    let root = env::var_os("LANGUAGE_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let figures = Figures::measure(&root);
    figures.print();

    let closures = figures.named_closures.as_slice();
    let unclear = figures.unclear_type_names.as_slice();
    let limits: [(&str, usize, usize, &[String]); 5] = [
        ("words that stop a reader", figures.riddles.len(), MAX_RIDDLES, &figures.riddles),
        ("vague constants", figures.vague_constants.len(), MAX_VAGUE_CONSTANTS, &figures.vague_constants),
        ("shared type names", figures.shared_type_names.len(), MAX_SHARED_TYPE_NAMES, &figures.shared_type_names),
        ("unclear type names", unclear.len(), MAX_UNCLEAR_TYPE_NAMES, unclear),
        ("named closures in 100,000 lines", figures.closure_rate(), MAX_NAMED_CLOSURES, closures),
    ];
    let exceeded = limits.into_iter().filter(|(_, figure, limit, _)| figure > limit);
    let mut worse: Vec<String> = exceeded
        .map(|(what, figure, limit, places)| format!("{what}: {figure}, at most {limit}\n  {}", places.join("\n  ")))
        .collect();
    if figures.blank_share() < MIN_BLANK_LINES {
        worse.push(format!("blank lines in long functions: {}, at least {MIN_BLANK_LINES}", figures.blank_share()));
    }

    assert!(worse.is_empty(), "{}", worse.join("\n"));
}
