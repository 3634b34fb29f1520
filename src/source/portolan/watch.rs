//! Watches the registry: its stream of events begins with every instance.

use std::collections::BTreeMap;

use super::api::{EventLine, MAX_LIST_BYTES, PortolanApi, instance};
use super::{LIST, Portolan, Selection, services};
use crate::clean::clean;
use crate::error::Result;
use crate::model::{PartialError, RegisteredInstance, ServiceId, Update, UpdateSink};

/// Namespace and name of a service.
type NamespacedName = (String, String);

/// The bytes of JSON of all known instances: as many as a list may have.
const MAX_BYTES: usize = MAX_LIST_BYTES;

/// An instance, and the bytes that it came in.
struct KnownInstance {
    instance: RegisteredInstance,
    bytes: usize,
}

/// An instance that cannot be read.
struct UnreadableInstance {
    error: PartialError,
    bytes: usize,
}

/// The instances that are known.
struct KnownInstances {
    selection: Selection,
    services: BTreeMap<NamespacedName, BTreeMap<String, KnownInstance>>,
    /// Those that cannot be read, by id.
    unreadable: BTreeMap<String, UnreadableInstance>,
    /// The bytes of all of them.
    bytes: usize,
    /// Whether the set is being read anew.
    is_listing: bool,
}

/// Begins with everything, and ends with the stream.
pub(super) async fn watch(options: &Portolan, feed: &mut dyn UpdateSink) -> Result<()> {
    let mut known = KnownInstances::new(options.selection()?);
    let api = PortolanApi::new(options)?;
    let mut lines = api.events().await.map_err(|failure| failure.into_error(LIST))?;

    while let Some(line) = lines.next().await.map_err(|failure| failure.into_error(LIST))? {
        let event: EventLine = serde_json::from_slice(&line).map_err(|error| {
            lines.malformed(format!("a line of the events is not the expected JSON: {error}")).into_error(LIST)
        })?;
        let updates = known.take(event, line.len());
        if known.bytes > MAX_BYTES {
            let why = format!("its instances have more than {} MiB", MAX_BYTES >> 20);
            return Err(lines.malformed(why).into_error(LIST));
        }
        if !updates.is_empty() {
            feed.apply(updates);
        }
    }
    Ok(())
}

impl KnownInstances {
    fn new(selection: Selection) -> Self {
        Self { selection, services: BTreeMap::new(), unreadable: BTreeMap::new(), bytes: 0, is_listing: true }
    }

    /// Applies an event to the known services. `bytes`: the length of its line, which counts towards the limit.
    fn take(&mut self, line: EventLine, bytes: usize) -> Vec<Update> {
        match line.kind.as_str() {
            "reset" => {
                self.services.clear();
                self.unreadable.clear();
                self.bytes = 0;
                self.is_listing = true;
                Vec::new()
            }
            "synced" if self.is_listing => {
                self.is_listing = false;
                let all = self.services.values().flat_map(BTreeMap::values).map(|known| known.instance.clone());
                let reset = Update::Reset(services(all).collect());
                let errors = self.unreadable.values().map(|one| Update::PartialError(one.error.clone()));
                std::iter::once(reset).chain(errors).collect()
            }
            "added" | "updated" => self.put(line, bytes),
            "removed" => {
                let key = (line.namespace, line.service);
                self.remove(&key, &line.id);
                let recovered = self.recover(&line.id);
                self.changed(&key).into_iter().chain(recovered).collect()
            }
            // Signs of life, and what a newer registry may send.
            _ => Vec::new(),
        }
    }

    fn put(&mut self, line: EventLine, bytes: usize) -> Vec<Update> {
        let read = line.item.map(instance);
        let recovered = self.recover(&line.id);
        let instance = match read.unwrap_or_else(|| Err(no_item())) {
            Ok(instance) => instance,
            Err(error) => return self.report(line.id, error, bytes),
        };
        if !self.selection.takes(&instance) {
            return recovered.into_iter().collect();
        }
        let key = (instance.namespace().to_owned(), instance.name().to_owned());
        let id = instance.id.to_string();
        let before = self.services.entry(key.clone()).or_default().insert(id, KnownInstance { instance, bytes });
        self.bytes = self.bytes + bytes - before.map_or(0, |before| before.bytes);
        self.changed(&key).into_iter().chain(recovered).collect()
    }

