//! Time passes.

use std::sync::Arc;
use std::time::Duration;

use super::deadlines::Timer;
use super::entry::InstanceEntry;
use super::state::State;
use super::{Cause, InstanceRecord, Notice, Now, Outcome};

impl State {
    pub(super) fn tick(&mut self, now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        self.notice_gap(now, &mut outcome);

        for _ in 0..self.max_due {
            let Some((timer, id)) = self.deadlines.due(now.elapsed) else { break };
            match timer {
                Timer::Lease => self.expire_lease(&id, now, &mut outcome),
                Timer::Report(check) => self.miss_report(&id, check, now, &mut outcome),
                Timer::Calm => self.calm(&id, now, &mut outcome),
                Timer::Agent => self.silence_host(&id, now, &mut outcome),
                // It is among the removals.
                Timer::Removal => break,
            }
        }

        // Whatever else has failed by now decides first whether removals are suspended.
        if self.deadlines.due(now.elapsed).is_some() {
            return outcome;
        }

        self.start_guards(now, &mut outcome);
        self.end_guards(now, &mut outcome);
        for _ in 0..self.max_due {
            let Some((_, id)) = self.removals.due(now.elapsed) else { break };
            self.remove_failed(&id, now, &mut outcome);
        }
        outcome
    }

    fn expire_lease(&mut self, id: &str, now: Now, outcome: &mut Outcome) {
        let Some(mut entry) = self.view.instances.get(id).cloned() else { return };
        let mut record = InstanceRecord::clone(&entry.record);
        record.lease_expired = true;

        self.deadlines.set(&entry.id, Timer::Lease, entry.expires, None);
        entry.expires = None;
        self.replace(entry, record, Cause::LeaseExpired, now, outcome);
    }

    fn calm(&mut self, id: &str, now: Now, outcome: &mut Outcome) {
        let Some(mut entry) = self.view.instances.get(id).cloned() else { return };
        let mut record = InstanceRecord::clone(&entry.record);
        record.flapping = false;

        self.deadlines.set(&entry.id, Timer::Calm, entry.calm(), None);
        let failures = entry.failures_mut();
        failures.calm = None;
        failures.flips.clear();
        self.replace(entry, record, Cause::Check, now, outcome);
    }

    /// Waits until an instance that flapped before a restart no longer does.
    pub(super) fn await_calm(&mut self, mut entry: InstanceEntry, now: Now) {
        let calm = Some(now.elapsed + self.view.rules.flap_window);
        self.deadlines.set(&entry.id, Timer::Calm, None, calm);
        entry.failures_mut().calm = calm;

        self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
    }

    /// Removes an instance that was unhealthy for too long, unless a mass failure suspends that.
    fn remove_failed(&mut self, id: &str, now: Now, outcome: &mut Outcome) {
        let Some(mut entry) = self.view.instances.get(id).cloned() else { return };
        self.refresh_removal(&mut entry);

        if entry.removal().is_some_and(|removal| removal <= now.elapsed) {
            self.remove(&entry, Cause::UnhealthyTooLong, now, outcome);
        } else {
            self.view.instances.insert_mut(Arc::clone(&entry.id), entry);
        }
    }

    /// Works out anew when an instance will be removed.
    pub(super) fn refresh_removal(&mut self, entry: &mut InstanceEntry) {
        let key = entry.record.service();
        let lasts = entry.record.deregister_after(&self.view.rules);
        let due = entry.failed_since().zip(lasts).map(|(since, lasts)| since + lasts);
        let removal = due.map(|due| self.protected_until(&key).map_or(due, |end| due.max(end)));

        if removal != entry.removal() {
            self.removals.set(&entry.id, Timer::Removal, entry.removal(), removal);
            entry.failures_mut().removal = removal;
        }
    }

    /// After a pause of this process, which could not take renewals meanwhile, every lease gets one full ttl, and the pause
    /// does not count as a time of failure.
    fn notice_gap(&mut self, now: Now, outcome: &mut Outcome) {
        let last = self.last_tick.replace(now.elapsed);
        let gap = last.map_or(Duration::ZERO, |last| now.elapsed.saturating_sub(last));
        if gap <= self.view.rules.max_tick_gap {
            return;
        }

        outcome.notices.push(Notice::ClockGap { seconds: gap.as_secs() });
        self.restart_steps(now);
        self.extend_agents(now);
        let ids: Vec<Arc<str>> = self.view.instances.keys().cloned().collect();
        for id in ids {
            let Some(mut entry) = self.view.instances.get(&*id).cloned() else { continue };
            self.extend(&mut entry, gap, now);
            self.view.instances.insert_mut(id, entry);
        }
    }

    pub(super) fn extend(&mut self, entry: &mut InstanceEntry, gap: Duration, now: Now) {
        if entry.expires.is_some() {
            let ttl = entry.record.ttl(&self.view.rules);
            self.grant_lease(entry, ttl, now);
        }
        if entry.vitals.is_some() {
            self.extend_reports(entry, now.elapsed);
        }

        if let Some(since) = entry.failed_since() {
            let key = entry.record.service();
            let later = (since + gap).min(now.elapsed);
            self.set_failed(entry, &key, Some(since), Some(later));
            entry.failures_mut().since = Some(later);
            self.refresh_removal(entry);
        }
    }
}
