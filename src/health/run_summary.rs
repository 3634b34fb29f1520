//! The summary of a run: counts and the worst services, never an average.

use std::time::Duration;

use crate::clean::clean;
use crate::model::{CheckName, CheckSpec, Endpoint, Finding, Health, HealthState, PartialError, Service};

use super::Evidence;

/// How many of the worst services the summary names.
const WORST: usize = 5;

/// The summary of a run.
#[derive(Debug, Default)]
pub(crate) struct RunSummary {
    by_state: [usize; HealthState::ALL.len()],
    /// The worst services: score, name, and the address and finding of the highest cost.
    worst: Vec<(u8, String, String)>,
    /// Whether the score of one of them needs an explanation.
    has_rule: bool,
    /// Endpoints that were checked only by connecting, because their protocol is unknown: their number, and one of
    /// them with the way to name its protocol.
    connected_only: (usize, String),
    /// The score that every service must reach.
    min_score: Option<u8>,
    /// Services below that, or without a score.
    below: usize,
    /// Those of them without a score.
    unscored: usize,
    /// Unhealthy services for which no score is required.
    unhealthy: usize,
    /// Endpoints of unknown health although a check applies, and why the first one is.
    unknown: (usize, String),
    /// Endpoints whose reply misses a stated expectation although nothing else fails their services, and what the first one replied.
    missed: (usize, String),
    /// Unhealthy endpoints, and the first of them.
    unhealthy_endpoints: (usize, String),
    /// The days that certificates have left, and their endpoints.
    expiries: Vec<(i64, String)>,
    /// Endpoints whose status is a success although their body reports a failure.
    reports_failure: usize,
    /// Whether the addresses of some endpoints are unreachable from here. Their source says so.
    has_out_of_reach: bool,
    /// Services with a requested check that could not run.
    pub(crate) incomplete: usize,
    /// Services with an endpoint to which a check applies.
    checked: usize,
    /// Endpoints whose checks the end of the run cut short.
    cut_short: usize,
    /// Endpoints where an explicitly requested check could not run, and the first cause.
    blocked: (usize, String),
    /// Measurements that meet the latency target only because scheduler lag is subtracted, and the greatest lag in
    /// microseconds.
    excused: (usize, u64),
}

/// The finding that says that a reply misses a stated expectation, although the endpoint may still be usable.
pub(crate) fn missed_expectation<'e>(endpoint: &'e Endpoint, spec: &CheckSpec) -> Option<&'e Finding> {
    let health = endpoint.health.as_deref()?;
    let misses_status = match (&spec.expect_status, health.figures.http_status) {
        (Some(expected), Some(status)) => !expected.contains(status),
        _ => false,
    };
    health.findings.iter().find(|finding| match finding.code() {
        "grpc-unknown-service" => spec.grpc_service.is_some(),
        code => misses_status && code.starts_with("http-") && !code.starts_with("http-latency"),
    })
}

impl RunSummary {
    /// An empty summary. Services below `min_score` count as failed.
    pub(crate) fn against(min_score: Option<u8>) -> Self {
        Self { min_score, ..Self::default() }
    }

    /// Sets the score that a service must reach: its own, or that of the run.
    pub(crate) fn require_score(&self, service: &mut Service, own: Option<u8>) {
        if let Some(health) = &mut service.health {
            health.min_score = own.or(self.min_score);
        }
    }

    /// Counts a service, by its health and the evidence of its endpoints.
    pub(crate) fn count(&mut self, service: &Service, evidence: &[Option<Evidence>]) {
        let Some(health) = &service.health else { return };
        self.by_state[HealthState::ALL.iter().position(|state| *state == health.state).unwrap_or(0)] += 1;
        self.incomplete += usize::from(!health.complete);
        if health.min_score.is_some() {
            self.below += usize::from(health.has_failed());
            self.unscored += usize::from(health.score.is_none());
        } else {
            self.unhealthy += usize::from(health.has_failed());
        }

        let mut healths = service.endpoints.iter().filter_map(|at| at.health.as_deref());
        self.reports_failure += healths.clone().filter(|health| health.reports_failure()).count();
        self.checked += usize::from(healths.any(|health| !health.complete || !health.coverage.is_empty()));
        self.cut_short += evidence.iter().flatten().filter(|evidence| evidence.is_cut_short()).count();
        for (endpoint, evidence) in service.endpoints.iter().zip(evidence) {
            self.count_unknown(endpoint, evidence.as_ref());
            self.count_endpoint(endpoint);
        }

        if let Some(score) = health.score.filter(|score| *score < 100) {
            self.rank(service, score);
        }
    }

    /// Counts what may fail for an endpoint alone.
    fn count_endpoint(&mut self, endpoint: &Endpoint) {
        let Some(health) = endpoint.health.as_deref() else { return };
        if health.state == HealthState::Unhealthy {
            if self.unhealthy_endpoints.0 == 0 {
                self.unhealthy_endpoints.1 = endpoint.to_string();
            }
            self.unhealthy_endpoints.0 += 1;
        }

        if let Some(days) = health.figures.certificate_days {
            self.expiries.push((days, endpoint.to_string()));
        }
    }

