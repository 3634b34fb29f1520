//! Results of checks.

use std::sync::Arc;
use std::time::Duration;

use super::deadlines::Timer;
use super::entry::{CheckResult, CheckVitals, InstanceEntry, check_vitals};
use super::state::State;
use super::{Cause, CommandRejection, InstanceRecord, Now, Outcome, Rules};
use crate::model::{CheckDefinition, CheckKind, HealthState, Registration, Thresholds};

/// The longest text of a result that is kept.
const MAX_NOTE_BYTES: usize = 4 * 1024;

/// A text from outside, cut to what is kept.
pub(super) fn bounded(note: Option<Arc<str>>) -> Option<Arc<str>> {
    let note = note.filter(|note| !note.is_empty())?;
    let end = note.floor_char_boundary(MAX_NOTE_BYTES);

    if end == note.len() { Some(note) } else { Some(note[..end].into()) }
}

/// When a result is confirmed. A report by the instance itself is at once.
fn thresholds(check: &CheckDefinition, rules: &Rules) -> Thresholds {
    let default = if check.kind == CheckKind::Ttl { Thresholds { rise: 1, fall: 1 } } else { rules.thresholds };

    Thresholds {
        rise: check.success_threshold.unwrap_or(default.rise).max(1),
        fall: check.failure_threshold.unwrap_or(default.fall).max(1),
    }
}

impl State {
    pub(super) fn check_result(
        &mut self,
        id: &str,
        generation: Option<u64>,
        result: CheckResult,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut entry = self.find(id, generation)?.clone();
        let registration = Arc::clone(&entry.record.registration);
        let Some(definition) = registration.checks.get(result.check) else {
            let checks = registration.checks.len();
            return Err(CommandRejection::UnknownCheck { id: id.into(), check: result.check, checks });
        };

        let (check, is_known) = (result.check, result.state != HealthState::Unknown);
        let mut record = InstanceRecord::clone(&entry.record);
        if definition.kind == CheckKind::Ttl && is_known {
            self.await_report(&mut entry, &registration, check, now);
        }

        let thresholds = thresholds(definition, &self.view.rules);
        // A single look at an instance whose checks are stopped is no state that lasts.
        let counts = is_known && (definition.kind == CheckKind::Ttl || !record.monitoring_stopped);
        if let Some(vitals) = entry.vitals_mut().checks.get_mut(check) {
            vitals.note = bounded(result.note);
            vitals.checked_at = Some(now.wall);
            if counts && vitals.debounced.record(result.state, thresholds) {
                record.checks[check] = vitals.debounced.get();
            }
        }

        let mut outcome = Outcome::default();
        self.replace(entry, record, Cause::Check, now, &mut outcome);
        Ok(outcome)
    }

    /// A check cannot run: what it said before is no longer known.
    pub(super) fn check_unavailable(
        &mut self,
        id: &str,
        generation: Option<u64>,
        check: usize,
        note: Arc<str>,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut entry = self.find(id, generation)?.clone();
        let mut record = InstanceRecord::clone(&entry.record);
        let checks = record.checks.len();
        let Some(state) = record.checks.get_mut(check) else {
            return Err(CommandRejection::UnknownCheck { id: id.into(), check, checks });
        };

        *state = HealthState::Unknown;
        if let Some(vitals) = entry.vitals_mut().checks.get_mut(check) {
            vitals.forget(bounded(Some(note)));
        }
        let mut outcome = Outcome::default();
        self.replace(entry, record, Cause::Check, now, &mut outcome);
        Ok(outcome)
    }

    /// Starts or stops the checks that the registry runs. Without them their states are not known.
    pub(super) fn set_monitoring(
        &mut self,
        id: &str,
        generation: Option<u64>,
        enabled: bool,
        now: Now,
    ) -> Result<Outcome, CommandRejection> {
        let mut entry = self.find(id, generation)?.clone();
        let mut record = InstanceRecord::clone(&entry.record);
        record.monitoring_stopped = !enabled;

        let registration = Arc::clone(&record.registration);
        let is_change = record.monitoring_stopped != entry.record.monitoring_stopped;
        let run = registration.checks.iter().enumerate().filter(|(_, check)| is_change && check.kind != CheckKind::Ttl);
        for (at, _) in run {
            let note = (!enabled).then(|| Arc::from("monitoring is stopped"));
            if let (Some(state), Some(vitals)) = (record.checks.get_mut(at), entry.vitals_mut().checks.get_mut(at)) {
                *state = HealthState::Unknown;
                vitals.forget(note);
            }
        }

        let mut outcome = Outcome::default();
        self.replace(entry, record, Cause::Operator, now, &mut outcome);
        Ok(outcome)
    }

