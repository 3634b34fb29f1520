//! How configurations change.

use std::sync::Arc;

use super::config::{
    ConfigCommand, ConfigEntry, ConfigValue, ConfigVersion, MAX_ALL_CONFIG_BYTES, MAX_CONFIG_BYTES, MAX_CONFIGS,
};
use super::document::{DocumentChange, DocumentKey, DocumentSubject, DocumentWrite};
use super::state::State;
use super::{ChangeKind, CommandRejection, Now, Outcome};
use crate::model::{Problem, name_problem};

/// A version that is being made.
struct NewVersion {
    value: Option<ConfigValue>,
    rollback_of: Option<u64>,
    author: Option<Arc<str>>,
}

impl State {
    pub(super) fn config(&mut self, command: ConfigCommand, now: Now) -> Result<Outcome, CommandRejection> {
        match command {
            ConfigCommand::Put { name, value, expected, author } => {
                check_value(&name, &value)?;
                let entry = self.expect(&name, expected)?;
                if entry.current().is_some_and(|current| current.value.as_ref() == Some(&value)) {
                    return Ok(Outcome::default());
                }
                self.add_version(&name, entry, NewVersion { value: Some(value), rollback_of: None, author }, now)
            }
            ConfigCommand::Delete { name, expected, author } => {
                let entry = self.expect(&name, expected)?;
                if entry.current().is_none() {
                    return Err(CommandRejection::UnknownConfig { name });
                }
                self.add_version(&name, entry, NewVersion { value: None, rollback_of: None, author }, now)
            }
            ConfigCommand::Rollback { name, to, expected, author } => {
                let entry = self.expect(&name, expected)?;
                let Some(newest) = entry.newest().map(|newest| newest.version) else {
                    return Err(CommandRejection::UnknownConfig { name });
                };
                let old = entry.version(to).and_then(|version| version.value.clone());
                let Some(value) = old else {
                    return Err(CommandRejection::UnknownConfigVersion { name, version: to, newest });
                };
                self.add_version(&name, entry, NewVersion { value: Some(value), rollback_of: Some(to), author }, now)
            }
        }
    }

    /// A configuration, if its current version is the expected one. One that never was is empty.
    fn expect(&self, name: &Arc<str>, expected: Option<u64>) -> Result<ConfigEntry, CommandRejection> {
        let entry = self.view.configs.get(&**name).map(|entry| ConfigEntry::clone(entry)).unwrap_or_default();
        let current = entry.current_number();
        match expected {
            Some(expected) if expected != current => {
                Err(CommandRejection::ConfigConflict { name: Arc::clone(name), expected, current })
            }
            _ => Ok(entry),
        }
    }

    fn add_version(
        &mut self,
        name: &Arc<str>,
        mut entry: ConfigEntry,
        new: NewVersion,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let before = entry.bytes();
        let added = new.value.as_ref().map_or(0, |value| value.as_str().len());
        if self.view.config_bytes + added > MAX_ALL_CONFIG_BYTES {
            return Err(CommandRejection::ConfigSpace { limit: MAX_ALL_CONFIG_BYTES });
        }
        let mut writes = Vec::new();
        if entry.newest().is_none() && self.view.configs.size() >= MAX_CONFIGS {
            writes = self.forget_deleted().ok_or(CommandRejection::ConfigLimit { limit: MAX_CONFIGS })?;
        }

        let (previous, was_there) = (entry.newest().map_or(0, |newest| newest.index), entry.current().is_some());
        let version = Arc::new(ConfigVersion {
            name: Arc::clone(name),
            version: entry.newest().map_or(0, |newest| newest.version) + 1,
            index: self.next_index(),
            at: now.wall,
            value: new.value,
            rollback_of: new.rollback_of,
            author: new.author,
        });
        let gone = entry.push(Arc::clone(&version));
        writes.push(DocumentWrite::put(&DocumentKey::Config(name, version.version), &*version));
        writes.extend(gone.iter().map(|gone| DocumentWrite::remove(&DocumentKey::Config(name, gone.version))));

        self.view.config_bytes = self.view.config_bytes + entry.bytes() - before;
        self.view.configs.insert_mut(Arc::clone(name), Arc::new(entry));
        let change = DocumentChange {
            index: version.index,
            previous,
            subject: DocumentSubject::Config(Arc::clone(name)),
            kind: match (was_there, version.value.is_some()) {
                (false, _) => ChangeKind::Added,
                (true, true) => ChangeKind::Updated,
                (true, false) => ChangeKind::Removed,
            },
            at: now.wall,
            writes,
            item: version.to_item(),
        };
        Ok(Outcome { documents: vec![change], ..Outcome::default() })
    }

    /// Makes room by forgetting the configuration that was deleted first; `None` if none is deleted.
    fn forget_deleted(&mut self) -> Option<Vec<DocumentWrite>> {
        let deleted = self.view.configs.iter().filter(|(_, entry)| entry.current().is_none());
        let (name, entry) = deleted.min_by_key(|(_, entry)| entry.newest().map_or(0, |newest| newest.index))?;
        let (name, entry) = (Arc::clone(name), Arc::clone(entry));

        self.view.config_bytes -= entry.bytes();
        self.view.configs.remove_mut(&*name);
        let versions = entry.versions().iter();
        Some(versions.map(|gone| DocumentWrite::remove(&DocumentKey::Config(&name, gone.version))).collect())
    }

    /// Takes over a stored version.
    pub(super) fn load_config(&mut self, version: ConfigVersion) {
        let mut entry =
            self.view.configs.get(&*version.name).map(|entry| ConfigEntry::clone(entry)).unwrap_or_default();
        let before = entry.bytes();
        let (name, number) = (Arc::clone(&version.name), version.version);
        entry.versions.retain(|known| known.version != number);
        let at = entry.versions.partition_point(|known| known.version < number);
        entry.versions.insert(at, Arc::new(version));

        self.view.config_bytes = self.view.config_bytes + entry.bytes() - before;
        self.view.configs.insert_mut(name, Arc::new(entry));
    }

    /// Forgets a stored version.
    pub(super) fn unload_config(&mut self, name: &str, number: u64) {
        let Some(mut entry) = self.view.configs.get(name).map(|entry| ConfigEntry::clone(entry)) else { return };
        let before = entry.bytes();
        entry.versions.retain(|known| known.version != number);

        self.view.config_bytes = self.view.config_bytes + entry.bytes() - before;
        if entry.versions.is_empty() {
            self.view.configs.remove_mut(name);
        } else {
            self.view.configs.insert_mut(name.into(), Arc::new(entry));
        }
    }
}

fn check_value(name: &str, value: &ConfigValue) -> Result<(), CommandRejection> {
    if let Some(problem) = name_problem("name", name) {
        return Err(problem.into());
    }

    let bytes = value.as_str().len();
    if bytes > MAX_CONFIG_BYTES {
        let message = format!("it has {bytes} bytes, at most {MAX_CONFIG_BYTES} are allowed");
        return Err(Problem::new("value", message, "keep large data elsewhere, and its location here").into());
    }
    if let ConfigValue::Json(text) = value
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        return Err(Problem::new("value", format!("it is not JSON: {error}"), "fix it, or send it as text").into());
    }
    Ok(())
}
