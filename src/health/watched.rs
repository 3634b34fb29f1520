//! A service in a watch, and its confirmed health.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aggregate::{aggregate, set_health};
use super::evidence::Evidence;
use super::validator::{PastCheck, Subject};
use crate::check::stability;
use crate::model::{
    CheckLimits, CheckSpec, DebouncedState, Endpoint, Health, Identity, Service, Thresholds, changed_fields,
};
use crate::net::HttpProxy;
use crate::source::after_check;

/// When a change is confirmed, and which findings count.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdRules {
    pub(crate) thresholds: Thresholds,
    /// Codes of findings that do not count.
    pub(crate) ignored: Vec<String>,
    /// Sends HTTP checks through a proxy, if the user wants that.
    pub(crate) via: Option<Arc<dyn HttpProxy>>,
}

impl ThresholdRules {
    /// The rules for a service with these limits of its own.
    fn of(&self, limits: &CheckLimits) -> Self {
        let Thresholds { rise, fall } = self.thresholds;
        let thresholds = Thresholds { rise: limits.rise.unwrap_or(rise), fall: limits.fall.unwrap_or(fall) };
        let ignored = self.ignored.iter().chain(&limits.ignore).cloned().collect();
        Self { thresholds, ignored, via: self.via.clone() }
    }
}

/// A service, and the history of its endpoints.
#[derive(Debug)]
pub(super) struct WatchedService {
    /// As its source describes it.
    service: Service,
    spec: Arc<CheckSpec>,
    /// One for each endpoint, in order.
    histories: Vec<EndpointHistory>,
    /// Whether there is a change to report once every endpoint was checked.
    is_changed: bool,
    /// Whether it was ever reported.
    was_reported: bool,
}

/// The history of an endpoint.
#[derive(Debug)]
struct EndpointHistory {
    /// Identifies the endpoint in the monitor; never reused.
    number: usize,
    last: Option<Arc<PastCheck>>,
    confirmed: Option<ConfirmedHealth>,
}

/// The confirmed health of an endpoint.
#[derive(Debug)]
struct ConfirmedHealth {
    state: DebouncedState,
    /// Evidence of a check that showed this state.
    evidence: Evidence,
    flapping: bool,
}

impl WatchedService {
    pub(super) fn new(service: Service, spec: Arc<CheckSpec>, last_number: &mut usize) -> Self {
        let histories = service.endpoints.iter().map(|_| EndpointHistory::new(last_number)).collect();
        Self { service, spec, histories, is_changed: true, was_reported: false }
    }

    /// The same service with a new description; known endpoints keep their numbers and histories. `None` if nothing
    /// changed.
    pub(super) fn updated(&mut self, service: Service, spec: Arc<CheckSpec>, last_number: &mut usize) -> Option<Self> {
        if changed_fields(&self.service, &service).is_empty() && self.spec == spec {
            return None;
        }

        let keeps_histories = self.spec == spec;
        let histories = self.histories.drain(..).map(|history| Some(history).filter(|_| keeps_histories));
        let mut known: Vec<_> = self.service.endpoints.iter().map(EndpointKey::of).zip(histories).collect();
        let histories = service.endpoints.iter().map(|endpoint| {
            let key = EndpointKey::of(endpoint);
            let same = known.iter_mut().find(|(other, history)| history.is_some() && *other == key);
            same.and_then(|(_, history)| history.take()).unwrap_or_else(|| EndpointHistory::new(last_number))
        });

        let histories = histories.collect();
        Some(Self { service, spec, histories, is_changed: true, was_reported: self.was_reported })
    }

    /// The interval of its checks, if it has its own.
    pub(super) fn interval(&self) -> Option<Duration> {
        self.spec.limits.interval
    }

