//! A set of services by id that computes the changes of each update.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use rpds::RedBlackTreeSetSync;

use crate::model::{EventKind, Service, Update, changed_fields};

/// Services, sorted by id. Clones share their structure: cloning is free, and a change copies a few nodes.
#[derive(Clone, Debug, Default)]
pub struct Set(RedBlackTreeSetSync<ById>);

/// A difference between two sets.
#[derive(Clone, Debug)]
pub enum SetChange {
    /// A new service.
    Added(Arc<Service>),
    /// A service that changed.
    Updated {
        /// Before.
        old: Arc<Service>,
        /// After.
        new: Arc<Service>,
        /// The fields that differ, at least one: `endpoints[0].ready`, `detail.processes`.
        changed: Vec<String>,
    },
    /// A service that is gone.
    Removed(Arc<Service>),
}

impl From<SetChange> for EventKind {
    fn from(change: SetChange) -> Self {
        match change {
            SetChange::Added(item) => Self::Added(item),
            SetChange::Updated { old, new, changed } => {
                Self::Updated { was: old.health_unlike(&new), item: new, changed }
            }
            SetChange::Removed(item) => Self::Removed(item),
        }
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of services.
    pub fn len(&self) -> usize {
        self.0.size()
    }

    /// Whether there are no services.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The service with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Service>> {
        self.0.get(id).map(|ById(service)| service)
    }

    /// The services, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.0.iter().map(|ById(service)| service)
    }

    /// Applies an update and returns the changes. After a reset these are the removed services, then the new and changed
    /// ones, each sorted by id. A partial error or its end changes nothing.
    pub fn apply(&mut self, update: Update) -> Vec<SetChange> {
        match update {
            Update::Reset(services) => self.reset(services),
            Update::Upsert(service) => self.upsert(Arc::new(service)).into_iter().collect(),
            Update::Remove(id) => self.take(id.as_raw()).map(SetChange::Removed).into_iter().collect(),
            Update::PartialError(_) | Update::Recovered(_) => Vec::new(),
        }
    }

    /// Inserts a service without computing changes.
    pub fn insert(&mut self, service: Arc<Service>) {
        self.0.insert_mut(ById(service));
    }

    /// Removes the service with this id; whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        self.0.remove_mut(id)
    }

    /// The changes from this set to `later`: removed services, then new and changed ones, each sorted by id.
    pub fn changes_to(&self, later: &Self) -> Vec<SetChange> {
        let gone = self.iter().filter(|old| later.get(old.id.as_raw()).is_none());
        let gone = gone.map(|old| SetChange::Removed(Arc::clone(old)));
        let there = later.iter().filter_map(|new| change(self.get(new.id.as_raw()), new));
        gone.chain(there).collect()
    }

    fn reset(&mut self, services: Vec<Service>) -> Vec<SetChange> {
        let mut later = Self::default();
        for service in services {
            // If several have the same id, the last wins.
            later.0.insert_mut(ById(Arc::new(service)));
        }

        let changes = self.changes_to(&later);
        *self = later;
        changes
    }

    fn upsert(&mut self, new: Arc<Service>) -> Option<SetChange> {
        let change = change(self.get(new.id.as_raw()), &new);
        // Stored even if only measurements differ.
        self.0.insert_mut(ById(new));
        change
    }

    fn take(&mut self, id: &str) -> Option<Arc<Service>> {
        let gone = self.get(id).map(Arc::clone)?;
        self.remove(id);
        Some(gone)
    }
}

impl<'s> IntoIterator for &'s Set {
    type Item = &'s Arc<Service>;
    type IntoIter = Box<dyn Iterator<Item = &'s Arc<Service>> + 's>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// The change from one description of a service to another.
fn change(old: Option<&Arc<Service>>, new: &Arc<Service>) -> Option<SetChange> {
    let Some(old) = old else { return Some(SetChange::Added(Arc::clone(new))) };
    if Arc::ptr_eq(old, new) {
        return None;
    }
    let changed = changed_fields(old, new);
    (!changed.is_empty()).then(|| SetChange::Updated { old: Arc::clone(old), new: Arc::clone(new), changed })
}

/// A service that is compared by its id alone.
#[derive(Clone, Debug)]
struct ById(Arc<Service>);

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id.as_raw()
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.as_raw().cmp(other.0.id.as_raw())
    }
}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}
