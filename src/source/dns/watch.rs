//! Watches names: looks each one up again when its records are no longer valid.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::Dns;
use super::lookup::Outcome;
use super::name::DnsName;
use crate::engine::Retry;
use crate::error::{Error, Result};
use crate::model::{PartialError, ServiceId, Update, UpdateSink};
use crate::source::RECONNECT;

/// The maximum time between two lookups, whatever the TTL says.
const MAX_PAUSE: Duration = Duration::from_hours(1);
/// A server that fails is asked as often as one that replies, or this often if that is less.
const MIN_RETRY: Duration = Duration::from_secs(1);

/// A watched name.
struct WatchedName<'a> {
    name: &'a DnsName,
    due: Instant,
    failures: u32,
    /// The operations of its last lookup that failed.
    faults: BTreeSet<String>,
}

/// Begins with everything, and goes on for ever.
pub(super) async fn watch(options: &Dns, interval: Option<Duration>, feed: &mut dyn UpdateSink) -> Result<()> {
    let names = options.parsed_names()?;
    let lookup = options.lookup()?;
    let floor = interval.unwrap_or_else(|| options.refresh());
    let mut watched: Vec<WatchedName<'_>> = names.iter().map(WatchedName::new).collect();
    let mut seed = Retry::random_seed();

    let found = join_all(names.iter().map(|name| lookup.find(name))).await;
    if found.iter().all(|outcome| !outcome.is_known) {
        return Err(unknown(found));
    }
    let (mut services, mut errors) = (Vec::new(), Vec::new());
    for (name, outcome) in watched.iter_mut().zip(found) {
        name.schedule(&outcome, floor, &mut seed);
        services.extend(outcome.service);
        errors.extend(outcome.errors.into_iter().map(Update::PartialError));
    }
    feed.apply(std::iter::once(Update::Reset(services)).chain(errors).collect());

    loop {
        let Some(next) = watched.iter().map(|name| name.due).min() else { return Ok(()) };
        sleep_until(next).await;
        let now = Instant::now();
        let faults_before = faults(&watched);
        let due: Vec<&mut WatchedName<'_>> = watched.iter_mut().filter(|name| name.due <= now).collect();
        let found = join_all(due.iter().map(|name| lookup.find(name.name))).await;

        let mut updates = Vec::new();
        for (name, outcome) in due.into_iter().zip(found) {
            name.schedule(&outcome, floor, &mut seed);
            updates.extend(name.updates(outcome));
        }
        // Names may share a target: its error is over when no name has it any more.
        updates.extend(faults_before.difference(&faults(&watched)).cloned().map(Update::Recovered));
        // A name of which no server knows anything keeps what is known of it, and all is stale until it is known again.
        if watched.iter().all(|name| name.failures == 0) {
            feed.apply(updates);
        } else {
            report_failures(updates, feed);
        }
    }
}

/// The operations that failed in the last lookups of all names.
fn faults(watched: &[WatchedName<'_>]) -> BTreeSet<String> {
    watched.iter().flat_map(|name| &name.faults).cloned().collect()
}

impl<'a> WatchedName<'a> {
    fn new(name: &'a DnsName) -> Self {
        Self { name, due: Instant::now(), failures: 0, faults: BTreeSet::new() }
    }

    fn schedule(&mut self, outcome: &Outcome, floor: Duration, seed: &mut u64) {
        self.faults = outcome.errors.iter().map(|error| error.operation.clone()).collect();
        let pause = if outcome.is_known {
            self.failures = 0;
            outcome.ttl.max(floor).min(MAX_PAUSE)
        } else {
            self.failures = self.failures.saturating_add(1);
            RECONNECT.wait(seed, self.failures).min(floor.max(MIN_RETRY))
        };
        self.due = Instant::now() + pause;
    }

    fn updates(&self, outcome: Outcome) -> Vec<Update> {
        let state = match outcome.service {
            Some(service) => Some(Update::Upsert(service)),
            None if outcome.is_known => Some(Update::Remove(ServiceId::from(self.name.id()))),
            None => None,
        };
        state.into_iter().chain(outcome.errors.into_iter().map(Update::PartialError)).collect()
    }
}

/// Applies what is known, and marks the rest as stale.
fn report_failures(updates: Vec<Update>, feed: &mut dyn UpdateSink) {
    let failed = updates.iter().find_map(|update| match update {
        Update::PartialError(error) => Some(error.clone()),
        _ => None,
    });
    let known: Vec<Update> = updates.into_iter().filter(|update| !matches!(update, Update::PartialError(_))).collect();
    if !known.is_empty() {
        feed.apply_derived(known);
    }
    if let Some(error) = failed {
        feed.mark_stale(error);
    }
}

/// The error if nothing is known of any name.
fn unknown(found: Vec<Outcome>) -> Error {
    let error = found.into_iter().flat_map(|outcome| outcome.errors).next();
    let PartialError { operation, cause, hint } = error.unwrap_or_else(|| PartialError {
        operation: "look the names up".to_owned(),
        cause: "no server replies".to_owned(),
        hint: String::new(),
    });
    Error::Connection { what: operation, why: cause, hint }
}
