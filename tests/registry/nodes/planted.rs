//! The checker itself: a history of a single registry has no fault, and each fault that is planted in it is found.

use serde_json::{Value, json};

use super::history::{Acknowledged, History, List, Log};

fn instance(id: &str, generation: u64, index: u64) -> Value {
    json!({ "id": id, "generation": generation, "index": index, "last_seen": format!("at {index}") })
}

fn event(index: u64, kind: &str, id: &str, generation: u64) -> String {
    let item = instance(id, generation, index);
    json!({ "index": index, "type": kind, "id": id, "item": item }).to_string()
}

fn mark(index: u64, kind: &str) -> String {
    json!({ "index": index, "type": kind }).to_string()
}

/// Two clients: one from the beginning, one that listed in between.
fn whole() -> History {
    let first = vec![
        mark(0, "reset"),
        mark(0, "synced"),
        event(1, "added", "a", 1),
        event(2, "added", "b", 2),
        event(3, "removed", "a", 1),
        event(4, "added", "a", 4),
        mark(4, "keep-alive"),
        event(5, "updated", "b", 2),
    ];
    let listed = json!({ "index": 2, "type": "added", "id": "a", "item": instance("a", 1, 1) }).to_string();
    let other = json!({ "index": 2, "type": "added", "id": "b", "item": instance("b", 2, 2) }).to_string();
    let mut second = vec![mark(2, "reset"), listed, other, mark(2, "synced")];
    second.extend_from_slice(&first[4..]);

    History {
        logs: vec![Log(first), Log(second)],
        acknowledged: vec![
            Acknowledged { id: "b".to_owned(), generation: 2, index: 2 },
            Acknowledged { id: "a".to_owned(), generation: 4, index: 4 },
        ],
        lists: vec![List { index: 5, instances: vec![instance("a", 4, 4), instance("b", 2, 5)] }],
        replies: vec![vec![1, 2, 2, 5]],
    }
}

#[test]
fn a_history_of_a_single_registry_has_no_fault() {
    assert_eq!(whole().problems(), [] as [String; 0]);
}

/// A fault by name, how it comes about, and what the checker says.
type Plant = (&'static str, fn(&mut History), &'static str);

const FAULTS: [Plant; 10] = [
    ("a lost event", |history| drop(history.logs[0].0.remove(3)), "read 3 after 1"),
    (
        "an event twice",
        |history| {
            let event = history.logs[0].0[3].clone();
            history.logs[0].0.insert(4, event);
        },
        "read 2 after 2",
    ),
    ("two events in the wrong order", |history| history.logs[1].0.swap(4, 5), "read 4 after 2"),
    (
        "another event for one client",
        |history| history.logs[1].0[4] = history.logs[1].0[4].replace("at 3", "at 9"),
        "different events with the index 3",
    ),
    (
        "an acknowledged write that is lost",
        |history| {
            history.logs.iter_mut().for_each(|log| log.0.truncate(log.0.len() - 3));
            history.lists[0] = List { index: 3, instances: vec![instance("b", 2, 2)] };
        },
        "the acknowledged registration of a at 4 is lost",
    ),
    (
        "an acknowledged write whose index another has",
        |history| history.acknowledged[0].generation = 4,
        "the acknowledged registration of b at 2 is lost",
    ),
    (
        "an old generation that comes back",
        |history| {
            history.logs.iter_mut().for_each(|log| {
                let at = log.0.len() - 3;
                log.0[at] = event(4, "added", "a", 1);
            });
        },
        "generation 1 of a came back at 4",
    ),
    ("a list without an instance", |history| drop(history.lists[0].instances.pop()), "differ in b"),
    ("a server that is behind", |history| history.lists[0].index = 4, "where no server is"),
    ("an index that goes back", |history| history.replies[0].push(4), "went back from 5 to 4"),
];

#[test]
fn each_planted_fault_is_found() {
    for (name, plant, said) in FAULTS {
        let mut history = whole();
        plant(&mut history);
        let problems = history.problems();
        assert!(problems.iter().any(|problem| problem.contains(said)), "{name}: {problems:?}");
    }
}
