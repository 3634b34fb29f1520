//! A server among three, and one alone with the same instances.

use std::fmt::Write as _;

use crate::cluster::{Node, fill, three, wait};
use crate::database::Database;
use crate::support::TempDir;
use crate::writes::{load, rate};

/// How often each server takes the reads.
const ROUNDS: usize = 3;

/// Memory, and reads one after another: both answer from memory.
pub fn beside_a_single_one(size: usize) -> String {
    let (database, folder) = (Database::start(), TempDir::new());
    let nodes = three(&database.create(), &[]);
    let single = Node::with(&["--data", folder.path().join("registry.db").to_str().unwrap()]);
    let (count, seconds) = (1_000 * size, (size / 20).max(1));
    fill(&nodes[0], 0..count, 0);
    fill(&single, 0..count, 0);
    wait(|| nodes.iter().all(|node| node.status()["instances"] == count));

    let mut text = String::new();
    let [writer, follower, alone] = [&nodes[0], &nodes[1], &single].map(Node::resident_mb);
    let _ = writeln!(
        text,
        "memory with {count} instances: {writer:.0} MB of the one that wrote them, {follower:.0} MB of another, {alone:.0} MB of the single one"
    );

    let mut rates = [0.0; 2];
    for _ in 0..ROUNDS {
        for (rates, node) in rates.iter_mut().zip([&nodes[1], &single]) {
            *rates += rate(load("discover", node.address, seconds)) / ROUNDS as f64;
        }
    }
    let [among, alone] = rates;
    let ratio = among / alone;
    let _ =
        writeln!(text, "discover: {among:.0}/s of one of three, {alone:.0}/s of the single one: {ratio:.2} (goal 0.9)");
    text
}
