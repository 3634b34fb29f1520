//! Differences between two listings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::identity::{VOLATILE_FACTS, is_same_reading};
use super::instance::VOLATILE_FIELDS;
use super::{Detail, Endpoint, Service};

/// A difference between two listings.
#[derive(Clone, Debug)]
pub enum Change<'a> {
    /// Only in the new listing.
    Added(&'a Service),
    /// In both listings, with differences.
    Updated {
        /// The old state.
        old: &'a Service,
        /// The new state.
        new: &'a Service,
        /// The fields that differ, at least one: `endpoints[0].ready`, `detail.processes`.
        changed: Vec<String>,
    },
    /// Only in the old listing.
    Removed(&'a Service),
}

/// The differences between two listings: removed services in the order of the old one, then new and changed ones in the
/// order of the new one. Services are matched by id; of several with one id, the last counts.
pub fn diff<'a>(
    old: impl IntoIterator<Item = &'a Service>,
    new: impl IntoIterator<Item = &'a Service>,
) -> Vec<Change<'a>> {
    let (old, new) = (last_of_each(old), last_of_each(new));
    let before: HashMap<&str, &Service> = old.iter().map(|service| (service.id.as_raw(), *service)).collect();
    let after: HashSet<&str> = new.iter().map(|service| service.id.as_raw()).collect();

    let gone = old.into_iter().filter(|service| !after.contains(service.id.as_raw())).map(Change::Removed);
    let there = new.into_iter().filter_map(|new| match before.get(new.id.as_raw()) {
        None => Some(Change::Added(new)),
        Some(old) => {
            let changed = compared_fields(old, new);
            (!changed.is_empty()).then_some(Change::Updated { old, new, changed })
        }
    });

    gone.chain(there).collect()
}

/// The fields that differ between the service in two listings, of those that both could read.
pub(crate) fn compared_fields(old: &Service, new: &Service) -> Vec<String> {
    let mut changed = changed_fields(old, new);
    changed.retain(|path| !is_unread(path, old) && !is_unread(path, new));
    changed
}

/// Whether a listing could not read this field of its service: what it was or is then is unknown, and no difference.
fn is_unread(path: &str, service: &Service) -> bool {
    let unread = service.detail.unread_fields();
    let mut below = unread.iter().filter_map(|field| path.strip_prefix(field));
    below.any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn last_of_each<'a>(services: impl IntoIterator<Item = &'a Service>) -> Vec<&'a Service> {
    let mut services: Vec<&Service> = services.into_iter().collect();
    let mut seen = HashSet::with_capacity(services.len());
    services.reverse();
    services.retain(|service| seen.insert(service.id.as_raw()));
    services.reverse();
    services
}

/// The fields that differ between two descriptions of one service, by their paths in its JSON: `endpoints[0].ready`.
///
/// A list that changed its length is named as a whole. Volatile fields are left out: those of the detail
/// ([`volatile_fields`](super::Detail::volatile_fields)), and when an instance's lease expires.
pub fn changed_fields(old: &Service, new: &Service) -> Vec<String> {
    if is_same(old, new) {
        return Vec::new();
    }

    // A service always serializes: its keys are strings, its numbers finite.
    match (serde_json::to_value(old), serde_json::to_value(new)) {
        (Ok(old), Ok(now)) => changed_values(&old, &now, Some(&*new.detail)),
        _ => Vec::new(),
    }
}

/// The fields that differ between two descriptions of one endpoint, as those of [`changed_fields`]: `ready`,
/// `instance.version`.
pub fn changed_endpoint_fields(old: &Endpoint, new: &Endpoint) -> Vec<String> {
    if old == new {
        return Vec::new();
    }

    let (old, new) = (json!({ ENDPOINTS: old }), json!({ ENDPOINTS: new }));
    let changed = changed_values(&old, &new, None);
    changed.iter().filter_map(|path| path.strip_prefix(ENDPOINTS)?.strip_prefix('.')).map(ToOwned::to_owned).collect()
}

/// Where a service has its endpoints, whose volatile fields are known.
const ENDPOINTS: &str = "endpoints";

/// Where an endpoint has its identity, and the facts of that.
const IDENTITY: &str = "endpoints.service.";
const FACTS: &str = "endpoints.service.facts.";

