//! Finds the services that may select a pod, without a comparison with each of them.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::object_key::ObjectKey;
use super::pods::Pod;
use super::service_state::ServiceState;

/// Services by the hash of their namespace and of one label that they select. Whether a candidate selects a pod is still to be
/// compared.
#[derive(Default)]
pub(super) struct SelectorIndex(HashMap<u64, Vec<ObjectKey>, FixedState>);

impl SelectorIndex {
    pub(super) fn of<'s>(services: impl Iterator<Item = (&'s ObjectKey, &'s ServiceState)>) -> Self {
        let mut index = Self::default();
        for (key, service) in services {
            if let Some((label, value)) = service.detail.selector.first_key_value() {
                let hash = hash(&key.0, label.as_raw(), value.as_raw());
                index.0.entry(hash).or_default().push(key.clone());
            }
        }
        index
    }

    /// Every service that selects the pod, and perhaps others.
    pub(super) fn candidates(&self, pod: &Pod) -> impl Iterator<Item = &ObjectKey> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let labels = pod.metadata.labels.iter().flatten();
        labels.filter_map(move |(label, value)| self.0.get(&hash(namespace, label, value))).flatten()
    }
}

fn hash(namespace: &str, label: &str, value: &str) -> u64 {
    FixedState::default().hash_one((namespace, label, value))
}
