//! The metadata of a registration: few texts, which a registry keeps many times.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Texts by their keys, sorted.
///
/// One entry takes a tenth of the memory that a `BTreeMap` takes for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// No entries.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&String> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// Sets the value of a key, and returns the one before.
    pub fn insert(&mut self, key: String, value: String) -> Option<String> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                // No room that stays empty.
                self.0.reserve_exact(1);
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key, and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.find(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The entries, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(key, _)| key)
    }

    /// The number of entries.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as a map.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.iter().cloned().collect()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }
}

impl From<BTreeMap<String, String>> for Metadata {
    fn from(map: BTreeMap<String, String>) -> Self {
        let mut entries = Vec::with_capacity(map.len());
        entries.extend(map);
        Self(entries)
    }
}

/// Of several values of one key, the last counts.
impl FromIterator<(String, String)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        entries.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl<'m> IntoIterator for &'m Metadata {
    type Item = &'m (String, String);
    type IntoIter = std::slice::Iter<'m, (String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_sorted_map_without_room_to_spare() {
        let pairs = [("zone", "a"), ("region", "eu"), ("zone", "b")].map(|(key, value)| (key.into(), value.into()));
        let mut metadata: Metadata = pairs.clone().into_iter().collect();
        let mut inserted = Metadata::new();
        let before = pairs.map(|(key, value)| inserted.insert(key, value));
        assert_eq!((&inserted, before), (&metadata, [None, None, Some("a".to_owned())]));
        for metadata in [&metadata, &inserted] {
            assert_eq!((metadata.len(), metadata.0.capacity()), (2, 2));
        }

        assert_eq!(serde_json::to_string(&metadata).unwrap(), r#"{"region":"eu","zone":"b"}"#);
        assert_eq!((metadata.get("zone"), metadata.get("none")), (Some(&"b".to_owned()), None));
        assert_eq!(metadata.to_map().into_iter().collect::<Metadata>(), metadata);
        assert_eq!((metadata.remove("none"), metadata.remove("region")), (None, Some("eu".to_owned())));
        assert_eq!(metadata.keys().collect::<Vec<_>>(), ["zone"]);
    }
}