/// Whether two services are known to be equal without comparing their JSON.
fn is_same(old: &Service, new: &Service) -> bool {
    let Service { id, name, namespace, source, endpoints, health, findings, detail } = old;

    (id, name, namespace, source) == (&new.id, &new.name, &new.namespace, &new.source)
        && (endpoints, health, findings) == (&new.endpoints, &new.health, &new.findings)
        && (Arc::ptr_eq(detail, &new.detail) || detail.has_same_facts(&*new.detail) == Some(true))
}

/// The same of two services in their JSON; `detail` is that of the new one.
fn changed_values(old: &Value, new: &Value, detail: Option<&dyn Detail>) -> Vec<String> {
    let mut changed = Vec::new();
    DiffWalk { detail, changed: &mut changed }.value(&mut DiffPath::default(), old, new);
    changed
}

/// Where a walk stands: `endpoints[0].ready`, and the same without indexes.
#[derive(Default)]
struct DiffPath {
    full: String,
    plain: String,
}

impl DiffPath {
    /// Looks at something below, and comes back.
    fn below(&mut self, name: &str, is_index: bool, look: impl FnOnce(&mut Self)) {
        let (full, plain) = (self.full.len(), self.plain.len());
        if is_index {
            self.full.extend(["[", name, "]"]);
        } else {
            self.full.extend([separator(&self.full), name]);
            self.plain.extend([separator(&self.plain), name]);
        }
        look(self);
        self.full.truncate(full);
        self.plain.truncate(plain);
    }
}

struct DiffWalk<'a> {
    detail: Option<&'a dyn Detail>,
    changed: &'a mut Vec<String>,
}

impl DiffWalk<'_> {
    fn is_volatile(&self, path: &str) -> bool {
        let volatile = self.detail.map_or(&[][..], Detail::volatile_fields);
        let of_detail = path.strip_prefix("detail.").is_some_and(|path| volatile.contains(&path));
        let of_endpoint = path.strip_prefix("endpoints.").is_some_and(|path| VOLATILE_FIELDS.contains(&path));
        let of_identity = path.strip_prefix(FACTS).is_some_and(|path| VOLATILE_FACTS.contains(&path));
        of_detail || of_endpoint || of_identity
    }

    /// Whether two different values mean the same.
    fn is_same(&self, path: &str, old: &Value, new: &Value) -> bool {
        let (Value::String(old), Value::String(new)) = (old, new) else { return false };
        if let (Some(field), Some(detail)) = (path.strip_prefix("detail."), self.detail) {
            return detail.is_same_word(field, old, new);
        }

        let name = path.strip_prefix(FACTS).or_else(|| path.strip_prefix(IDENTITY).filter(|name| *name == "banner"));
        name.is_some_and(|name| is_same_reading(name, old, new))
    }

    fn value(&mut self, path: &mut DiffPath, old: &Value, new: &Value) {
        if old == new || self.is_volatile(&path.plain) {
            return;
        }

        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let missing = old.keys().filter(|key| !new.contains_key(*key));
                for key in new.keys().chain(missing) {
                    let (old, new) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
                    path.below(key, false, |path| self.value(path, old, new));
                }
            }
            (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    path.below(&at.to_string(), true, |path| self.value(path, old, new));
                }
            }
            _ if self.is_same(&path.plain, old, new) => {}
            _ => self.changed.push(path.full.clone()),
        }
    }
}

