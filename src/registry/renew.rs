//! Leases are renewed, and operators change what is in force.

use std::sync::Arc;

use super::checks::bounded;
use super::deadlines::Timer;
use super::state::State;
use super::{Cause, CommandRejection, InstanceRecord, Now, Outcome};
use crate::model::HealthState;

/// The health that an instance reports itself, with its text.
type OwnReport = Option<(HealthState, Option<Arc<str>>)>;

impl State {
    pub(super) fn renew(
        &mut self,
        id: &str,
        generation: Option<u64>,
        report: OwnReport,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        // An instance that does not know its health reports none.
        let report = report.filter(|(state, _)| *state != HealthState::Unknown);
        let state = report.as_ref().map(|(state, _)| *state);
        let record = &self.find(id, generation)?.record;
        let changes_nothing = !record.lease_expired && record.report == state;
        let has_text = report.as_ref().is_some_and(|(_, text)| text.is_some());

        if changes_nothing && !has_text {
            self.renew_lease(id, now);
            return Ok(Outcome::default());
        }
        self.renew_with_report(id, report, now)
    }

    /// The common case, ten thousand times a second: only the lease moves.
    fn renew_lease(&mut self, id: &str, now: Now) {
        let Some(entry) = self.view.instances.get_mut(id) else { return };
        let rules = &self.view.rules;
        let expires = entry.record.ttl(rules).map(|ttl| now.elapsed + ttl + rules.grace);

        self.deadlines.set(&entry.id, Timer::Lease, entry.expires, expires);
        entry.expires = expires;
        entry.lease_start = now;
        entry.last_seen = now.wall;
    }

    fn renew_with_report(&mut self, id: &str, report: OwnReport, now: Now) -> Result<Outcome, CommandRejection> {
        let mut entry = self.find(id, None)?.clone();
        let mut record = InstanceRecord::clone(&entry.record);
        record.lease_expired = false;
        record.report = report.as_ref().map(|(state, _)| *state);

        let text = report.map(|(_, text)| Box::new((bounded(text), now.wall)));
        if text.is_some() || entry.vitals.is_some() {
            entry.vitals_mut().report = text;
        }
        entry.last_seen = now.wall;
        let ttl = record.ttl(&self.view.rules);
        self.grant_lease(&mut entry, ttl, now);

        let mut outcome = Outcome::default();
        self.replace(entry, record, Cause::Renewed, now, &mut outcome);
        Ok(outcome)
    }

    /// Changes what its operator decides.
    pub(super) fn update(
        &mut self,
        id: &str,
        generation: Option<u64>,
        now: Now,
        change: impl FnOnce(&mut InstanceRecord),
    ) -> Result<Outcome, CommandRejection> {
        let entry = self.find(id, generation)?.clone();
        let mut record = InstanceRecord::clone(&entry.record);
        change(&mut record);

        let mut outcome = Outcome::default();
        self.replace(entry, record, Cause::Operator, now, &mut outcome);
        Ok(outcome)
    }
}