    /// The number of unhealthy endpoints and the first of them, if there are any.
    pub(crate) fn unhealthy_endpoints(&self) -> Option<(usize, &str)> {
        let (count, first) = &self.unhealthy_endpoints;
        (*count > 0).then_some((*count, first.as_str()))
    }

    /// The certificates with fewer days left than this, the next to expire first, each with its endpoint.
    pub(crate) fn expiring_within(&self, days: i64) -> Vec<(i64, &str)> {
        let expiring = self.expiries.iter().filter(|(left, _)| *left < days);
        let mut expiring: Vec<_> = expiring.map(|(left, at)| (*left, at.as_str())).collect();
        expiring.sort_unstable();
        expiring
    }

    /// The number of endpoints that were checked by connecting only, because their protocol is unknown.
    pub(crate) fn connected_only(&self) -> usize {
        self.connected_only.0
    }

    /// Counts the endpoint if its health is unknown, although a check applies and the run did not end before.
    fn count_unknown(&mut self, endpoint: &Endpoint, evidence: Option<&Evidence>) {
        let Some(health) = endpoint.health.as_deref() else { return };
        let is_unknown = !health.complete && health.state == HealthState::Unknown;
        if !is_unknown || evidence.is_some_and(Evidence::is_cut_short) {
            return;
        }
        if health.out_of_reach {
            self.has_out_of_reach = true;
            return;
        }

        if self.unknown.0 == 0 {
            self.unknown.1 = health.hindered.first().cloned().unwrap_or_default();
        }
        self.unknown.0 += 1;
    }

    /// Keeps the service if it is among the worst.
    fn rank(&mut self, service: &Service, score: u8) {
        // A single endpoint is on the screen with its own score.
        let limit = service.limiting_finding().filter(|finding| finding.cap() == Some(score));
        let rule = service.score_rule().filter(|_| service.endpoints.len() > 1);
        let healths = service.endpoints.iter().filter_map(|at| Some((at, at.health.as_deref()?)));
        let worst = healths.min_by_key(|(_, health)| health.score);
        let own = worst.and_then(|(_, health)| health.score).filter(|_| limit.is_none() && rule.is_none());
        let score = own.unwrap_or(score);
        let at = self.worst.partition_point(|(other, ..)| *other <= score);
        if at >= WORST {
            return;
        }

        let name = service.name.as_ref().map_or_else(|| service.id.to_string(), ToString::to_string);
        let reason = match (limit, worst) {
            (Some(limit), _) => limit.to_string(),
            (None, Some((endpoint, health))) => {
                let address = Some(endpoint.to_string()).filter(|address| !name.contains(address));
                let finding = health.findings.first().map(ToString::to_string);
                let place = [address, finding].into_iter().flatten().collect::<Vec<_>>().join("  ");
                rule.map_or_else(|| place.clone(), |rule| format!("{rule}; {place}"))
            }
            (None, None) => String::new(),
        };

        self.has_rule |= limit.is_none() && rule.is_some();
        self.worst.insert(at, (score, name, reason));
        self.worst.truncate(WORST);
    }

    /// Counts an endpoint that was checked only by connecting, because its protocol is unknown.
    pub(crate) fn count_connected_only(&mut self, service: &Service, endpoint: &Endpoint, spec: &CheckSpec) {
        let is_chosen = spec.protocol.is_some() || !spec.check.is_empty() || !spec.no_check.is_empty();
        if is_chosen || !endpoint.health.as_deref().is_some_and(Health::is_of_connection_only) {
            return;
        }

        if self.connected_only.0 == 0 {
            self.connected_only.1 = match &*service.source {
                "given" => format!("a scheme, as in http://{endpoint}/, or --protocol says what to check"),
                "file" => format!("of {endpoint}, a protocol in `ask` says what to check"),
                _ => format!("of {endpoint}, --identify finds out what to check"),
            };
        }
        self.connected_only.0 += 1;
    }

    /// Counts measurements that meet the latency target only because this lag, in microseconds, is subtracted.
    pub(crate) fn count_excused(&mut self, lags_us: impl Iterator<Item = u64>) {
        for lag_us in lags_us {
            self.excused = (self.excused.0 + 1, self.excused.1.max(lag_us));
        }
    }

    /// Counts an endpoint that is unhealthy whatever a script, or a check of `--check`, would find that could not run.
    pub(crate) fn count_blocked(&mut self, endpoint: &Endpoint, evidence: &Evidence, spec: &CheckSpec) {
        if endpoint.health.as_deref().is_none_or(|health| health.state == HealthState::Unknown) {
            return;
        }
        let blocked = evidence.blocked.iter().find(|(check, cause)| {
            (**check == CheckName::Script || spec.check.contains(check)) && !cause.is_end_of_run()
        });

        if let Some((check, cause)) = blocked {
            if self.blocked.0 == 0 {
                self.blocked.1 = format!("{}: {cause}", check.as_str());
            }
            self.blocked.0 += 1;
        }
    }