/// The dot before the next part of a path.
fn separator(path: &str) -> &'static str {
    if path.is_empty() { "" } else { "." }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::{Address, Detail, Endpoint, Instance, Lease, Transport};

    #[derive(Debug, serde::Serialize)]
    struct DiffFacts(Value);
    impl Detail for DiffFacts {
        fn volatile_fields(&self) -> &'static [&'static str] {
            &["load", "parts.age"]
        }
    }

    fn service(id: &str, detail: Value) -> Service {
        Service::new(id.to_owned(), "test", Vec::new(), Arc::new(DiffFacts(detail)))
    }

    fn fields(old: Value, new: Value) -> Vec<String> {
        changed_fields(&service("a", old), &service("a", new))
    }

    #[test]
    fn fields_are_named_by_their_paths() {
        let old = json!({"user": {"uid": 1}, "parts": [{"pid": 1}, {"pid": 2}], "unit": "x"});
        let new = json!({"user": {"uid": 2}, "parts": [{"pid": 1}, {"pid": 3}], "unit": null, "state": "listen"});
        assert_eq!(fields(old.clone(), new), ["detail.user.uid", "detail.parts[1].pid", "detail.unit", "detail.state"]);
        assert_eq!(fields(old, json!({"user": {"uid": 1}, "parts": [], "unit": "x"})), ["detail.parts"]);
    }

    #[test]
    fn what_is_only_measured_is_no_change() {
        let old = json!({"load": 1, "parts": [{"age": 1, "pid": 1}]});
        assert_eq!(fields(old.clone(), json!({"load": 2, "parts": [{"age": 2, "pid": 1}]})), Vec::<String>::new());
        assert_eq!(fields(old, json!({"load": 2, "parts": [{"age": 2, "pid": 2}]})), ["detail.parts[0].pid"]);
    }

    #[test]
    fn a_renewed_lease_is_not_a_change_and_another_term_is() {
        let leased = |ttl, second| {
            let expires = Timestamp::from_second(second).unwrap();
            let lease = Lease { ttl: Duration::from_secs(ttl), expires, expired: false };
            let instance = Instance { lease: Some(lease), ..Instance::default() };
            let endpoint = Endpoint::new(Address::Name("a.test".into()), Some(80), Transport::Tcp);
            let endpoint = Endpoint { instance: Some(Box::new(instance)), ..endpoint };
            Service { endpoints: vec![endpoint], ..service("a", json!(null)) }
        };
        assert_eq!(changed_fields(&leased(15, 100), &leased(15, 115)), Vec::<String>::new());
        assert_eq!(changed_fields(&leased(15, 100), &leased(30, 130)), ["endpoints[0].instance.lease.ttl_ms"]);
    }

    #[test]
    fn what_a_check_measured_is_no_change_and_what_it_found_is() {
        let checked = |age_ms: u64, connect: u64, state: &str| {
            let health =
                json!({"state": state, "complete": true, "age_ms": age_ms, "latency_us": {"connect": connect}});
            let endpoint = Endpoint::new(Address::Name("a.test".into()), Some(80), Transport::Tcp);
            let endpoint = Endpoint { health: Some(serde_json::from_value(health).unwrap()), ..endpoint };
            Service { endpoints: vec![endpoint], ..service("a", json!(null)) }
        };
        assert_eq!(changed_fields(&checked(0, 900, "healthy"), &checked(1, 950, "healthy")), Vec::<String>::new());
        let changed = changed_fields(&checked(0, 900, "healthy"), &checked(1, 950, "unhealthy"));
        assert_eq!(changed, ["endpoints[0].health.state"]);
    }

    #[test]
    fn what_is_said_twice_counts_as_said_last() {
        let (old, new) = ([service("a", json!(1))], [service("a", json!(2)), service("a", json!(1))]);
        assert!(diff(&old, &new).is_empty());
    }

    proptest! {
        #[test]
        fn the_differences_lead_from_the_old_answer_to_the_new(
            old in prop::collection::btree_map(0..20_u8, 0..3_u8, 0..20),
            new in prop::collection::btree_map(0..20_u8, 0..3_u8, 0..20),
        ) {
            let of = |map: &std::collections::BTreeMap<u8, u8>| -> Vec<Service> {
                map.iter().map(|(id, value)| service(&id.to_string(), json!(value))).collect()
            };
            let (before, after) = (of(&old), of(&new));
            let mut built = old.clone();

            let mut touched = HashSet::new();
            for change in diff(&before, &after) {
                let (Change::Added(at) | Change::Updated { new: at, .. } | Change::Removed(at)) = change;
                let id: u8 = at.id.as_raw().parse().unwrap();
                prop_assert!(touched.insert(id));
                match change {
                    Change::Added(_) => prop_assert!(built.insert(id, new[&id]).is_none()),
                    Change::Updated { .. } => prop_assert_ne!(built.insert(id, new[&id]), Some(new[&id])),
                    Change::Removed(_) => prop_assert!(built.remove(&id).is_some()),
                }
            }

            prop_assert_eq!(built, new);
        }
    }
}
