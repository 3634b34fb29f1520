//! What is known of an instance beside its record: what comes and goes without being a change.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{InstanceRecord, Now, Rules};
use crate::model::{
    CheckState, DebouncedState, HealthReport, HealthState, RegisteredInstance, RegisteredLease, Registration,
};

/// An instance with everything that is known of it.
#[derive(Clone, Debug)]
pub(super) struct InstanceEntry {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<InstanceRecord>,
    /// When its lease was granted or renewed last.
    pub(super) lease_start: Now,
    /// When it was registered or renewed last. A restart renews leases, but sees no instance.
    pub(super) last_seen: Timestamp,
    /// When its lease expires.
    pub(super) expires: Option<Duration>,
    /// Only some instances have any of these.
    pub(super) vitals: Option<Arc<Vitals>>,
}

/// Measurements that are no changes by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Vitals {
    /// The text of its own report, and when it came.
    pub(super) report: Option<Box<(Option<Arc<str>>, Timestamp)>>,
    /// The results of its checks, in the order of the checks.
    pub(super) checks: Vec<CheckVitals>,
    /// Most instances never fail.
    pub(super) failures: Option<Box<Failures>>,
}

/// When an instance failed, and what follows from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    /// Since when it has failed.
    pub(super) since: Option<Duration>,
    /// When it will be removed.
    pub(super) removal: Option<Duration>,
    /// When it failed or recovered lately.
    pub(super) flips: Vec<Duration>,
    /// When it no longer flaps.
    pub(super) calm: Option<Duration>,
}

/// What is known of a check beside its confirmed state.
#[derive(Clone, Debug)]
pub(super) struct CheckVitals {
    pub(super) debounced: DebouncedState,
    pub(super) note: Option<Arc<str>>,
    pub(super) checked_at: Option<Timestamp>,
    /// When the next report must have come, for a check by report.
    pub(super) report_due: Option<Duration>,
}

/// The result of a check.
pub(super) struct CheckResult {
    pub(super) check: usize,
    pub(super) state: HealthState,
    pub(super) note: Option<Arc<str>>,
}

impl CheckVitals {
    /// A check that had no result since then. The state is the one that was confirmed before, if there was one.
    fn new(state: HealthState, registration: &Registration, at: usize, now: Duration, rules: &Rules) -> Self {
        let lasts = registration.report_lasts(at, rules.check_interval, rules.grace);
        let report_due = lasts.map(|lasts| now + lasts);
        let output = registration.catalog_check(at).map(|check| check.output.as_str());
        let note = output.filter(|output| !output.is_empty()).map(Arc::from);

        Self { debounced: DebouncedState::new(state), note, checked_at: None, report_due }
    }

    /// Forgets its results, for this reason.
    pub(super) fn forget(&mut self, note: Option<Arc<str>>) {
        self.debounced = DebouncedState::new(HealthState::Unknown);
        self.note = note;
    }
}

impl InstanceEntry {
    /// An instance that is seen now.
    pub(super) fn new(id: Arc<str>, record: Arc<InstanceRecord>, rules: &Rules, now: Now) -> Self {
        let checks: Vec<CheckVitals> = check_vitals(&record, rules, now.elapsed);
        let vitals = (!checks.is_empty()).then(|| Arc::new(Vitals { checks, ..Vitals::default() }));

        Self { id, record, lease_start: now, last_seen: now.wall, expires: None, vitals }
    }

    /// Since when it has failed.
    pub(super) fn failed_since(&self) -> Option<Duration> {
        self.failures()?.since
    }

    /// When it will be removed.
    pub(super) fn removal(&self) -> Option<Duration> {
        self.failures()?.removal
    }

    /// When it no longer flaps.
    pub(super) fn calm(&self) -> Option<Duration> {
        self.failures()?.calm
    }

    fn failures(&self) -> Option<&Failures> {
        self.vitals.as_ref()?.failures.as_deref()
    }

    /// What is known of its failures, for a change.
    pub(super) fn failures_mut(&mut self) -> &mut Failures {
        self.vitals_mut().failures.get_or_insert_default()
    }

    /// The vitals for a change.
    pub(super) fn vitals_mut(&mut self) -> &mut Vitals {
        Arc::make_mut(self.vitals.get_or_insert_default())
    }

    /// The instance as it is answered with.
    pub(super) fn answer(&self, rules: &Rules, protected: bool) -> RegisteredInstance {
        let record = &*self.record;
        let report = record.report.map(|status| self.report(status));

        RegisteredInstance {
            registration: Arc::clone(&record.registration),
            id: Arc::clone(&self.id),
            generation: record.generation,
            index: record.index,
            status: record.status,
            status_reason: record.reason.clone(),
            weight: record.weight_in_force(),
            own_weight: record.share.map(|_| record.weight),
            health: record.health,
            lease: record.ttl(rules).map(|ttl| self.lease(ttl)),
            report,
            checks: (0..record.checks.len()).map(|at| self.check_state(at)).collect(),
            node_down: record.node_down,
            flapping: record.flapping,
            monitoring_stopped: record.monitoring_stopped,
            protected,
            registered_at: record.registered_at,
            last_seen: self.last_seen,
        }
    }

    fn lease(&self, ttl: Duration) -> RegisteredLease {
        // The furthest time that can be written is far enough.
        let expires = self.lease_start.wall.checked_add(ttl).unwrap_or(Timestamp::MAX);
        RegisteredLease { ttl, expires, expired: self.record.lease_expired }
    }

    fn report(&self, status: HealthState) -> HealthReport {
        let known = self.vitals.as_ref().and_then(|vitals| vitals.report.as_deref().cloned());
        let (message, timestamp) = known.unwrap_or((None, self.last_seen));
        HealthReport { status, message, timestamp }
    }

    fn check_state(&self, at: usize) -> CheckState {
        let state = self.record.checks.get(at).copied().unwrap_or(HealthState::Unknown);
        let vitals = self.vitals.as_ref().and_then(|vitals| vitals.checks.get(at));

        CheckState {
            state,
            note: vitals.and_then(|vitals| vitals.note.clone()),
            checked_at: vitals.and_then(|vitals| vitals.checked_at),
        }
    }
}

/// The checks of a record, none of which had a result yet.
pub(super) fn check_vitals(record: &InstanceRecord, rules: &Rules, now: Duration) -> Vec<CheckVitals> {
    let states = record.checks.iter().take(record.registration.checks.len()).enumerate();
    states.map(|(at, state)| CheckVitals::new(*state, &record.registration, at, now, rules)).collect()
}
