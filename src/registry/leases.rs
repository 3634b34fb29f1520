//! Leases of a registry that several servers share. A renewal reaches one of them, which stores how long the lease lasts; the
//! others read that before they let a lease expire.

use std::sync::Arc;
use std::time::Duration;

use super::Now;
use super::deadlines::Timer;
use super::document::is_document;
use super::entry::InstanceEntry;
use super::state::State;

/// A lease: that of an instance, or of one of its checks by report; or of the agent of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    /// The instance, or the key of the document of the host.
    pub id: Arc<str>,
    /// The position of the check; `None` is the lease of the instance itself.
    pub check: Option<u8>,
    /// The generation of the instance.
    pub generation: u64,
}

impl LeaseKey {
    /// Whether it is that of the agent of a host.
    pub fn is_of_agent(&self) -> bool {
        is_document(&self.id)
    }
}

/// How long a lease lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRemainder {
    /// The lease.
    pub lease: LeaseKey,
    /// The time from now until it expires, with its grace period.
    pub remaining: Duration,
}

impl State {
    /// Leases whose expiry has come as far as this server knows, at most `max`. `ahead`: also those that expire within this
    /// time.
    pub fn due_leases(&self, now: Duration, ahead: Duration, max: usize) -> Vec<LeaseKey> {
        let due = self.deadlines.until(now + ahead).filter_map(|(timer, id)| {
            let check = match timer {
                Timer::Lease => None,
                Timer::Report(check) => Some(check),
                Timer::Agent => {
                    let generation = self.host_of_key(id)?.record.generation;
                    return Some(LeaseKey { id: Arc::clone(id), check: None, generation });
                }
                Timer::Calm | Timer::Removal => return None,
            };
            let generation = self.view.instances.get(&**id)?.record.generation;
            Some(LeaseKey { id: Arc::clone(id), check, generation })
        });

        due.take(max).collect()
    }

    /// The leases of an instance that are running, and how long they last.
    pub fn leases_of(&self, id: &str, now: Duration) -> Vec<LeaseRemainder> {
        let Some(entry) = self.view.instances.get(id) else { return self.lease_of_agent(id, now) };
        let reports = entry.vitals.iter().flat_map(|vitals| (0..).zip(&vitals.checks));
        let reports = reports.filter_map(|(at, check)| Some((Some(at), check.report_due?)));

        let running = entry.expires.map(|expires| (None, expires)).into_iter().chain(reports);
        let running = running.filter(|(_, expires)| *expires > now).map(|(check, expires)| LeaseRemainder {
            lease: LeaseKey { id: Arc::clone(&entry.id), check, generation: entry.record.generation },
            remaining: expires.saturating_sub(now),
        });
        running.collect()
    }

    /// How long the registry waits for the next report of the agent of a host.
    fn lease_of_agent(&self, key: &str, now: Duration) -> Vec<LeaseRemainder> {
        let entry =
            self.host_of_key(key).and_then(|entry| Some((entry, entry.expires.filter(|expires| *expires > now)?)));
        let lease = entry.map(|(entry, expires)| LeaseRemainder {
            lease: LeaseKey { id: key.into(), check: None, generation: entry.record.generation },
            remaining: expires.saturating_sub(now),
        });
        lease.into_iter().collect()
    }

    /// The same as [`confirm_lease`](Self::confirm_lease), of the agent of a host.
    fn confirm_agent(&mut self, known: &LeaseRemainder, now: Now) {
        let Some(entry) = self.host_of_key(&known.lease.id) else { return };
        if entry.record.generation == known.lease.generation {
            // The report that came elsewhere.
            let age = entry.record.patience().saturating_sub(known.remaining);
            let reported_at = now.wall.checked_sub(age).ok();
            self.hold_agent(&known.lease.id, now.elapsed + known.remaining, reported_at);
        }
    }

    /// Takes over how long a lease lasts according to the store. It never makes a lease shorter.
    pub fn confirm_lease(&mut self, known: &LeaseRemainder, now: Now) {
        let LeaseRemainder { lease, remaining } = known;
        let Some(entry) = self.view.instances.get(&*lease.id) else {
            return self.confirm_agent(known, now);
        };
        let ends_later = entry.expires.is_some_and(|known| known < now.elapsed + *remaining);
        if entry.record.generation != lease.generation || (lease.check.is_none() && !ends_later) {
            return;
        }

        let mut entry = entry.clone();
        match lease.check {
            None => self.confirm_instance(&mut entry, *remaining, now),
            Some(check) => self.confirm_report(&mut entry, check, now.elapsed + *remaining),
        }
        self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
    }

    fn confirm_instance(&mut self, entry: &mut InstanceEntry, remaining: Duration, now: Now) {
        let expires = now.elapsed + remaining;
        let Some(ttl) = entry.record.ttl(&self.view.rules) else { return };

        // The renewal that it had elsewhere.
        let age = (ttl + self.view.rules.grace).saturating_sub(remaining);
        let wall = now.wall.checked_sub(age).unwrap_or(now.wall);
        self.deadlines.set(&entry.id, Timer::Lease, entry.expires, Some(expires));
        entry.expires = Some(expires);
        entry.lease_start = Now { elapsed: now.elapsed.saturating_sub(age), wall };
        entry.last_seen = entry.last_seen.max(wall);
    }

    fn confirm_report(&mut self, entry: &mut InstanceEntry, check: u8, due: Duration) {
        let id = Arc::clone(&entry.id);
        let Some(vitals) = entry.vitals_mut().checks.get_mut(usize::from(check)) else { return };
        if vitals.report_due.is_none_or(|known| known >= due) {
            return;
        }

        self.deadlines.set(&id, Timer::Report(check), vitals.report_due, Some(due));
        vitals.report_due = Some(due);
    }

    /// Lets a lease run until then at least: whether it was renewed is not known yet.
    pub fn hold_lease(&mut self, lease: &LeaseKey, until: Duration) {
        let Some(mut entry) = self.view.instances.get(&*lease.id).cloned() else {
            return self.hold_agent(&lease.id, until, None);
        };
        match (lease.check, entry.expires) {
            (Some(check), _) => self.confirm_report(&mut entry, check, until),
            (None, Some(known)) if known < until => {
                self.deadlines.set(&entry.id, Timer::Lease, Some(known), Some(until));
                entry.expires = Some(until);
            }
            (None, _) => {}
        }

        self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
    }

    /// Gives every running lease one full ttl, after a time in which renewals could not be stored. That time does not count as
    /// one of failure.
    pub fn extend_leases(&mut self, gap: Duration, now: Now) {
        self.last_tick = Some(now.elapsed);
        self.extend_agents(now);
        let ids: Vec<Arc<str>> = self.view.instances.keys().cloned().collect();
        for id in ids {
            let Some(mut entry) = self.view.instances.get(&*id).cloned() else { continue };
            self.extend(&mut entry, gap, now);
            self.view.instances.insert_mut(id, entry);
        }
    }
}
