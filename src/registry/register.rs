//! Instances come and go.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::checks::carry_over;
use super::deadlines::Timer;
use super::entry::InstanceEntry;
use super::snapshot::{ServiceEntry, service_key};
use super::state::State;
use super::{Cause, ChangeKind, CommandRejection, InstanceRecord, Now, Outcome};
use crate::model::{CatalogCheck, DEFAULT_NAMESPACE, Problem, Registration};

/// How many services without instances are remembered with the index at which they lost the last one.
const MAX_ENDED_SERVICES: usize = 1024;

impl State {
    pub(super) fn register(&mut self, registration: Arc<Registration>, now: Now) -> Result<Outcome, CommandRejection> {
        if let Some(problem) = self.view.rules.method_problem(&registration) {
            return Err(problem.into());
        }
        self.accept(registration, now)
    }

    /// Registers an instance that may have kept checks of methods that are not allowed any more.
    pub(super) fn accept(&mut self, registration: Arc<Registration>, now: Now) -> Result<Outcome, CommandRejection> {
        if let Some(problem) = registration.problem() {
            return Err(problem.into());
        }
        let registration = normalized(registration);
        let Some(id) = registration.id.as_deref() else {
            return Err(Problem::new("id", "it is missing", "give the instance a UUID").into());
        };

        match self.view.instances.get(id).cloned() {
            Some(entry) => self.register_again(entry, registration, now),
            None => self.register_new(id.into(), registration, now),
        }
    }

    fn register_new(
        &mut self,
        id: Arc<str>,
        registration: Arc<Registration>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let key = service_key(registration.namespace_or_default(), &registration.name);
        self.check_limits(&key)?;

        let mut outcome = Outcome::default();
        outcome.warnings.extend(self.same_place_warning(&id, &registration));
        let node_down = registration.node.as_deref().is_some_and(|node| self.down_nodes.contains(node));
        let mut record = InstanceRecord::new(registration, &self.view.rules, node_down, now.wall);
        record.index = self.next_index();
        record.generation = record.index;

        let entry = InstanceEntry::new(id, Arc::new(record), &self.view.rules, now);
        let entry = self.insert(entry, now);
        self.push_change(&entry, ChangeKind::Added, Cause::Registered, Vec::new(), now, &mut outcome);
        Ok(outcome)
    }

    fn check_limits(&self, key: &str) -> Result<(), CommandRejection> {
        let rules = &self.view.rules;
        if self.view.len() >= rules.max_instances {
            return Err(CommandRejection::RegistryFull { limit: rules.max_instances });
        }

        let members = self.view.services.get(key).map_or(0, |service| service.members.size());
        if members >= rules.max_instances_per_service {
            return Err(CommandRejection::InstanceLimit {
                service: key.into(),
                limit: rules.max_instances_per_service,
            });
        }
        Ok(())
    }

    fn register_again(
        &mut self,
        mut entry: InstanceEntry,
        registration: Arc<Registration>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let old = Arc::clone(&entry.record.registration);
        let is_same_service =
            old.name == registration.name && old.namespace_or_default() == registration.namespace_or_default();
        if !is_same_service {
            return Err(CommandRejection::IdTaken { id: entry.id, service: entry.record.service().into() });
        }

        let mut outcome = Outcome::default();
        outcome.warnings.extend(self.same_place_warning(&entry.id, &registration));
        let mut record = InstanceRecord::clone(&entry.record);
        record.lease_expired = false;
        if *old != *registration {
            self.adopt(&mut entry, &mut record, registration, now);
        }

        entry.last_seen = now.wall;
        let ttl = record.ttl(&self.view.rules);
        self.grant_lease(&mut entry, ttl, now);
        self.replace(entry, record, Cause::Registered, now, &mut outcome);
        Ok(outcome)
    }

