//! The registrations that are known, by their keys, and the services that they make.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::api::{EtcdApi, Pair};
use super::key_faults::KeyFaults;
use super::value::{EtcdRegistration, read};
use crate::model::{Lease, PartialError, RegistryDetail, Service, ServiceId, Update};
use crate::net::registry_http::RegistryFailure;
use crate::source::name_filter::NameFilter;

/// All registrations below a prefix.
pub(super) struct Registrations {
    prefix: Vec<u8>,
    filter: NameFilter,
    by_key: BTreeMap<Vec<u8>, Registration>,
    /// The keys of each service.
    by_service: BTreeMap<String, BTreeSet<Vec<u8>>>,
    leases: BTreeMap<i64, Lease>,
    faults: KeyFaults,
}

struct Registration {
    service: String,
    registered: EtcdRegistration,
    lease: i64,
}

/// Leases that are read; the expiry of others is not shown.
const MAX_LEASES: usize = 2000;
const CONCURRENCY: usize = 8;
/// The operation of the error if leases cannot be read.
pub(super) const READ_LEASES: &str = "read the leases of etcd";

impl Registrations {
    pub(super) fn new(prefix: &str, filter: NameFilter) -> Self {
        let (by_key, by_service, leases) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (prefix, faults) = (prefix.as_bytes().to_vec(), KeyFaults::default());
        Self { prefix, filter, by_key, by_service, leases, faults }
    }

    /// Takes all keys of a list. Returns the errors of those that are no registrations.
    pub(super) fn fill(&mut self, pairs: Vec<Pair>) -> Vec<PartialError> {
        let mut faults = Vec::new();
        for pair in pairs {
            match self.read(&pair) {
                Ok(registered) => drop(self.insert(pair, registered)),
                Err(why) => faults.push((pair.key, why)),
            }
        }
        self.faults.report_list(faults)
    }

    /// Takes the value of a key that changed. Returns the services that it changes.
    ///
    /// # Errors
    /// The value is not a registration; what was known of the key stays.
    pub(super) fn put(&mut self, pair: Pair) -> Result<Vec<String>, PartialError> {
        match self.read(&pair) {
            Ok(registered) => Ok(self.insert(pair, registered)),
            Err(why) => Err(self.faults.report(&pair.key, &why)),
        }
    }

    /// The key has a registration now, or is gone: the ends of its errors.
    pub(super) fn recover(&mut self, key: &[u8]) -> impl Iterator<Item = Update> + use<> {
        self.faults.recover(key)
    }

    fn read(&self, pair: &Pair) -> Result<EtcdRegistration, String> {
        let key = pair.key.strip_prefix(self.prefix.as_slice()).unwrap_or(&pair.key);
        read(&String::from_utf8_lossy(key), &pair.value)
    }

    fn insert(&mut self, pair: Pair, registered: EtcdRegistration) -> Vec<String> {
        let mut changed = self.delete(&pair.key);
        if !self.filter.matches(&registered.name) {
            return changed;
        }
        let service = service_id(&registered);
        self.by_service.entry(service.clone()).or_default().insert(pair.key.clone());
        self.by_key.insert(pair.key, Registration { service: service.clone(), registered, lease: pair.lease });
        changed.push(service);
        changed
    }

