//! The endpoints of a resolver, and what is known of their calls.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tracing::info;

use super::ejection::{Ejection, EjectionEvent, EjectionOptions, max_ejected};
use crate::balance::Load;
use crate::engine::Clock;
use crate::model::Endpoint;

/// An endpoint that may be picked.
#[derive(Debug)]
pub(super) struct Member {
    /// Its address, by which every process knows it.
    pub(super) key: Arc<str>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) load: Arc<Load>,
    pub(super) clock: Clock,
    pub(super) measures_latency: bool,
    pub(super) counts_calls: bool,
    /// Whether its breaker counts anything, so that a success has to be reported.
    is_failing: Arc<AtomicBool>,
    outcomes: Weak<dyn OutcomeSink>,
}

/// Receives the outcomes of calls.
pub(super) trait OutcomeSink: fmt::Debug + Send + Sync {
    /// Records what a call showed of the endpoint with this key.
    fn record(&self, key: &str, event: EjectionEvent);
}

/// What all members of a resolver share.
pub(super) struct MemberContext<'a> {
    pub(super) clock: &'a Clock,
    pub(super) measures_latency: bool,
    pub(super) counts_calls: bool,
    pub(super) outcomes: Weak<dyn OutcomeSink>,
}

impl Member {
    /// Reports a success, which matters only after a failure.
    #[inline]
    pub(super) fn succeeded(&self) {
        if self.is_failing.load(Ordering::Relaxed) {
            self.report(EjectionEvent::Success);
        }
    }

    /// Reports the outcome of a call.
    pub(super) fn report(&self, event: EjectionEvent) {
        if let Some(outcomes) = self.outcomes.upgrade() {
            outcomes.record(&self.key, event);
        }
    }
}

/// What is known of the calls of an endpoint. It outlives changes of the set.
#[derive(Debug, Default)]
struct MemberRecord {
    load: Arc<Load>,
    is_failing: Arc<AtomicBool>,
    ejection: Ejection,
}

/// The records of all endpoints, by key.
#[derive(Debug, Default)]
pub(super) struct MemberRecords(HashMap<Arc<str>, MemberRecord>);

impl MemberRecords {
    /// A member for an endpoint; its record is kept.
    pub(super) fn member(&mut self, endpoint: &Arc<Endpoint>, context: &MemberContext<'_>) -> Arc<Member> {
        let key: Arc<str> = key_of(endpoint).into();
        let record = self.0.entry(Arc::clone(&key)).or_default();

        Arc::new(Member {
            key,
            endpoint: Arc::clone(endpoint),
            load: Arc::clone(&record.load),
            clock: context.clock.clone(),
            measures_latency: context.measures_latency,
            counts_calls: context.counts_calls,
            is_failing: Arc::clone(&record.is_failing),
            outcomes: Weak::clone(&context.outcomes),
        })
    }

    /// Forgets the endpoints that are gone.
    pub(super) fn retain<'e>(&mut self, endpoints: impl Iterator<Item = &'e Arc<Endpoint>>) {
        let keys: HashSet<String> = endpoints.map(|endpoint| key_of(endpoint)).collect();
        self.0.retain(|key, _| keys.contains(&**key));
    }

    /// Records an event. Whether it may change who gets calls.
    pub(super) fn record(&mut self, key: &str, event: EjectionEvent, now: Duration, options: &EjectionOptions) -> bool {
        let Some(record) = self.0.get_mut(key) else { return false };
        let before = record.ejection;
        record.ejection = before.after(event, now, options);
        record.is_failing.store(record.ejection != Ejection::default(), Ordering::Relaxed);

        if before.word() != record.ejection.word() {
            info!(endpoint = key, from = before.word(), to = record.ejection.word(), "circuit breaker changed");
        }
        before.is_open() != record.ejection.is_open() || before.trial_at() != record.ejection.trial_at()
    }

    fn ejection(&self, member: &Member) -> Ejection {
        self.0.get(&*member.key).map(|record| record.ejection).unwrap_or_default()
    }

    /// Separates members that get calls from those that are left out: those with an open breaker, the longest open first, as
    /// far as the options allow.
    pub(super) fn split_off_ejected(
        &self,
        members: Vec<Arc<Member>>,
        options: &EjectionOptions,
    ) -> (Vec<Arc<Member>>, Vec<Arc<Member>>) {
        let most = max_ejected(members.len(), options);
        let mut open: Vec<(Duration, Arc<str>)> = members
            .iter()
            .filter(|member| self.ejection(member).is_open())
            .map(|member| (self.ejection(member).trial_at().unwrap_or_default(), Arc::clone(&member.key)))
            .collect();
        open.sort();
        open.truncate(most);

        members.into_iter().partition(|member| open.iter().all(|(_, key)| *key != member.key))
    }

    /// The member whose turn it is to be tried, by its time, and that time.
    pub(super) fn next_trial<'m>(&self, left_out: &'m [Arc<Member>]) -> Option<(Duration, &'m Arc<Member>)> {
        let trials = left_out.iter().filter_map(|member| Some((self.ejection(member).trial_at()?, member)));
        trials.min_by_key(|(at, _)| *at)
    }
}

/// The address of an endpoint, by which every process knows it.
fn key_of(endpoint: &Endpoint) -> String {
    endpoint.to_string()
}
