//! The objects, one growing revision over all of them, and what happened to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch::{Receiver, Sender, channel};

use super::resource::Resource;
use super::selector::Selector;

/// What happened to an object.
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

    /// Of it only the metadata.
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

/// Something that happened, for those who watch.
#[derive(Debug)]
pub struct Logged {
    pub revision: u64,
    pub resource: Resource,
    /// The object before and after it; of what is gone, its last state with a new revision.
    pub before: Option<Arc<Object>>,
    pub after: Arc<Object>,
    pub event: WatchEvent,
}

/// The rest of a list, as it was when the list began.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub revision: u64,
    pub all: Arc<[Arc<Object>]>,
    /// So many of them were handed out.
    pub at: usize,
    /// The last object that was handed out.
    pub last: (String, String),
    pub expired: bool,
}

pub struct Store {
    pub revision: u64,
    objects: BTreeMap<Resource, BTreeMap<(String, String), Arc<Object>>>,
    log: Vec<Arc<Logged>>,
    /// What happened up to here is forgotten.
    pub compacted: u64,
    pub snapshots: BTreeMap<String, Snapshot>,
    pub next_expires: bool,
    changed: Sender<u64>,
    /// Whether lists can be had by a watch (`sendInitialEvents`); otherwise it is answered with 500.
    pub watch_list: bool,
    /// A bookmark is due at this revision, for those who want them.
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
    /// Puts an object there, new or in the place of the one of its name.
    pub fn put(&mut self, resource: Resource, mut value: Value) {
        self.revision += 1;
        value["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let after = Object::new(value);
        let key = (after.namespace().to_owned(), after.name().to_owned());
        let before = self.objects.entry(resource).or_default().insert(key, Arc::clone(&after));
        let event = if before.is_some() { WatchEvent::Modified } else { WatchEvent::Added };
        self.log(resource, before, after, event);
    }

    /// Puts several there.
    pub fn put_all(&mut self, resource: Resource, values: impl IntoIterator<Item = Value>) {
        values.into_iter().for_each(|value| self.put(resource, value));
    }

    /// Takes an object away; one that is not there is let be.
    pub fn delete(&mut self, resource: Resource, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let Some(before) = self.objects.entry(resource).or_default().remove(&key) else { return };
        self.revision += 1;
        let mut last = before.value.clone();
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.log(resource, Some(before), Object::new(last), WatchEvent::Deleted);
    }

    /// Says to those who watch that something happened which did not.
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

    /// Forgets what happened, so that new watches from an older revision are refused. Those that are open hear of it still.
    pub fn compact(&mut self) {
        self.revision += 1;
        self.compacted = self.revision;
    }

    /// Lets every token of a list that is under way run out.
    pub fn expire_tokens(&mut self) {
        self.snapshots.values_mut().for_each(|snapshot| snapshot.expired = true);
    }

    /// The next token of a list runs out at once.
    pub fn expire_next_token(&mut self) {
        self.next_expires = true;
    }

    /// Sends a bookmark to everybody who wants one.
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

    /// What happened after a revision.
    pub fn since(&self, revision: u64) -> Vec<Arc<Logged>> {
        let from = self.log.partition_point(|logged| logged.revision <= revision);
        self.log[from..].to_vec()
    }

    /// Wakes with everything that happens.
    pub fn changes(&self) -> Receiver<u64> {
        self.changed.subscribe()
    }
}
