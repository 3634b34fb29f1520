//! A service that is looked at again and again, and what is believed of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::evidence::Evidence;
use super::judge::judge;
use super::threshold::{Believed, Thresholds};
use super::validator::{Before, Subject};
use crate::model::{Ask, Endpoint, Health, Service, changed_fields};
use crate::net::{Via, Way};

/// What is believed, and what counts.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) thresholds: Thresholds,
    /// Findings of these codes do not count.
    pub(crate) ignored: Vec<String>,
    /// Who asks in this host's place, where somebody does.
    pub(crate) via: Option<Arc<dyn Via>>,
    /// What is to be done with a service before it is told.
    pub(crate) finish: fn(&mut Service),
}

/// A service, and what its endpoints have shown.
#[derive(Debug)]
pub(super) struct Watched {
    /// As its source knows it.
    service: Service,
    ask: Arc<Ask>,
    /// One for each of its endpoints, in their order.
    tracks: Vec<Track>,
    /// Whether there is something to tell once every endpoint has been looked at.
    news: bool,
    /// Whether it was ever told.
    known: bool,
}

/// What one endpoint has shown.
#[derive(Debug)]
struct Track {
    /// By which the monitor knows it; never used again.
    number: usize,
    last: Option<Arc<Before>>,
    told: Option<Told>,
}

/// What is believed of an endpoint.
#[derive(Debug)]
struct Told {
    believed: Believed,
    /// A look that showed it.
    evidence: Evidence,
    flapping: bool,
}

impl Watched {
    pub(super) fn new(service: Service, ask: Arc<Ask>, next: &mut usize) -> Self {
        let mut watched = Self { service, ask, tracks: Vec::new(), news: true, known: false };
        watched.tracks = watched.service.endpoints.iter().map(|_| Track::new(next)).collect();
        watched
    }

    /// The same service as its source describes it now, with what is known of the endpoints that it had before. `None`
    /// where nothing changed.
    pub(super) fn described(&mut self, service: Service, ask: Arc<Ask>, next: &mut usize) -> Option<Self> {
        if changed_fields(&self.service, &service).is_empty() && self.ask == ask {
            return None;
        }
        let mut new = Self::new(service, ask, next);
        new.known = self.known;
        let keeps = self.ask == new.ask;
        for (endpoint, track) in new.service.endpoints.iter().zip(&mut new.tracks) {
            let same = |old: &&Endpoint| place(old) == place(endpoint) && old.service == endpoint.service;
            let at = self.service.endpoints.iter().position(|old| same(&old)).filter(|_| keeps);
            if let Some(old) = at.and_then(|at| self.tracks.get_mut(at)) {
                (track.last, track.told) = (old.last.take(), old.told.take());
            }
        }
        Some(new)
    }

    /// The numbers of its endpoints, and whether each was ever looked at.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (usize, bool)> {
        self.tracks.iter().map(|track| (track.number, track.told.is_some()))
    }

    /// What is to be looked at under that number.
    pub(super) fn subject(&self, number: usize, rules: &Rules) -> Option<Subject> {
        let at = self.tracks.iter().position(|track| track.number == number)?;
        let before = self.tracks[at].last.clone();
        let endpoint = self.service.endpoints[at].clone();
        let way = Way::of(rules.via.as_ref(), &self.service, &endpoint);
        Some(Subject { index: number, endpoint, ask: Arc::clone(&self.ask), way, before })
    }

    /// Takes what was seen under that number.
    pub(super) fn seen(&mut self, number: usize, evidence: Evidence, rules: &Rules) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.number == number) {
            self.news |= track.seen(evidence, rules);
        }
    }

    /// The service with what is believed of it, where there is news and every endpoint has been looked at.
    pub(super) fn news(&mut self, rules: &Rules) -> Option<Service> {
        let is_whole = self.tracks.iter().all(|track| track.told.is_some());
        self.known |= is_whole;
        (is_whole && std::mem::take(&mut self.news)).then(|| self.item(rules))
    }

    /// Whether there is nothing to tell of it that has not been told.
    pub(super) fn is_told(&self) -> bool {
        !self.news
    }

    /// Whether it was ever told.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// The service with what is believed of it.
    pub(super) fn item(&self, rules: &Rules) -> Service {
        let mut service = self.service.clone();
        let told = self.tracks.iter().map(|track| track.told.as_ref().map(|told| &told.evidence));
        judge(&mut service, told, &rules.ignored);
        (rules.finish)(&mut service);
        service
    }
}

impl Track {
    fn new(next: &mut usize) -> Self {
        *next += 1;
        Self { number: *next, last: None, told: None }
    }

    /// Takes what was seen; whether that is news. What is not believed yet is not shown either.
    fn seen(&mut self, evidence: Evidence, rules: &Rules) -> bool {
        let health = evidence.health(&rules.ignored);
        let flapping = is_flapping(&health);
        self.last = Some(Arc::new(Before { evidence: evidence.clone(), at: Instant::now() }));
        let Some(told) = &mut self.told else {
            self.told = Some(Told { believed: Believed::new(health.state), evidence, flapping });
            return true;
        };
        let before = (told.believed.state(), told.flapping);
        if told.believed.take(health.state, rules.thresholds) {
            (told.evidence, told.flapping) = (evidence, flapping);
        }
        before != (told.believed.state(), told.flapping)
    }
}

fn place(endpoint: &Endpoint) -> String {
    format!("{} {endpoint}", endpoint.transport.as_str())
}

fn is_flapping(health: &Health) -> bool {
    health.findings.iter().any(|finding| finding.kind.code.starts_with("flapping-"))
}