    /// Waits for the next report of a check by report.
    pub(super) fn await_report(
        &mut self,
        entry: &mut InstanceEntry,
        registration: &Registration,
        check: usize,
        now: Now,
    ) {
        let rules = &self.view.rules;
        let lasts = registration.report_lasts(check, rules.check_interval, rules.grace);
        let due = lasts.map(|lasts| now.elapsed + lasts);

        let id = Arc::clone(&entry.id);
        if let Some(vitals) = entry.vitals_mut().checks.get_mut(check) {
            self.deadlines.set(&id, timer(check), vitals.report_due, due);
            vitals.report_due = due;
        }
    }

    /// A report did not come in time: the check fails at once.
    pub(super) fn miss_report(&mut self, id: &str, check: u8, now: Now, outcome: &mut Outcome) {
        let Some(mut entry) = self.view.instances.get(id).cloned() else { return };
        let mut record = InstanceRecord::clone(&entry.record);
        let id = Arc::clone(&entry.id);

        if let Some(vitals) = entry.vitals_mut().checks.get_mut(usize::from(check)) {
            self.deadlines.set(&id, Timer::Report(check), vitals.report_due, None);
            vitals.report_due = None;
            vitals.note = Some("no report in time".into());
            vitals.debounced.record(HealthState::Unhealthy, Thresholds { rise: 1, fall: 1 });
        }
        if let Some(state) = record.checks.get_mut(usize::from(check)) {
            *state = HealthState::Unhealthy;
        }
        self.replace(entry, record, Cause::Check, now, outcome);
    }

    /// Schedules the reports that an instance owes.
    pub(super) fn schedule_reports(&mut self, entry: &InstanceEntry) {
        let Some(vitals) = &entry.vitals else { return };
        for (at, check) in (0..).zip(&vitals.checks) {
            self.deadlines.set(&entry.id, Timer::Report(at), None, check.report_due);
        }
    }

    /// Puts other checks in the place of those of an instance.
    pub(super) fn replace_checks(&mut self, entry: &mut InstanceEntry, checks: Vec<CheckVitals>) {
        let id = Arc::clone(&entry.id);
        let old = std::mem::replace(&mut entry.vitals_mut().checks, checks);
        for (at, check) in (0..).zip(&old) {
            self.deadlines.set(&id, Timer::Report(at), check.report_due, None);
        }

        self.schedule_reports(entry);
    }

    /// Gives every check by report that is awaited one full interval.
    pub(super) fn extend_reports(&mut self, entry: &mut InstanceEntry, now: Duration) {
        let registration = Arc::clone(&entry.record.registration);
        let (interval, grace) = (self.view.rules.check_interval, self.view.rules.grace);
        let id = Arc::clone(&entry.id);

        for at in 0..registration.checks.len() {
            let Some(check) = entry.vitals_mut().checks.get_mut(at) else { continue };
            let Some(due) = check.report_due else { continue };
            let lasts = registration.report_lasts(at, interval, grace).unwrap_or_default();
            let later = due.max(now + lasts);
            self.deadlines.set(&id, timer(at), Some(due), Some(later));
            check.report_due = Some(later);
        }
    }
}

/// The timer of a check by report. A registration has far fewer checks than a byte can count.
fn timer(check: usize) -> Timer {
    Timer::Report(u8::try_from(check).unwrap_or(u8::MAX))
}

/// The checks of a record with another registration: one that was defined the same before keeps its results.
pub(super) fn carry_over(
    old: &Registration,
    entry: &InstanceEntry,
    record: &mut InstanceRecord,
    rules: &Rules,
    now: Now,
) -> Vec<CheckVitals> {
    let registration = Arc::clone(&record.registration);
    let known: Vec<Option<usize>> =
        (0..registration.checks.len()).map(|at| position_before(old, &registration, at)).collect();

    let states = known.iter().enumerate();
    let states = states.map(|(at, before)| match before.and_then(|before| record.checks.get(before)) {
        Some(state) => *state,
        None => registration.initial_state(at),
    });
    record.checks = states.collect();
    let mut checks = check_vitals(record, rules, now.elapsed);
    for (at, check) in checks.iter_mut().enumerate() {
        let Some(before) = known.get(at).copied().flatten() else { continue };
        let Some(vitals) = entry.vitals.as_ref().and_then(|vitals| vitals.checks.get(before)) else { continue };

        let is_same = registration.checks.get(at) == old.checks.get(before);
        let due = if is_same { vitals.report_due } else { check.report_due };
        *check = CheckVitals { report_due: due, ..vitals.clone() };
    }

    checks
}

/// Where a check stood in the registration before: with ids by its id, otherwise by its definition.
fn position_before(old: &Registration, new: &Registration, at: usize) -> Option<usize> {
    match (new.catalog_check(at), &old.catalog) {
        (Some(check), Some(_)) => old.catalog_check_position(&check.id),
        _ => old.checks.iter().position(|check| Some(check) == new.checks.get(at)),
    }
}
