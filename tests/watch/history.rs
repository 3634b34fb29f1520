//! Whether a history is consistent: in order, nothing twice, nothing left out, and ending in the actual set.

use std::collections::BTreeMap;

use portolan::Service;
use portolan::catalog::{Snapshot, WatchItem};
use serde_json::Value;

/// The lines of a watch so far, and the set of services they describe.
#[derive(Debug, Default)]
pub struct History {
    index: u64,
    there: BTreeMap<String, Value>,
    /// Each type of line, and how often it came.
    pub counts: BTreeMap<String, usize>,
    /// Each change of a service: its kind and its id.
    pub changes: Vec<(String, String)>,
}

impl History {
    /// Takes a line of `--watch`.
    #[track_caller]
    pub fn line(&mut self, line: &Value) {
        let kind = line["type"].as_str().unwrap_or_else(|| panic!("no type: {line}"));
        let index = line["index"].as_u64().unwrap_or_else(|| panic!("no index: {line}"));
        line["time"].as_str().and_then(|time| time.parse::<portolan::model::Timestamp>().ok()).expect("a time");
        *self.counts.entry(kind.to_owned()).or_default() += 1;
        if kind == "lagged" {
            let missed = line["missed"].as_u64().expect("how many");
            assert_eq!(index, self.index + missed, "missed events are counted: {line}");
            self.index = index;
            return;
        }
        assert_eq!(index, self.index + 1, "out of order, twice or left out: {line}");
        self.index = index;
        if let Some(id) = line["item"]["id"].as_str() {
            self.change(kind, id, line);
        }
    }

    #[track_caller]
    fn change(&mut self, kind: &str, id: &str, line: &Value) {
        self.changes.push((kind.to_owned(), id.to_owned()));
        let before = match kind {
            "removed" => self.there.remove(id),
            _ => self.there.insert(id.to_owned(), line["item"].clone()),
        };
        match kind {
            "added" => assert!(before.is_none(), "added twice: {line}"),
            "updated" => {
                let before = before.unwrap_or_else(|| panic!("updated what was not there: {line}"));
                assert_ne!(before, line["item"], "nothing changed: {line}");
                assert!(line["changed"].as_array().is_some_and(|fields| !fields.is_empty()), "{line}");
            }
            "removed" => assert!(before.is_some(), "removed what was not there: {line}"),
            other => panic!("{other} has no item: {line}"),
        }
    }

    /// Records an item of a catalog's watch.
    #[track_caller]
    pub fn news(&mut self, news: &WatchItem) {
        match news {
            WatchItem::Events(events) => {
                events.iter().for_each(|event| self.line(&serde_json::to_value(event).unwrap()));
            }
            WatchItem::Lagged { missed, snapshot } => {
                assert_eq!(snapshot.index(), self.index + missed, "what is missing is counted");
                *self.counts.entry("lagged".to_owned()).or_default() += 1;
                self.start(snapshot);
            }
        }
    }

    /// The set a watch begins with.
    pub fn start(&mut self, snapshot: &Snapshot) {
        self.index = snapshot.index();
        self.there = items(snapshot.services().iter().map(|service| &**service));
    }

    pub fn count(&self, kind: &str) -> usize {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn ids(&self) -> Vec<&str> {
        self.there.keys().map(String::as_str).collect()
    }

    /// Asserts that the history ends in the actual set.
    #[track_caller]
    pub fn assert_ends_in<'a>(&self, services: impl IntoIterator<Item = &'a Service>) {
        assert_eq!(self.there, items(services));
    }
}

fn items<'a>(services: impl IntoIterator<Item = &'a Service>) -> BTreeMap<String, Value> {
    services.into_iter().map(|service| (service.id.to_string(), serde_json::to_value(service).unwrap())).collect()
}
