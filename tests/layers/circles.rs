//! No two modules of one room import each other in a circle: each can be read, moved and tested without the other.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{module_of, paths, without_comments};
use super::source_files;

/// Circles that are still there, by room. The list only shrinks.
const KNOWN: &[(&str, &str)] = &[];

/// For each module that has modules of its own: which of them names which.
type Graphs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Who names whom inside each room, by path or by what the room's `mod.rs` re-exports. Tests are left out.
fn graphs(files: &[(String, String)]) -> Graphs {
    let modules: BTreeMap<String, String> =
        files.iter().map(|(path, text)| (module_of(path).join("::"), without_tests(text))).collect();
    let exports: BTreeMap<&String, BTreeMap<String, String>> =
        modules.iter().map(|(module, text)| (module, re_exports(module, text))).collect();
    let mut graphs = Graphs::new();

    for (module, text) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let from: Vec<String> = module.split("::").map(ToOwned::to_owned).collect();
        for to in paths(&from, text) {
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let (Some(child), Some(name)) = (from.get(shared), to.get(shared)) else { continue };
            // What goes from room to room is the other rule's business.
            if shared == 0 {
                continue;
            }
            let room = from[..shared].join("::");
            let other = if modules.contains_key(&format!("{room}::{name}")) {
                Some(name)
            } else {
                exports.get(&room).and_then(|names| names.get(name))
            };
            if let Some(other) = other.filter(|other| *other != child) {
                graphs.entry(room).or_default().entry(child.clone()).or_default().insert(other.clone());
            }
        }
    }

    graphs
}

fn without_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    without_comments(text)
}

/// What a module re-exports from its own modules: each name, and the module that it is in.
fn re_exports(module: &str, text: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for statement in text.split(';').filter_map(|part| part.rsplit_once("use ").map(|(_, tree)| tree)) {
        let tree = statement.trim().trim_start_matches("self::");
        if tree.starts_with("crate::") || tree.starts_with("super::") {
            continue;
        }
        let home: Vec<String> = module.split("::").filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect();
        for path in paths(&home, &format!("self::{tree}")) {
            // A text that looks like an import is none.
            if let Some([child, .., name]) = path.get(home.len()..) {
                names.insert(name.clone(), child.clone());
            }
        }
    }
    names
}

/// The sets of modules in which each can be reached from each.
fn circles(graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|from| (from, reachable(graph, from))).collect();
    let circle = |from: &String| -> BTreeSet<String> {
        let back = |to: &&String| reached.get(to).is_some_and(|reached| reached.contains(from));
        reached[from].iter().filter(back).cloned().collect()
    };

    graph.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

fn reachable(graph: &BTreeMap<String, BTreeSet<String>>, from: &String) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        for to in graph.get(next).into_iter().flatten() {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}

#[test]
fn no_modules_of_a_room_import_each_other_in_a_circle() {
    let mut new = Vec::new();
    let mut left = Vec::new();
    for (room, graph) in graphs(&source_files()) {
        for circle in circles(&graph) {
            let contains = |(home, modules): &&(&str, &str)| {
                *home == room && circle.iter().all(|module| modules.split(' ').any(|known| known == module))
            };
            match KNOWN.iter().find(contains) {
                Some(known) => left.push(known),
                None => new.push((room.clone(), circle)),
            }
        }
    }

    assert!(new.is_empty(), "new circles:\n{new:#?}");
    let gone: Vec<_> = KNOWN.iter().filter(|known| !left.contains(known)).collect();
    assert!(gone.is_empty(), "no longer circles: remove them from KNOWN in tests/layers/circles.rs\n{gone:#?}");
}

#[test]
fn planted_circles_are_found() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let found = graphs(&[
        file("net/mod.rs", "mod a; mod b; mod c; pub(crate) use b::{Far, Near};"),
        file("net/a.rs", "use super::Near;"),
        file("net/b/mod.rs", ""),
        file("net/b/deep.rs", "use crate::net::c::X;"),
        file("net/c.rs", "fn f() { super::a::g() }"),
        file("net/d.rs", "#[cfg(test)]\nmod tests { use super::super::a; }"),
    ]);

    let expected: BTreeSet<String> = ["a", "b", "c"].map(ToOwned::to_owned).into();
    assert_eq!(circles(&found["net"]), BTreeSet::from([expected]));
}
