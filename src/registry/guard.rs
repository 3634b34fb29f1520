//! Mass failure: when too many instances fail at once, none of them is removed.
//!
//! That many instances ended together is less likely than that the registry is cut off from them. They are unhealthy all the
//! same, so no caller gets them unless there is nothing else.

use std::sync::Arc;
use std::time::Duration;

use rpds::RedBlackTreeSetSync;

use super::state::State;
use super::{GuardRules, Notice, Now, Outcome};

/// How notices name all services together.
const EVERYTHING: &str = "the registry";

/// How many failed since then.
fn failed_since(failed: &RedBlackTreeSetSync<(Duration, Arc<str>)>, since: Duration) -> usize {
    failed.range((since, Arc::from(""))..).count()
}

impl State {
    fn guard(&self) -> &GuardRules {
        &self.view.rules.guard
    }

    /// When removals of a service are no longer suspended, at the latest.
    pub(super) fn protected_until(&self, key: &str) -> Option<Duration> {
        let own = self.view.protected.get(key).copied();
        let since = own.max(self.view.all_protected)?;
        Some(since + self.guard().max_duration)
    }

    /// Suspends removals where too many instances failed within one window, among those services where any failed lately.
    pub(super) fn start_guards(&mut self, now: Now, outcome: &mut Outcome) {
        let suspects = std::mem::take(&mut self.suspects);
        if suspects.is_empty() {
            return;
        }

        let since = now.elapsed.saturating_sub(self.guard().window);
        for key in &suspects {
            self.start_guard(key, since, now, outcome);
        }
        self.start_guard_of_all(since, now, outcome);
    }

    fn start_guard(&mut self, key: &Arc<str>, since: Duration, now: Now, outcome: &mut Outcome) {
        let Some(service) = self.view.services.get(&**key) else { return };
        let (failed, total) = (failed_since(&service.failed, since), service.members.size());
        let applies = self.guard().applies(failed, total, self.guard().service_percent);
        if !applies || self.view.protected.contains_key(&**key) {
            return;
        }

        self.view.protected.insert_mut(Arc::clone(key), now.elapsed);
        outcome.notices.push(Notice::GuardStarted { service: Arc::clone(key), failed, total });
    }

    fn start_guard_of_all(&mut self, since: Duration, now: Now, outcome: &mut Outcome) {
        let (failed, total) = (self.failed.size(), self.view.len());
        let percent = self.guard().total_percent;
        // The cheap question first: counting those of the window takes longer.
        if self.view.all_protected.is_some() || !self.guard().applies(failed, total, percent) {
            return;
        }
        let failed = failed_since(&self.failed, since);
        if !self.guard().applies(failed, total, percent) {
            return;
        }

        self.view.all_protected = Some(now.elapsed);
        outcome.notices.push(Notice::GuardStarted { service: EVERYTHING.into(), failed, total });
    }

    /// Ends what has lasted long enough, or where enough instances recovered.
    pub(super) fn end_guards(&mut self, now: Now, outcome: &mut Outcome) {
        let active: Vec<(Arc<str>, Duration)> =
            self.view.protected.iter().map(|(key, since)| (Arc::clone(key), *since)).collect();
        for (key, since) in active {
            let Some(service) = self.view.services.get(&*key) else { continue };
            let (failed, total) = (service.failed.size(), service.members.size());
            let percent = self.guard().service_percent;
            if let Some(reason) = self.end_reason(since, (failed, total), percent, now) {
                self.end_protection(&key, reason, outcome);
                self.refresh_removals(&key);
            }
        }

        let Some(since) = self.view.all_protected else { return };
        let counts = (self.failed.size(), self.view.len());
        if let Some(reason) = self.end_reason(since, counts, self.guard().total_percent, now) {
            self.view.all_protected = None;
            outcome.notices.push(Notice::GuardEnded { service: EVERYTHING.into(), reason });
            let services: Vec<Arc<str>> = self.view.services.keys().cloned().collect();
            for key in services {
                self.refresh_removals(&key);
            }
        }
    }

    fn end_reason(
        &self,
        since: Duration,
        (failed, total): (usize, usize),
        percent: usize,
        now: Now,
    ) -> Option<&'static str> {
        if !self.guard().applies(failed, total, percent) {
            return Some("enough instances recovered or were deregistered");
        }
        (now.elapsed >= since + self.guard().max_duration).then_some("the maximum time for it has passed")
    }

    pub(super) fn end_protection(&mut self, key: &Arc<str>, reason: &'static str, outcome: &mut Outcome) {
        if self.view.protected.remove_mut(&**key) {
            outcome.notices.push(Notice::GuardEnded { service: Arc::clone(key), reason });
        }
    }

    /// Works out anew when the failed instances of a service will be removed.
    fn refresh_removals(&mut self, key: &str) {
        let failed = self.view.services.get(key).into_iter().flat_map(|service| service.failed.iter());
        let ids: Vec<Arc<str>> = failed.map(|(_, id)| Arc::clone(id)).collect();

        for id in ids {
            let Some(mut entry) = self.view.instances.get(&*id).cloned() else { continue };
            self.refresh_removal(&mut entry);
            self.view.instances.insert_mut(id, entry);
        }
    }
}
