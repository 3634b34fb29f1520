//! The key of a service: its namespace and its name.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::model::RegisteredInstance;

/// A service: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ServiceKey {
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
}

impl ServiceKey {
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(super) fn of(instance: &RegisteredInstance) -> Self {
        Self::new(instance.namespace(), instance.name())
    }
}

/// The texts of a key: a sorted map is searched with borrowed ones, which costs no allocation.
pub(super) trait KeyTexts {
    /// The namespace and the name.
    fn texts(&self) -> (&str, &str);
}

impl KeyTexts for ServiceKey {
    fn texts(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

impl KeyTexts for (&str, &str) {
    fn texts(&self) -> (&str, &str) {
        *self
    }
}

impl<'t> Borrow<dyn KeyTexts + 't> for ServiceKey {
    fn borrow(&self) -> &(dyn KeyTexts + 't) {
        self
    }
}

impl PartialEq for dyn KeyTexts + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.texts() == other.texts()
    }
}

impl Eq for dyn KeyTexts + '_ {}

impl PartialOrd for dyn KeyTexts + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn KeyTexts + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.texts().cmp(&other.texts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_texts_are_ordered_as_keys_are() {
        let texts = ["", "a", "a/b", "b"];
        let keys = || texts.iter().flat_map(|namespace| texts.iter().map(move |name| (*namespace, *name)));
        for (one, other) in keys().flat_map(|one| keys().map(move |other| (one, other))) {
            let [first, second]: [&dyn KeyTexts; 2] = [&one, &other];
            let owned = ServiceKey::new(one.0, one.1).cmp(&ServiceKey::new(other.0, other.1));
            assert_eq!(first.cmp(second), owned, "{one:?} {other:?}");
        }
    }
}