    /// Removes a key. Returns the service that it changes.
    pub(super) fn delete(&mut self, key: &[u8]) -> Vec<String> {
        let Some(Registration { service, .. }) = self.by_key.remove(key) else { return Vec::new() };
        if let Some(keys) = self.by_service.get_mut(&service) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_service.remove(&service);
            }
        }
        vec![service]
    }

    /// Reads the leases that are not known yet.
    pub(super) async fn read_leases(&mut self, api: &EtcdApi) -> Option<PartialError> {
        let used: BTreeSet<i64> =
            self.by_key.values().map(|registration| registration.lease).filter(|id| *id != 0).collect();
        self.leases.retain(|id, _| used.contains(id));
        let unknown: Vec<i64> =
            used.iter().filter(|id| !self.leases.contains_key(id)).copied().take(MAX_LEASES).collect();

        let requests = unknown.into_iter().map(|id| async move { (id, api.lease(id).await) });
        let mut replies = stream::iter(requests).buffer_unordered(CONCURRENCY);
        let mut failed: Option<RegistryFailure> = None;
        while let Some((id, reply)) = replies.next().await {
            match reply {
                Ok(lease) => self.leases.extend(lease.map(|lease| (id, lease))),
                Err(failure) if failure.is_outage() => {
                    failed = Some(failure);
                    break;
                }
                Err(failure) => failed = Some(failure),
            }
        }
        failed.map(|failure| failure.into_partial(READ_LEASES))
    }

    /// All services, sorted.
    pub(super) fn services(&self) -> impl Iterator<Item = Service> + '_ {
        self.by_service.iter().map(|(id, keys)| self.service(id, keys))
    }

    /// The update for a service: its current state, or its removal.
    pub(super) fn update(&self, id: &str) -> Update {
        match self.by_service.get(id) {
            Some(keys) => Update::Upsert(self.service(id, keys)),
            None => Update::Remove(ServiceId::from(id)),
        }
    }

    fn service(&self, id: &str, keys: &BTreeSet<Vec<u8>>) -> Service {
        let registrations: Vec<&Registration> = keys.iter().filter_map(|key| self.by_key.get(key)).collect();
        let mut endpoints = Vec::with_capacity(registrations.len());
        for Registration { registered, lease, .. } in &registrations {
            let mut endpoint = registered.endpoint.clone();
            if let Some(instance) = &mut endpoint.instance {
                instance.lease = self.leases.get(lease).copied();
            }
            endpoints.push(endpoint);
        }

        let keys = keys.iter().map(|key| String::from_utf8_lossy(key).into_owned().into()).collect();
        let detail = RegistryDetail { keys, ..RegistryDetail::default() };
        let mut service = Service::new(id, "etcd", endpoints, detail);
        if let Some(Registration { registered, .. }) = registrations.first() {
            service.name = Some(registered.name.as_str().into());
            service.namespace = registered.namespace.as_deref().map(Into::into);
        }
        service.erase()
    }
}

fn service_id(registered: &EtcdRegistration) -> String {
    match &registered.namespace {
        Some(namespace) => format!("etcd/{namespace}/{}", registered.name),
        None => format!("etcd/{}", registered.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> Pair {
        Pair { key: key.as_bytes().to_vec(), value: value.as_bytes().to_vec(), lease: 0 }
    }

    fn ids(registrations: &Registrations) -> Vec<String> {
        registrations.services().map(|service| format!("{} {}", service.id, service.endpoints.len())).collect()
    }

    /// One bad key must not hide the services of the others, nor remove what was known.
    #[test]
    fn a_key_that_is_no_registration_is_reported_and_changes_nothing() {
        let mut known = Registrations::new("/s/", NameFilter::new(&[]).unwrap());
        let errors = known.fill(vec![pair("/s/web/1", "h:1"), pair("/s/web/2", "{"), pair("/s/db/\u{1b}", "x")]);
        let operations: Vec<_> = errors.iter().map(|error| error.operation.as_str()).collect();
        assert_eq!(operations, ["read the key '/s/web/2'", "read the key '/s/db/\\u{1b}'"]);
        assert_eq!(ids(&known), ["etcd/web 1"]);
        assert!(known.put(pair("/s/web/1", "nonsense")).is_err());
        assert_eq!(ids(&known), ["etcd/web 1"]);

        let many: Vec<Pair> = (0..50).map(|at| pair(&format!("/s/web/x{at}"), "")).collect();
        let errors = known.fill(many);
        assert_eq!((errors.len(), errors[20].operation.as_str()), (21, "read 30 more keys"));
    }

    #[test]
    fn a_registration_that_moves_to_another_service_changes_both() {
        let mut known = Registrations::new("/s/", NameFilter::new(&[]).unwrap());
        known.fill(vec![pair("/s/a/1", "h:1"), pair("/s/a/2", "h:2")]);
        assert_eq!(known.put(pair("/s/a/1", r#"{"name":"b","address":"h:1"}"#)).unwrap(), ["etcd/a", "etcd/b"]);
        assert_eq!(ids(&known), ["etcd/a 1", "etcd/b 1"]);
        assert_eq!(known.delete(b"/s/a/2"), ["etcd/a"]);
        assert!(matches!(known.update("etcd/a"), Update::Remove(_)));
        assert!(known.delete(b"/s/a/2").is_empty());
    }
}