    /// The numbers of the endpoints, and whether each was ever checked.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (usize, bool)> {
        self.histories.iter().map(|history| (history.number, history.confirmed.is_some()))
    }

    /// The check to run for that number.
    pub(super) fn subject(&self, number: usize, rules: &ThresholdRules) -> Option<Subject> {
        let at = self.histories.iter().position(|history| history.number == number)?;
        let previous = self.histories[at].last.clone();
        let place = (&self.service, &self.service.endpoints[at]);
        Some(Subject { previous, ..Subject::of_service(number, place, &self.spec, rules.via.as_ref()) })
    }

    /// Records the evidence of the endpoint with that number.
    pub(super) fn record(&mut self, number: usize, evidence: Evidence, rules: &ThresholdRules) {
        if let Some(history) = self.histories.iter_mut().find(|history| history.number == number) {
            self.is_changed |= history.record(evidence, &rules.of(&self.spec.limits));
        }
    }

    /// The service with its confirmed health, if it changed and every endpoint was checked.
    pub(super) fn take_change(&mut self, rules: &ThresholdRules) -> Option<Service> {
        let is_checked = self.histories.iter().all(|history| history.confirmed.is_some());
        self.was_reported |= is_checked;
        (is_checked && std::mem::take(&mut self.is_changed)).then(|| self.item(rules))
    }

    /// Whether every change was reported.
    pub(super) fn is_reported(&self) -> bool {
        !self.is_changed
    }

    /// Whether it was ever reported.
    pub(super) fn was_reported(&self) -> bool {
        self.was_reported
    }

    /// The service with its confirmed health.
    pub(super) fn item(&self, rules: &ThresholdRules) -> Service {
        let confirmed = self.histories.iter().map(|history| history.confirmed.as_ref());
        self.with_evidence(confirmed.map(|confirmed| Some(&confirmed?.evidence)), rules)
    }

    /// The service with its health by the last check of each endpoint.
    pub(super) fn latest_item(&self, rules: &ThresholdRules) -> Service {
        let last = self.histories.iter().map(|history| history.last.as_ref());
        self.with_evidence(last.map(|last| Some(&last?.evidence)), rules)
    }

    fn with_evidence<'e>(
        &self,
        evidence: impl Iterator<Item = Option<&'e Evidence>>,
        rules: &ThresholdRules,
    ) -> Service {
        let rules = rules.of(&self.spec.limits);
        let mut service = self.service.clone();
        set_health(&mut service, evidence, &rules.ignored);
        if after_check(&mut service).is_some() {
            aggregate(&mut service);
        }
        service
    }
}

impl EndpointHistory {
    fn new(last_number: &mut usize) -> Self {
        *last_number += 1;
        Self { number: *last_number, last: None, confirmed: None }
    }

    /// Records evidence and returns whether the confirmed health changed.
    fn record(&mut self, evidence: Evidence, rules: &ThresholdRules) -> bool {
        let health = evidence.health(&rules.ignored);
        let flapping = is_flapping(&health);
        self.last = Some(Arc::new(PastCheck { evidence: evidence.clone(), at: Instant::now() }));

        let Some(confirmed) = &mut self.confirmed else {
            self.confirmed = Some(ConfirmedHealth { state: DebouncedState::new(health.state), evidence, flapping });
            return true;
        };

        let before = (confirmed.state.get(), confirmed.flapping);
        // While the circuit is open there is no new sample, so thresholds do not advance.
        let is_confirmed = if evidence.is_carried_over {
            health.state == confirmed.state.get()
        } else {
            confirmed.state.record(health.state, rules.thresholds)
        };
        if is_confirmed {
            // Flapping ends once the endpoint has settled; at the threshold itself it would come and go.
            confirmed.flapping = flapping || (confirmed.flapping && !evidence.is_settled());
            confirmed.evidence = evidence;
        }
        before != (confirmed.state.get(), confirmed.flapping)
    }
}

/// Two descriptions of an endpoint with the same key are the same endpoint.
#[derive(PartialEq, Eq)]
struct EndpointKey {
    place: String,
    identity: Option<Box<Identity>>,
}

impl EndpointKey {
    fn of(endpoint: &Endpoint) -> Self {
        let place = format!("{} {endpoint}", endpoint.transport.as_str());
        Self { place, identity: endpoint.identity.clone() }
    }
}

fn is_flapping(health: &Health) -> bool {
    health.findings.iter().any(stability::is_flapping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Circuit, Observation};

    fn is_good(sample: usize) -> bool {
        sample >= 100 || (sample / 6).is_multiple_of(2)
    }

    #[test]
    fn flapping_is_reported_once_until_it_has_settled() {
        let rules = ThresholdRules {
            thresholds: Thresholds { rise: 1, fall: 1 },
            ignored: vec!["success-below-95".to_owned()],
            via: None,
        };
        let mut history = EndpointHistory::new(&mut 0);
        // A change every six samples makes three or four in a window of twenty; from the hundredth on all are good.
        let changes: Vec<usize> = (20..200)
            .filter(|&end| {
                let results = (end - 20..end).map(is_good).collect();
                let mut evidence = Evidence::default();
                evidence
                    .add(Observation::Stability(stability::StabilityObservation { results, circuit: Circuit::Closed }));
                history.record(evidence, &rules)
            })
            .collect();
        let [first, begun, over] = changes[..] else { panic!("{changes:?}") };

        assert!(first == 20 && begun < 40 && over > 100, "{changes:?}");
    }
}
