//! Watches the registry: its stream of events begins with every instance.

use std::collections::BTreeMap;

use super::api::{EventLine, PortolanApi, instance};
use super::{LIST, Portolan, Selection, services};
use crate::error::Result;
use crate::model::{PartialError, RegisteredInstance, ServiceId, Update, UpdateSink};

/// Namespace and name of a service.
type NamespacedName = (String, String);

/// The instances that are known.
struct Known {
    selection: Selection,
    services: BTreeMap<NamespacedName, BTreeMap<String, RegisteredInstance>>,
    /// Whether the set is being read anew.
    is_listing: bool,
}

/// Begins with everything, and ends with the stream.
pub(super) async fn watch(options: &Portolan, feed: &mut dyn UpdateSink) -> Result<()> {
    let mut known = Known { selection: options.selection()?, services: BTreeMap::new(), is_listing: true };
    let api = PortolanApi::new(options)?;
    let mut lines = api.events().await.map_err(|failure| failure.into_error(LIST))?;

    while let Some(line) = lines.next().await.map_err(|failure| failure.into_error(LIST))? {
        let line: EventLine = serde_json::from_slice(&line).map_err(|error| {
            lines.malformed(format!("a line of the events is not the expected JSON: {error}")).into_error(LIST)
        })?;
        let updates = known.take(line);
        if !updates.is_empty() {
            feed.apply(updates);
        }
    }
    Ok(())
}

impl Known {
    fn take(&mut self, line: EventLine) -> Vec<Update> {
        match line.kind.as_str() {
            "reset" => {
                self.services.clear();
                self.is_listing = true;
                Vec::new()
            }
            "synced" if self.is_listing => {
                self.is_listing = false;
                let all = self.services.values().flat_map(BTreeMap::values).cloned();
                vec![Update::Reset(services(all).collect())]
            }
            "added" | "updated" => self.put(line),
            "removed" => {
                let key = (line.namespace, line.service);
                self.remove(&key, &line.id);
                self.changed(&key)
            }
            // Signs of life, and what a newer registry may send.
            _ => Vec::new(),
        }
    }

    fn put(&mut self, line: EventLine) -> Vec<Update> {
        let read = line.item.map(instance);
        let instance = match read {
            Some(Ok(instance)) => instance,
            Some(Err(error)) => return vec![Update::PartialError(error)],
            None => return vec![Update::PartialError(no_item(&line.id))],
        };
        if !self.selection.takes(&instance) {
            return Vec::new();
        }
        let key = (instance.namespace().to_owned(), instance.name().to_owned());
        self.services.entry(key.clone()).or_default().insert(instance.id.to_string(), instance);
        self.changed(&key)
    }

    fn remove(&mut self, key: &NamespacedName, id: &str) {
        if let Some(instances) = self.services.get_mut(key) {
            instances.remove(id);
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
            Some(instances) => services(instances.values().cloned()).map(Update::Upsert).collect(),
            None => vec![Update::Remove(ServiceId::from(format!("portolan/{}/{}", key.0, key.1)))],
        }
    }
}

fn no_item(id: &str) -> PartialError {
    PartialError {
        operation: format!("read the event of '{}'", crate::clean::clean(id)),
        cause: "it has no instance".to_owned(),
        hint: "see the logs of the registry".to_owned(),
    }
}
