//! A service that is looked at again and again, and what is believed of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::evidence::Evidence;
use super::judge::{judge, weigh};
use super::threshold::{DebouncedState, Thresholds};
use super::validator::{PastCheck, Subject};
use crate::model::{CheckSpec, Endpoint, Health, Service, changed_fields};
use crate::net::{HttpProxy, Route};
use crate::source::AfterCheck;

/// What is believed, and what counts.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdRules {
    pub(crate) thresholds: Thresholds,
    /// Findings of these codes do not count.
    pub(crate) ignored: Vec<String>,
    /// Sends HTTP checks in this host's place, where the user wants that.
    pub(crate) via: Option<Arc<dyn HttpProxy>>,
    /// What the source makes of check results before they are reported.
    pub(crate) after_check: Option<AfterCheck>,
}

/// A service, and what its endpoints have shown.
#[derive(Debug)]
pub(super) struct WatchedService {
    /// As its source knows it.
    service: Service,
    ask: Arc<CheckSpec>,
    /// One for each of its endpoints, in their order.
    tracks: Vec<EndpointHistory>,
    /// Whether there is something to tell once every endpoint has been looked at.
    news: bool,
    /// Whether it was ever reported.
    known: bool,
}

/// What one endpoint has shown.
#[derive(Debug)]
struct EndpointHistory {
    /// By which the monitor knows it; never given to another.
    number: usize,
    last: Option<Arc<PastCheck>>,
    told: Option<FeedState>,
}

/// What is believed of an endpoint.
#[derive(Debug)]
struct FeedState {
    believed: DebouncedState,
    /// A look that showed it.
    evidence: Evidence,
    flapping: bool,
}

impl WatchedService {
    pub(super) fn new(service: Service, ask: Arc<CheckSpec>, next: &mut usize) -> Self {
        let mut watched = Self { service, ask, tracks: Vec::new(), news: true, known: false };
        watched.tracks = watched.service.endpoints.iter().map(|_| EndpointHistory::new(next)).collect();
        watched
    }

    /// The same service as its source describes it now; the endpoints that it had before keep their numbers, and what is
    /// known of them. `None` where nothing changed.
    pub(super) fn described(&mut self, service: Service, ask: Arc<CheckSpec>, next: &mut usize) -> Option<Self> {
        if changed_fields(&self.service, &service).is_empty() && self.ask == ask {
            return None;
        }
        let keeps = self.ask == ask;
        let old = self.service.endpoints.iter().zip(self.tracks.drain(..));
        let mut old: Vec<_> = old.map(|(old, track)| (place(old), &old.identity, Some(track))).collect();
        let track = |endpoint: &Endpoint| {
            let at = place(endpoint);
            let mut left = old.iter_mut().filter(|(.., track)| keeps && track.is_some());
            let same = left.find(|(old, service, _)| *old == at && **service == endpoint.identity);
            same.and_then(|(.., track)| track.take()).unwrap_or_else(|| EndpointHistory::new(next))
        };
        let tracks = service.endpoints.iter().map(track).collect();
        Some(Self { service, ask, tracks, news: true, known: self.known })
    }

    /// The numbers of its endpoints, and whether each was ever looked at.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (usize, bool)> {
        self.tracks.iter().map(|track| (track.number, track.told.is_some()))
    }

    /// What is to be looked at under that number.
    pub(super) fn subject(&self, number: usize, rules: &ThresholdRules) -> Option<Subject> {
        let at = self.tracks.iter().position(|track| track.number == number)?;
        let before = self.tracks[at].last.clone();
        let endpoint = self.service.endpoints[at].clone();
        let way = Route::of(rules.via.as_ref(), &self.service, &endpoint);
        Some(Subject { index: number, endpoint, ask: Arc::clone(&self.ask), way, before })
    }

    /// Takes what was seen under that number.
    pub(super) fn seen(&mut self, number: usize, evidence: Evidence, rules: &ThresholdRules) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.number == number) {
            self.news |= track.seen(evidence, rules);
        }
    }

    /// The service with what is believed of it, where there is news and every endpoint has been looked at.
    pub(super) fn news(&mut self, rules: &ThresholdRules) -> Option<Service> {
        let is_whole = self.tracks.iter().all(|track| track.told.is_some());
        self.known |= is_whole;
        (is_whole && std::mem::take(&mut self.news)).then(|| self.item(rules))
    }

    /// Whether everything known of it has been reported.
    pub(super) fn is_told(&self) -> bool {
        !self.news
    }

    /// Whether it was ever reported.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// The service with what is believed of it.
    pub(super) fn item(&self, rules: &ThresholdRules) -> Service {
        let mut service = self.service.clone();
        let told = self.tracks.iter().map(|track| track.told.as_ref().map(|told| &told.evidence));
        judge(&mut service, told, &rules.ignored);
        if rules.after_check.is_some_and(|after_check| after_check(&mut service).is_some()) {
            weigh(&mut service);
        }
        service
    }
}

impl EndpointHistory {
    fn new(next: &mut usize) -> Self {
        *next += 1;
        Self { number: *next, last: None, told: None }
    }

    /// Takes what was seen; whether that is news. What is not believed yet is not shown either.
    fn seen(&mut self, evidence: Evidence, rules: &ThresholdRules) -> bool {
        let health = evidence.health(&rules.ignored);
        let found = is_flapping(&health);
        self.last = Some(Arc::new(PastCheck { evidence: evidence.clone(), at: Instant::now() }));
        let Some(told) = &mut self.told else {
            self.told = Some(FeedState { believed: DebouncedState::new(health.state), evidence, flapping: found });
            return true;
        };
        let before = (told.believed.state(), told.flapping);
        // Who was left alone was not seen again: that is no further look that could be counted.
        let is_believed = if evidence.is_left_alone {
            health.state == told.believed.state()
        } else {
            told.believed.take(health.state, rules.thresholds)
        };
        if is_believed {
            // It is over when it has settled: at the limit itself it would come and go with each change.
            let flapping = found || (told.flapping && !evidence.is_settled());
            (told.evidence, told.flapping) = (evidence, flapping);
        }
        before != (told.believed.state(), told.flapping)
    }
}

fn place(endpoint: &Endpoint) -> String {
    format!("{} {endpoint}", endpoint.transport.as_str())
}

fn is_flapping(health: &Health) -> bool {
    health.findings.iter().any(|finding| finding.code().starts_with("flapping-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Circuit, Observation, stability};

    #[test]
    fn flapping_is_reported_once_until_it_has_settled() {
        let rules = ThresholdRules {
            thresholds: Thresholds { rise: 1, fall: 1 },
            ignored: vec!["success-below-95".to_owned()],
            via: None,
            after_check: None,
        };
        let mut track = EndpointHistory::new(&mut 0);
        // A change every six looks makes three or four in a window of twenty, by turns; from the hundredth on it is well.
        let is_good = |look: usize| look >= 100 || (look / 6).is_multiple_of(2);
        let news: Vec<usize> = (20..200)
            .filter(|&look| {
                let results = (look - 20..look).map(is_good).collect();
                let mut evidence = Evidence::default();
                evidence
                    .add(Observation::Stability(stability::StabilityObservation { results, circuit: Circuit::Closed }));
                track.seen(evidence, &rules)
            })
            .collect();
        let [first, begun, over] = news[..] else { panic!("{news:?}") };
        assert!(first == 20 && begun < 40 && over > 100, "{news:?}");
    }
}