    /// Changes entries of the metadata of an instance as it is now: what others changed meanwhile stays.
    pub(super) fn set_metadata(
        &mut self,
        id: &str,
        generation: Option<u64>,
        entries: &BTreeMap<String, String>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut entry = self.find(id, generation)?.clone();
        let mut registration = Registration::clone(&entry.record.registration);
        registration.set_metadata(entries.clone());
        if let Some(problem) = registration.problem() {
            return Err(problem.into());
        }

        let mut outcome = Outcome::default();
        let mut record = InstanceRecord::clone(&entry.record);
        if *record.registration != registration {
            self.adopt(&mut entry, &mut record, Arc::new(registration), now);
        }
        self.replace(entry, record, Cause::Registered, now, &mut outcome);
        Ok(outcome)
    }

    /// Takes over another registration. A status or a weight that its operator set stays in force until the registration
    /// itself names another one.
    fn adopt(
        &mut self,
        entry: &mut InstanceEntry,
        record: &mut InstanceRecord,
        registration: Arc<Registration>,
        now: Now,
    ) {
        let old = Arc::clone(&record.registration);
        if old.status != registration.status {
            record.status = registration.status;
            record.reason = None;
        }
        if old.weight != registration.weight {
            record.weight = registration.weight.unwrap_or(1);
        }

        self.leave_places(&entry.id, &old);
        self.enter_places(&entry.id, &registration);
        record.node_down = registration.node.as_deref().is_some_and(|node| self.down_nodes.contains(node));
        record.registration = registration;
        if old.checks != record.registration.checks || catalog_checks(&old) != catalog_checks(&record.registration) {
            let checks = carry_over(&old, entry, record, &self.view.rules, now);
            self.replace_checks(entry, checks);
        }
    }

    /// Adds an instance that is not there yet, with its lease, to everything that is kept about instances.
    pub(super) fn insert(&mut self, mut entry: InstanceEntry, now: Now) -> InstanceEntry {
        let key: Arc<str> = entry.record.service().into();
        if !self.view.services.contains_key(&*key) {
            self.forget_ended(&key);
            self.view.services.insert_mut(Arc::clone(&key), ServiceEntry::default());
        }
        if let Some(service) = self.view.services.get_mut(&*key) {
            service.index = service.index.max(entry.record.index);
            service.members.insert_mut(Arc::clone(&entry.id));
            service.health.add(entry.record.health);
        }
        self.view.health.add(entry.record.health);
        self.enter_places(&entry.id, &Arc::clone(&entry.record.registration));

        if !entry.record.lease_expired {
            let ttl = entry.record.ttl(&self.view.rules);
            self.grant_lease(&mut entry, ttl, now);
        }
        self.schedule_reports(&entry);
        if entry.record.has_failed(&self.view.rules) {
            self.set_failed(&entry, &key, None, Some(now.elapsed));
            entry.failures_mut().since = Some(now.elapsed);
        }
        self.refresh_removal(&mut entry);

        self.view.instances.insert_mut(Arc::clone(&entry.id), entry.clone());
        entry
    }

    pub(super) fn deregister(
        &mut self,
        id: &str,
        generation: Option<u64>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let entry = self.find(id, generation)?.clone();
        let mut outcome = Outcome::default();

        self.remove(&entry, Cause::Deregistered, now, &mut outcome);
        Ok(outcome)
    }

    /// Removes an instance from everything that is kept about instances.
    pub(super) fn remove(&mut self, entry: &InstanceEntry, cause: Cause, now: Now, outcome: &mut Outcome) {
        let index = self.next_index();
        self.push_change(entry, ChangeKind::Removed, cause, Vec::new(), now, outcome);
        if let Some(change) = outcome.changes.last_mut() {
            change.instance.index = index;
        }

        let key = entry.record.service();
        self.cancel_timers(entry);
        self.set_failed(entry, &key, entry.failed_since(), None);
        self.leave_places(&entry.id, &entry.record.registration);
        self.view.instances.remove_mut(&*entry.id);
        self.view.health.remove(entry.record.health);

        let Some(service) = self.view.services.get_mut(key.as_str()) else { return };
        service.index = index;
        service.members.remove_mut(&*entry.id);
        service.health.remove(entry.record.health);
        if service.members.is_empty() {
            self.end_service(key.into(), index, outcome);
        }
    }

