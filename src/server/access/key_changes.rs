//! What changed between two readings of the file of keys, for the audit log.

use jiff::Timestamp;

use super::ApiKey;
use crate::clean::clean;

/// A change of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct KeyChange {
    /// `create_key`, `change_key`, `revoke_key` or `remove_key`.
    pub(in crate::server) action: &'static str,
    /// `key ID`
    pub(in crate::server) target: String,
    /// Its name, role and scope.
    pub(in crate::server) detail: String,
}

impl KeyChange {
    fn new(action: &'static str, key: &ApiKey) -> Self {
        let permissions = if key.permissions.is_empty() { key.role.clone() } else { key.permissions.join(" ") };
        let detail = format!("{}: {}, {}", clean(&key.name), clean(&permissions), clean(&key.scope.to_text()));
        Self { action, target: format!("key {}", clean(&key.id)), detail }
    }
}

/// The changes from one list of keys to another.
pub(super) fn changes(before: &[ApiKey], after: &[ApiKey]) -> Vec<KeyChange> {
    let removed = before.iter().filter(|key| !after.iter().any(|other| other.id == key.id));
    let removed = removed.map(|key| KeyChange::new("remove_key", key));

    let changed = after.iter().filter_map(|key| {
        let known = before.iter().find(|other| other.id == key.id);
        let action = match known {
            None => "create_key",
            Some(known) if known.revoked.is_none() && key.revoked.is_some() => "revoke_key",
            Some(known) if known != key => "change_key",
            Some(_) => return None,
        };
        Some(KeyChange::new(action, key))
    });
    changed.chain(removed).collect()
}

/// The keys as they were at a time, as far as their own times say.
pub(super) fn as_of(keys: &[ApiKey], at: Option<Timestamp>) -> Vec<ApiKey> {
    let Some(at) = at else { return Vec::new() };
    let known = keys.iter().filter(|key| key.created <= at);
    known.cloned().map(|key| with_revocation_until(key, at)).collect()
}

fn with_revocation_until(mut key: ApiKey, at: Timestamp) -> ApiKey {
    key.revoked = key.revoked.filter(|revoked| *revoked <= at);
    key
}

#[cfg(test)]
mod tests {
    use super::super::{ApiKeys, NewApiKey, Role, Scope};
    use super::*;

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-29T12:{minute:02}:00Z").parse().unwrap()
    }

    fn create(keys: &mut ApiKeys, name: &str, minute: u32) -> String {
        let new = NewApiKey {
            name: name.to_owned(),
            role: Role::Operator,
            permissions: Vec::new(),
            scope: Scope::default(),
            expires: None,
        };
        keys.create(new, at(minute)).unwrap().0
    }

    #[test]
    fn created_revoked_changed_and_removed_keys_are_found() {
        let mut keys = ApiKeys::empty().unwrap();
        let (first, second) = (create(&mut keys, "first", 1), create(&mut keys, "second\n", 2));
        let before = keys.list().to_vec();
        assert!(changes(&before, &before).is_empty());

        let third = create(&mut keys, "third", 3);
        keys.revoke(&first, at(4));
        let mut after = keys.list().to_vec();
        after[1].role = "admin".into();
        let found: Vec<_> = changes(&before, &after).into_iter().map(|change| (change.action, change.target)).collect();
        let key = |id: &str| format!("key {id}");
        assert_eq!(found, [("revoke_key", key(&first)), ("change_key", key(&second)), ("create_key", key(&third))]);
        let removed = changes(&after, &after[..2]);
        assert_eq!((removed[0].action, removed[0].detail.as_str()), ("remove_key", "third: operator, everything"));

        // What happened while no server ran.
        let found = |minute| changes(&as_of(keys.list(), Some(at(minute))), keys.list()).len();
        assert_eq!([found(0), found(1), found(2), found(3), found(4)], [3, 3, 2, 1, 0]);
        assert_eq!(changes(&as_of(keys.list(), None), keys.list()).len(), 3);
    }
}