    /// The error of an instance, unless the set is still being read. What was known of the instance stays.
    fn report(&mut self, id: String, error: PartialError, bytes: usize) -> Vec<Update> {
        // The same for every error of the instance: its end names it.
        let error = PartialError { operation: format!("read the instance '{}'", clean(&id)), ..error };
        self.bytes += bytes;
        self.unreadable.insert(id, UnreadableInstance { error: error.clone(), bytes });
        if self.is_listing { Vec::new() } else { vec![Update::PartialError(error)] }
    }

    /// The end of the error of an instance, if there was one.
    fn recover(&mut self, id: &str) -> Option<Update> {
        let UnreadableInstance { error, bytes } = self.unreadable.remove(id)?;
        self.bytes -= bytes;
        (!self.is_listing).then(|| Update::Recovered(error.operation))
    }

    fn remove(&mut self, key: &NamespacedName, id: &str) {
        if let Some(instances) = self.services.get_mut(key) {
            self.bytes -= instances.remove(id).map_or(0, |removed| removed.bytes);
            if instances.is_empty() {
                self.services.remove(key);
            }
        }
    }

    /// The update of a service, unless the set is still being read.
    fn changed(&self, key: &NamespacedName) -> Vec<Update> {
        if self.is_listing {
            return Vec::new();
        }
        match self.services.get(key) {
            Some(instances) => {
                services(instances.values().map(|known| known.instance.clone())).map(Update::Upsert).collect()
            }
            None => vec![Update::Remove(ServiceId::from(format!("portolan/{}/{}", key.0, key.1)))],
        }
    }
}

fn no_item() -> PartialError {
    PartialError {
        operation: String::new(),
        cause: "its event has no instance".to_owned(),
        hint: "see the logs of the registry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, id: &str) -> EventLine {
        let item = json!({ "id": id, "namespace": "default", "name": "web", "address": "10.0.0.1", "port": 80, "ttl": 0, "weight": 1,
            "status": "up", "health": "healthy", "healthy": true, "generation": 1, "index": 1,
            "registered_at": "2026-11-29T12:00:00Z", "last_seen": "2026-11-29T12:00:00Z" });
        let line = json!({ "type": kind, "id": id, "namespace": "default", "service": "web", "item": item });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn the_bytes_of_what_is_known_are_counted() {
        let mut known = KnownInstances::new(Portolan::default().selection().unwrap());
        for (kind, id, bytes, expected) in [
            ("added", "a", 100, 100),
            ("added", "b", 50, 150),
            ("updated", "a", 70, 120),
            ("removed", "b", 10, 70),
            ("removed", "c", 10, 70),
            ("keep-alive", "", 10, 70),
            ("reset", "", 10, 0),
            ("added", "a", MAX_BYTES, MAX_BYTES),
            ("added", "b", 1, MAX_BYTES + 1),
        ] {
            let updates = known.take(event(kind, id), bytes);
            assert!(updates.is_empty(), "{kind} {id}: nothing is known before the end of the list");
            assert_eq!(known.bytes, expected, "{kind} {id}");
        }
    }

    /// What a set lacks because an instance cannot be read is reported with the set, and until the instance can be read.
    #[test]
    fn an_instance_that_cannot_be_read_is_an_error_until_it_can() {
        let mut known = KnownInstances::new(Portolan::default().selection().unwrap());
        assert!(known.take(EventLine { item: None, ..event("added", "a") }, 10).is_empty());
        known.take(event("added", "b"), 10);
        let synced = known.take(event("synced", ""), 10);
        assert!(matches!(&synced[..], [Update::Reset(_), Update::PartialError(_)]), "{synced:?}");

        let again = known.take(EventLine { item: None, ..event("added", "a") }, 10);
        assert!(matches!(&again[..], [Update::PartialError(_)]), "{again:?}");
        assert_eq!(known.bytes, 20);
        let [Update::PartialError(error)] = &again[..] else { unreachable!() };
        let read = known.take(event("updated", "a"), 10);
        let [Update::Upsert(_), Update::Recovered(operation)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(*operation, error.operation);

        known.take(EventLine { item: None, ..event("added", "a") }, 10);
        let removed = known.take(event("removed", "a"), 10);
        assert!(matches!(&removed[..], [_, Update::Recovered(_)]), "{removed:?}");
        assert_eq!(known.bytes, 10);
    }
}
