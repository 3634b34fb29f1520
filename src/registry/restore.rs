//! The state after a restart, from what was stored.

use std::collections::HashSet;
use std::sync::Arc;

use super::document::{DocumentKey, is_document};
use super::entry::InstanceEntry;
use super::state::State;
use super::{InstanceRecord, Now, Rules};

/// Stored records that cannot belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A record without an id.
    #[error("a stored instance of {service} has no id")]
    NoId {
        /// `NAMESPACE/NAME` of its service.
        service: String,
    },
    /// Two records with one id, or with one index.
    #[error("two stored instances have the {what} {value}")]
    Twice {
        /// `id` or `index`.
        what: &'static str,
        /// The id or the index.
        value: String,
    },
    /// A record that is newer than the last change.
    #[error("the stored instance {id} has index {index}, but the last change had {last}")]
    TooNew {
        /// Its id.
        id: String,
        /// Its index.
        index: u64,
        /// The index of the last change.
        last: u64,
    },
    /// A record that cannot be read.
    #[error("the stored record {key} cannot be read: {cause}")]
    BadRecord {
        /// Its key.
        key: String,
        /// Why.
        cause: String,
    },
}

impl State {
    /// The state with these records. `index` is the number of the last change. Each lease gets one full ttl from now on;
    /// one that had expired stays so until it is renewed.
    ///
    /// # Errors
    /// The records cannot belong together.
    pub fn restore(
        rules: Rules,
        index: u64,
        records: impl IntoIterator<Item = InstanceRecord>,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let mut state = Self::at_index(rules, index);
        state.elapsed = now.elapsed;
        state.last_tick = Some(now.elapsed);
        let mut indexes = HashSet::new();

        for record in records {
            let id: Arc<str> = match record.registration.id.as_deref() {
                Some(id) => id.into(),
                None => return Err(RestoreError::NoId { service: record.service() }),
            };
            if record.index > index {
                return Err(RestoreError::TooNew { id: id.as_ref().to_owned(), index: record.index, last: index });
            }
            if state.view.instances.contains_key(&*id) {
                return Err(RestoreError::Twice { what: "id", value: id.as_ref().to_owned() });
            }
            if !indexes.insert(record.index) {
                return Err(RestoreError::Twice { what: "index", value: record.index.to_string() });
            }
            state.restore_one(id, record, now);
        }
        // The last change of a service may be a removal, which has left no record. No index may go back, so all services are
        // at the last one: every watcher looks once more.
        state.view.forgotten_index = index;
        let keys: Vec<Arc<str>> = state.view.services.keys().cloned().collect();
        for key in keys {
            if let Some(service) = state.view.services.get_mut(&*key) {
                service.index = index;
            }
        }

        Ok(state)
    }

    /// The state with everything that a store holds: instances and documents, as [`restore`](Self::restore).
    ///
    /// # Errors
    /// A record cannot be read, or the records cannot belong together.
    pub fn restore_stored(
        rules: Rules,
        index: u64,
        records: &[(String, Vec<u8>)],
        now: Now,
    ) -> Result<Self, RestoreError> {
        let (documents, instances): (Vec<_>, Vec<_>) = records.iter().partition(|(key, _)| is_document(key));
        let read = |(key, body): &(String, Vec<u8>)| {
            serde_json::from_slice(body).map_err(|error| unreadable_record(key, error.to_string()))
        };
        let instances: Vec<InstanceRecord> = instances.into_iter().map(read).collect::<Result<_, _>>()?;

        let mut state = Self::restore(rules, index, instances, now)?;
        for (key, body) in documents {
            state.load_document(key, Some(body), now)?;
        }
        Ok(state)
    }

    /// Takes over a stored configuration, traffic of a service or findings of a host; `None` is one that was removed. The instances
    /// are restored before.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load_document(&mut self, key: &str, body: Option<&[u8]>, now: Now) -> Result<(), RestoreError> {
        let unreadable = |cause: String| unreadable_record(key, cause);
        let known = DocumentKey::of(key).ok_or_else(|| unreadable("its kind is not known".to_owned()))?;
        match (known, body) {
            (DocumentKey::Config(..), Some(body)) => {
                self.load_config(serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?);
            }
            (DocumentKey::Config(name, version), None) => self.unload_config(name, version),
            (DocumentKey::Traffic(_), Some(body)) => {
                self.load_traffic(serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?, now);
            }
            (DocumentKey::Traffic(service), None) => self.unload_traffic(service),
            (DocumentKey::Drift(_), Some(body)) => {
                self.load_host(serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?, now);
            }
            (DocumentKey::Drift(host), None) => self.unload_host(host),
        }

        Ok(())
    }

    fn restore_one(&mut self, id: Arc<str>, mut record: InstanceRecord, now: Now) {
        record.checks.resize(record.registration.checks.len(), crate::model::HealthState::Unknown);
        if let Some(node) = record.registration.node.as_deref().filter(|_| record.node_down) {
            self.down_nodes.insert_mut(node.into());
        }
        if record.registration.is_node() && record.health == crate::model::HealthState::Unhealthy {
            self.down_nodes.insert_mut(record.registration.name.as_str().into());
        }

        let (flapping, seen) = (record.flapping, record.registered_at);
        let mut entry = InstanceEntry::new(id, Arc::new(record), &self.view.rules, now);
        // A restart sees no instance: the last time that is known is its registration.
        entry.last_seen = seen;
        // When a lease ended that had expired before the restart is not known: at the latest now.
        if let Some(ttl) = entry.record.ttl(&self.view.rules).filter(|_| entry.record.lease_expired) {
            entry.lease_start.wall = now.wall.checked_sub(ttl).unwrap_or(now.wall);
        }
        let entry = self.insert(entry, now);
        if flapping {
            self.await_calm(entry, now);
        }
    }
}

fn unreadable_record(key: &str, cause: String) -> RestoreError {
    RestoreError::BadRecord { key: key.escape_debug().to_string(), cause }
}
