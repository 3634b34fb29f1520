//! The map in `lib.rs` says of each folder what it may import: the same as the rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::MAY;

/// Each row of the map: the folder, and what it may import.
fn rows(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")).filter(|row| row.contains('`'));
    let row = |row: &str| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").collect();
        (words(cells[0]).pop_first().unwrap(), words(cells.last().unwrap()))
    };
    rows.map(row).collect()
}

/// The words between backticks.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

#[test]
fn the_map_says_what_the_rule_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders: BTreeSet<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap())
        // The parts of a file are in a folder beside it.
        .filter(|entry| entry.path().is_dir() && !entry.path().with_extension("rs").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let rows = rows(&fs::read_to_string(root.join("lib.rs")).unwrap());

    let map: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(map.len(), rows.len(), "a folder stands in the map twice");
    assert_eq!(map.keys().cloned().collect::<BTreeSet<_>>(), folders, "the map and the folders differ");
    for (folder, listed) in map.into_iter().filter(|(folder, _)| folder != "cli") {
        let (_, may) = MAY.iter().find(|(name, _)| *name == folder).unwrap();
        let may: BTreeSet<String> =
            may.iter().map(|name| (*name).to_owned()).filter(|name| folders.contains(name)).collect();
        assert_eq!(listed, may, "what `{folder}` may import");
    }
}
