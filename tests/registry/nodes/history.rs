//! The checker of histories: what clients of all servers read, held against what a single registry would have done.

use std::collections::BTreeMap;

use serde_json::Value;

/// What one client read: each line of its event stream, also across servers.
#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<String>);

/// A write that a server acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub id: String,
    pub generation: u64,
    pub index: u64,
}

/// What a server lists, and the index that it is true for.
#[derive(Clone, Debug)]
pub struct List {
    pub index: u64,
    pub instances: Vec<Value>,
}

/// Everything that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub logs: Vec<Log>,
    pub acknowledged: Vec<Acknowledged>,
    /// The lists of all servers at the end.
    pub lists: Vec<List>,
    /// The indexes of the replies that one client got from one server, in their order.
    pub replies: Vec<Vec<u64>>,
}

/// An instance without the times of its lease: they are those that a server knows of.
fn without_times(instance: &Value) -> Value {
    let mut instance = instance.clone();
    if let Some(metadata) = instance.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("last_seen");
    }
    if let Some(instance) = instance.as_object_mut() {
        instance.remove("last_seen");
    }
    if let Some(lease) = instance.get_mut("lease").and_then(Value::as_object_mut) {
        lease.remove("expires");
    }
    instance
}

impl History {
    /// Everything that is wrong with it; nothing if a single registry could have done it.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut lines: BTreeMap<u64, &str> = BTreeMap::new();

        for (number, log) in self.logs.iter().enumerate() {
            let client = format!("client {number}");
            let mut replay = Replay::default();
            for line in &log.0 {
                replay.take(&client, line, &mut lines, &mut problems);
            }
            for list in self.lists.iter().filter(|list| list.index == replay.index) {
                replay.compare(&client, list, &mut problems);
            }
            if !self.lists.iter().any(|list| list.index == replay.index) {
                problems.push(format!("{client} ends at {}, where no server is", replay.index));
            }
        }
        for acknowledged in &self.acknowledged {
            if let Some(problem) = lost(acknowledged, &lines) {
                problems.push(problem);
            }
        }
        for replies in &self.replies {
            if let Some((before, after)) =
                replies.iter().zip(replies.iter().skip(1)).find(|(before, after)| after < before)
            {
                problems.push(format!("the index went back from {before} to {after}"));
            }
        }
        problems
    }
}

/// Whether an acknowledged registration is in no event.
fn lost(acknowledged: &Acknowledged, lines: &BTreeMap<u64, &str>) -> Option<String> {
    let first = *lines.keys().next()?;
    // What came before any client began to read is in its first list.
    if acknowledged.generation < first {
        return None;
    }
    let event = lines.get(&acknowledged.generation).and_then(|line| serde_json::from_str::<Value>(line).ok());
    let is_there = event.is_some_and(|event| event["id"] == acknowledged.id.as_str() && event["type"] == "added");
    (!is_there)
        .then(|| format!("the acknowledged registration of {} at {} is lost", acknowledged.id, acknowledged.index))
}

/// The state that a client builds from its events.
#[derive(Default)]
struct Replay {
    index: u64,
    is_listing: bool,
    instances: BTreeMap<String, Value>,
    last_generation: BTreeMap<String, u64>,
}

impl Replay {
    fn take<'l>(
        &mut self,
        client: &str,
        line: &'l str,
        lines: &mut BTreeMap<u64, &'l str>,
        problems: &mut Vec<String>,
    ) {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let index = event["index"].as_u64().unwrap();

        match event["type"].as_str().unwrap() {
            "keep-alive" => {}
            "reset" => {
                (self.index, self.is_listing) = (index, true);
                self.instances.clear();
            }
            "synced" => {
                if index != self.index {
                    problems.push(format!("{client} was synced at {index}, but is at {}", self.index));
                }
                self.is_listing = false;
            }
            "added" if self.is_listing => {
                self.instances.insert(event["id"].as_str().unwrap().to_owned(), event["item"].clone());
            }
            kind => {
                if index != self.index + 1 {
                    problems.push(format!("{client} read {index} after {}", self.index));
                }
                self.index = index;
                if *lines.entry(index).or_insert(line) != line {
                    problems.push(format!("two clients read different events with the index {index}"));
                }
                self.apply(client, kind, &event, problems);
            }
        }
    }

    fn apply(&mut self, client: &str, kind: &str, event: &Value, problems: &mut Vec<String>) {
        let id = event["id"].as_str().unwrap().to_owned();
        let index = event["index"].as_u64().unwrap();
        let known = self.instances.contains_key(&id);
        if known == (kind == "added") {
            problems.push(format!(
                "{client}: {kind} {id} at {index}, although it was {}there",
                if known { "" } else { "not " }
            ));
        }

        let generation = event["item"]["generation"].as_u64().unwrap();
        let last = self.last_generation.entry(id.clone()).or_default();
        if (kind == "added" && generation <= *last) || generation < *last {
            problems.push(format!("{client}: generation {generation} of {id} came back at {index}"));
        }
        *last = (*last).max(generation);

        if kind == "removed" {
            self.instances.remove(&id);
        } else {
            self.instances.insert(id, event["item"].clone());
        }
    }

    /// What the events add up to is what the server lists.
    fn compare(&self, client: &str, list: &List, problems: &mut Vec<String>) {
        let listed: BTreeMap<&str, String> = list
            .instances
            .iter()
            .map(|instance| (instance["id"].as_str().unwrap(), without_times(instance).to_string()))
            .collect();
        let built: BTreeMap<&str, String> =
            self.instances.iter().map(|(id, instance)| (id.as_str(), without_times(instance).to_string())).collect();
        if listed == built {
            return;
        }

        let different = listed
            .iter()
            .chain(&built)
            .find(|(id, text)| listed.get(*id) != Some(*text) || built.get(*id) != Some(*text));
        let (id, _) = different.unwrap();

        problems.push(format!(
            "{client}: the events and the list at {} differ in {id}: {:?} {:?}",
            list.index,
            built.get(id),
            listed.get(id)
        ));
    }
}
