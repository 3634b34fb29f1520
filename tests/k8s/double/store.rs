//! The objects, their common revision, and the history of changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch::{Receiver, Sender, channel};

use super::resource::Resource;
use super::selector::Selector;

/// The type of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    Added,
    Modified,
    Deleted,
}

impl WatchEvent {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// An object with its text, which large lists are made of.
#[derive(Debug)]
pub struct Object {
    pub value: Value,
    pub text: String,
}

impl Object {
    fn new(value: Value) -> Arc<Self> {
        let text = value.to_string();
        Arc::new(Self { value, text })
    }

    /// Its metadata only.
    pub fn metadata(&self) -> Self {
        let metadata = self.value["metadata"].clone();
        let value = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
        Self { text: value.to_string(), value }
    }

    pub fn namespace(&self) -> &str {
        self.value["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// A change, for watches.
#[derive(Debug)]
pub struct Logged {
    pub revision: u64,
    pub resource: Resource,
    /// The object before and after; of a deleted one, its last state with a new revision.
    pub before: Option<Arc<Object>>,
    pub after: Arc<Object>,
    pub event: WatchEvent,
}

/// The rest of a list, as it was when the list began.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub revision: u64,
    pub all: Arc<[Arc<Object>]>,
    /// How many of them were sent.
    pub at: usize,
    /// The last object that was sent.
    pub last: (String, String),
    pub expired: bool,
}

pub struct Store {
    pub revision: u64,
    objects: BTreeMap<Resource, BTreeMap<(String, String), Arc<Object>>>,
    log: Vec<Arc<Logged>>,
    /// The history begins after this revision.
    pub compacted: u64,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub next_expires: bool,
    changed: Sender<u64>,
    /// Whether a watch may send the initial list (`sendInitialEvents`); otherwise the reply is 500.
    pub watch_list: bool,
    /// A bookmark is due at this revision, for watches that want them.
    pub bookmark: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            revision: 1000,
            objects: BTreeMap::new(),
            log: Vec::new(),
            compacted: 0,
            snapshots: BTreeMap::new(),
            next_expires: false,
            changed: channel(1000).0,
            watch_list: true,
            bookmark: 0,
        }
    }
}

impl Store {
    /// Adds an object, or replaces the one of the same name.
    pub fn put(&mut self, resource: Resource, mut value: Value) {
        self.revision += 1;
        value["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let after = Object::new(value);
        let key = (after.namespace().to_owned(), after.name().to_owned());
        let before = self.objects.entry(resource).or_default().insert(key, Arc::clone(&after));
        let event = if before.is_some() { WatchEvent::Modified } else { WatchEvent::Added };
        self.log(resource, before, after, event);
    }

    /// Adds several.
    pub fn put_all(&mut self, resource: Resource, values: impl IntoIterator<Item = Value>) {
        values.into_iter().for_each(|value| self.put(resource, value));
    }

    /// Deletes an object, if it exists.
    pub fn delete(&mut self, resource: Resource, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let Some(before) = self.objects.entry(resource).or_default().remove(&key) else { return };
        self.revision += 1;
        let mut last = before.value.clone();
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.log(resource, Some(before), Object::new(last), WatchEvent::Deleted);
    }

    /// Sends watches a change that did not happen.
    pub fn pretend(&mut self, resource: Resource, event: WatchEvent, value: Value) {
        self.revision += 1;
        let object = Object::new(value);
        self.log(resource, Some(Arc::clone(&object)), object, event);
    }

    fn log(&mut self, resource: Resource, before: Option<Arc<Object>>, after: Arc<Object>, event: WatchEvent) {
        let revision = self.revision;
        self.log.push(Arc::new(Logged { revision, resource, before, after, event }));
        self.changed.send_replace(revision);
    }

    /// Drops the history, so that new watches from an older revision are refused. Open watches still receive it.
    pub fn compact(&mut self) {
        self.revision += 1;
        self.compacted = self.revision;
    }

    /// Expires the token of every unfinished list.
    pub fn expire_tokens(&mut self) {
        self.snapshots.values_mut().for_each(|snapshot| snapshot.expired = true);
    }

    /// Expires the next token of a list at once.
    pub fn expire_next_token(&mut self) {
        self.next_expires = true;
    }

    /// Sends a bookmark to every watch that wants one.
    pub fn say_bookmark(&mut self) {
        self.bookmark = self.revision;
        self.changed.send_modify(|_| {});
    }

    pub fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.objects.get(&resource)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// The objects after a key that fit, in the order of their keys.
    pub fn select(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: &Selector,
        after: Option<&(String, String)>,
    ) -> Vec<Arc<Object>> {
        let Some(objects) = self.objects.get(&resource) else { return Vec::new() };
        let fits = |(key, object): &(&(String, String), &Arc<Object>)| {
            after.is_none_or(|after| *key > after)
                && namespace.is_none_or(|namespace| key.0 == namespace)
                && selector.matches(&object.value)
        };
        objects.iter().filter(fits).map(|(_, object)| Arc::clone(object)).collect()
    }

    /// The changes after a revision.
    pub fn since(&self, revision: u64) -> Vec<Arc<Logged>> {
        let from = self.log.partition_point(|logged| logged.revision <= revision);
        self.log[from..].to_vec()
    }

    /// Wakes with every change.
    pub fn changes(&self) -> Receiver<u64> {
        self.changed.subscribe()
    }
}