    /// Counts an endpoint whose reply misses what was stated about it, where no score is required that decides instead.
    pub(crate) fn count_missed(&mut self, service: &Service, endpoint: &Endpoint, spec: &CheckSpec) {
        let is_decided = service.health.as_deref().is_none_or(|health| health.min_score.is_some());
        let Some(finding) = missed_expectation(endpoint, spec).filter(|_| !is_decided) else { return };
        if self.missed.0 == 0 {
            let name = service.name.as_ref().map_or_else(|| service.id.to_string(), ToString::to_string);
            self.missed.1 = format!("{name}: {finding}");
        }
        self.missed.0 += 1;
    }

    /// Whether a service is below the score that it must reach, or, where none is required, is unhealthy or misses a stated
    /// expectation.
    pub(crate) fn has_failed(&self) -> bool {
        self.below > 0 || self.unhealthy > 0 || self.missed.0 > 0
    }

    /// Whether the health of an endpoint is unknown although a check applies.
    pub(crate) fn has_unknown(&self) -> bool {
        self.cut_short > 0 || self.unknown.0 > 0 || self.has_out_of_reach
    }

    /// Whether there was nothing to check, so that no threshold can hold.
    pub(crate) fn is_empty(&self) -> bool {
        self.checked == 0
    }

    /// The counts and the worst services.
    pub(crate) fn notes(&self) -> Vec<String> {
        let counts = HealthState::ALL.iter().zip(self.by_state).filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(state, count)| format!("{count} {}", state.as_str())).collect();
        let mut notes = vec![if counts.is_empty() { "nothing to check".to_owned() } else { counts.join(", ") }];

        // One or two services are on the screen anyway, unless their scores need an explanation.
        if self.by_state.iter().sum::<usize>() > 2 || self.has_rule {
            notes.extend(self.worst.iter().map(|(score, name, reason)| format!("  {score:>3}  {name}  {reason}")));
        }

        if let (count @ 1.., hint) = &self.connected_only {
            notes.push(format!("{} checked by connecting only (tcp); {hint}", counted(*count, "endpoint")));
        }

        if let count @ 1.. = self.reports_failure {
            let verb = if count == 1 { "replies" } else { "reply" };
            notes.push(format!(
                "{} {verb} with a success status, but the body reports a failure: --expect-json /status=UP, or what the service \
                 reports when it is healthy, makes that count",
                counted(count, "endpoint")
            ));
        }
        if let (count @ 1.., first) = &self.missed {
            notes.push(format!(
                "{} missed a stated expectation, which fails the run: {first}",
                counted(*count, "endpoint")
            ));
        }
        notes.extend(self.score_notes());
        notes.extend(self.lag_note());
        notes
    }

    /// How many services do not reach the required score.
    fn score_notes(&self) -> Vec<String> {
        let min_score = self
            .min_score
            .map_or_else(|| "the min-score of the file".to_owned(), |score| format!("--min-score {score}"));
        let mut notes = Vec::new();
        if let scored @ 1.. = self.below - self.unscored {
            notes.push(format!("{} scored below {min_score}", counted(scored, "service")));
        }
        if let unscored @ 1.. = self.unscored {
            let verb = if unscored == 1 { "has" } else { "have" };
            notes.push(format!("{} {verb} no score, so --min-score fails", counted(unscored, "service")));
        }

        notes
    }

    fn lag_note(&self) -> Option<String> {
        let (measurements @ 1.., lag_us) = self.excused else { return None };
        let lag = Duration::from_micros(lag_us).as_millis();
        let measurements = counted(measurements, "measurement");
        Some(format!("{measurements} not counted as slow: this machine was busy meanwhile (up to {lag} ms)"))
    }

    /// Why the result is incomplete.
    pub(crate) fn faults(&self) -> Vec<PartialError> {
        let mut faults = Vec::new();
        if self.cut_short > 0 {
            faults.push(PartialError {
                operation: format!("finish the checks of {}", counted(self.cut_short, "endpoint")),
                cause: "the deadline passed, or the run was stopped".to_owned(),
                hint: "allow more time (--deadline), or check fewer endpoints".to_owned(),
            });
        }

        if let (endpoints @ 1.., cause) = &self.unknown {
            faults.push(PartialError {
                operation: format!("judge {}", counted(*endpoints, "endpoint")),
                cause: clean(cause),
                hint: "this does not count against them; --explain shows each cause".to_owned(),
            });
        }

        if let (endpoints @ 1.., cause) = &self.blocked {
            faults.push(PartialError {
                operation: format!("run a requested check of {}", counted(*endpoints, "endpoint")),
                cause: clean(cause),
                hint: "check that the script exists and may be run; --explain shows each cause".to_owned(),
            });
        }
        faults
    }
}

/// A number with its noun: `1 service`, `2 services`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