    fn cancel_timers(&mut self, entry: &InstanceEntry) {
        self.deadlines.set(&entry.id, Timer::Lease, entry.expires, None);
        self.removals.set(&entry.id, Timer::Removal, entry.removal(), None);
        let Some(vitals) = &entry.vitals else { return };

        self.deadlines.set(&entry.id, Timer::Calm, entry.calm(), None);
        for (at, check) in (0..).zip(&vitals.checks) {
            self.deadlines.set(&entry.id, Timer::Report(at), check.report_due, None);
        }
    }

    /// Remembers at which index a service lost its last instance, so that its watchers see that, and no others do.
    fn end_service(&mut self, key: Arc<str>, index: u64, outcome: &mut Outcome) {
        self.view.services.remove_mut(&*key);
        self.end_protection(&key, "it has no instances", outcome);
        self.view.ended_services.insert_mut(Arc::clone(&key), index);
        self.ended.insert_mut(index, key);

        while self.ended.size() > MAX_ENDED_SERVICES {
            let Some((index, key)) = self.ended.first().map(|(index, key)| (*index, Arc::clone(key))) else { break };
            self.ended.remove_mut(&index);
            self.view.ended_services.remove_mut(&*key);
            self.view.forgotten_index = index;
        }
    }

    fn forget_ended(&mut self, key: &str) {
        if let Some(index) = self.view.ended_services.get(key).copied() {
            self.view.ended_services.remove_mut(key);
            self.ended.remove_mut(&index);
        }
    }

    /// Another instance at the same address and port is most likely the same program under another id.
    fn same_place_warning(&self, id: &str, registration: &Registration) -> Option<String> {
        let (place, hash) = (place_key(registration), self.place_hash(registration));
        let others = self.places.range((hash, Arc::default())..).take_while(|(known, _)| *known == hash);
        let mut others = others.filter(|(_, other)| &**other != id).filter_map(|(_, other)| self.view.record(other));
        let other = others.find(|other| place_key(&other.registration) == place)?;
        let (other, service) = (other.id(), other.service());

        Some(format!("{} is also registered as {other} of {service}", registration.place()))
    }

    pub(super) fn enter_places(&mut self, id: &Arc<str>, registration: &Registration) {
        if registration.port > 0 {
            self.places.insert((self.place_hash(registration), Arc::clone(id)));
        }
        if let Some(node) = registration.node.as_deref() {
            let mut ids = self.nodes.get(node).cloned().unwrap_or_default();
            ids.insert_mut(Arc::clone(id));
            self.nodes.insert_mut(node.into(), ids);
        }
    }

    fn place_hash(&self, registration: &Registration) -> u64 {
        self.place_hasher.hash_one(place_key(registration))
    }

    pub(super) fn leave_places(&mut self, id: &Arc<str>, registration: &Registration) {
        self.places.remove(&(self.place_hash(registration), Arc::clone(id)));

        let Some(node) = registration.node.as_deref() else { return };
        if let Some(ids) = self.nodes.get_mut(node) {
            ids.remove_mut(&**id);
            if ids.is_empty() {
                self.nodes.remove_mut(node);
            }
        }
    }
}

fn catalog_checks(registration: &Registration) -> Option<&[CatalogCheck]> {
    registration.catalog.as_ref().map(|entry| entry.checks.as_slice())
}

/// UDP has ports of its own.
fn place_key(registration: &Registration) -> String {
    let transport = if registration.protocol.as_deref() == Some("udp") { "udp" } else { "tcp" };
    format!("{transport}/{}", registration.place())
}

/// The same registration in the one form that is compared and stored.
fn normalized(registration: Arc<Registration>) -> Arc<Registration> {
    if registration.namespace.as_deref() != Some(DEFAULT_NAMESPACE) {
        return registration;
    }

    let mut registration = Arc::unwrap_or_clone(registration);
    registration.namespace = None;
    Arc::new(registration)
}
