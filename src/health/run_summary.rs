//! What came of a whole run: counts and the worst, never an average.

use std::time::Duration;

use crate::clean::clean;
use crate::model::{CheckName, CheckSpec, HealthState, PartialError, Service};

use super::Evidence;

/// How many of the worst services the summary names.
const WORST: usize = 5;

/// What came of the services that were checked.
#[derive(Debug, Default)]
pub(crate) struct RunSummary {
    by_state: [usize; HealthState::ALL.len()],
    /// The worst services: score, name, and the dearest reason.
    worst: Vec<(u8, String, String)>,
    /// The least score that a service must have.
    min_score: Option<u8>,
    /// Services below that, or without a score.
    pub(crate) below: usize,
    /// Services of which not everything that was wanted could be looked at.
    pub(crate) incomplete: usize,
    /// Services with an endpoint that a check looked at, or should have.
    checked: usize,
    /// Endpoints that were not looked at, or not to the end, for want of time.
    untried: usize,
    /// Endpoints where an explicitly requested check could not run, and the first cause.
    blocked: (usize, String),
    /// Times that would else be over their goal, and the most microseconds that this side was late by at one of them.
    saved: (usize, u64),
}

impl RunSummary {
    /// Nothing yet; services below `min_score` count as failed.
    pub(crate) fn against(min_score: Option<u8>) -> Self {
        Self { min_score, ..Self::default() }
    }

    /// Takes a service in.
    pub(crate) fn count(&mut self, service: &Service) {
        let Some(health) = &service.health else { return };
        self.by_state[HealthState::ALL.iter().position(|state| *state == health.state).unwrap_or(0)] += 1;
        self.incomplete += usize::from(!health.complete);
        if let Some(least) = self.min_score {
            self.below += usize::from(health.score.is_none_or(|score| score < least));
        }
        let mut healths = service.endpoints.iter().filter_map(|at| at.health.as_deref());
        self.checked += usize::from(healths.any(|health| !health.complete || !health.coverage.is_empty()));
        let cut = service.endpoints.iter().filter_map(|at| at.health.as_deref());
        self.untried += cut.filter(|health| health.hindered.iter().any(|why| is_cut_short(why))).count();
        let Some(score) = health.score.filter(|score| *score < 100) else { return };
        let findings = service.endpoints.iter().filter_map(|at| at.health.as_deref());
        let worst = findings.min_by_key(|health| health.score).and_then(|health| health.findings.first());
        let reason = worst.map(ToString::to_string).unwrap_or_default();
        let at = self.worst.partition_point(|(other, ..)| *other <= score);
        if at < WORST {
            let name = service.name.as_ref().map_or_else(|| service.id.to_string(), ToString::to_string);
            self.worst.insert(at, (score, name, reason));
            self.worst.truncate(WORST);
        }
    }

    /// Takes in what this side was late by, each time when the other would else have seemed slow.
    pub(crate) fn count_saved(&mut self, late_us: impl Iterator<Item = u64>) {
        for late_us in late_us {
            self.saved = (self.saved.0 + 1, self.saved.1.max(late_us));
        }
    }

    /// Counts an endpoint where a script, or a check of `--check`, could not run.
    pub(crate) fn count_blocked(&mut self, evidence: &Evidence, spec: &CheckSpec) {
        let is_requested = |check: CheckName| check == CheckName::Script || spec.check.contains(&check);
        let mut causes = evidence.hindered.iter().filter(|(_, cause)| !is_cut_short(cause));
        if let Some((check, cause)) = causes.find(|(check, _)| is_requested(**check)) {
            if self.blocked.0 == 0 {
                self.blocked.1 = format!("{}: {cause}", check.as_str());
            }
            self.blocked.0 += 1;
        }
    }

    /// Whether there was nothing to check, so that no threshold can hold.
    pub(crate) fn is_empty(&self) -> bool {
        self.checked == 0
    }

    /// The counts, and the worst.
    pub(crate) fn notes(&self) -> Vec<String> {
        let counts = HealthState::ALL.iter().zip(self.by_state).filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(state, count)| format!("{count} {}", state.as_str())).collect();
        let mut notes = vec![if counts.is_empty() { "nothing to check".to_owned() } else { counts.join(", ") }];
        // One or two are all on the screen anyway.
        if self.by_state.iter().sum::<usize>() > 2 {
            notes.extend(self.worst.iter().map(|(score, name, reason)| format!("  {score:>3}  {name}  {reason}")));
        }
        if self.below > 0 {
            let least = self.min_score.unwrap_or(0);
            notes.push(format!("{} of them below {least}, the least score asked for", self.below));
        }
        if let (times @ 1.., late_us) = self.saved {
            let late = Duration::from_micros(late_us).as_millis();
            let times = if times == 1 { "1 time is".to_owned() } else { format!("{times} times are") };
            notes.push(format!(
                "{times} over the goal only by what this machine was late, at most {late} ms: not counted"
            ));
        }
        notes
    }

    /// What makes the answer less than whole.
    pub(crate) fn faults(&self) -> Vec<PartialError> {
        let mut faults = Vec::new();
        if self.untried > 0 {
            let why = "the time was over, or the run was stopped".to_owned();
            let hint = "allow more time (--deadline), or check fewer".to_owned();
            let operation = format!("look at {} endpoints to the end", self.untried);
            faults.push(PartialError { operation, cause: why, hint });
        }

        if let (endpoints @ 1.., cause) = &self.blocked {
            let endpoints = if *endpoints == 1 { "1 endpoint".to_owned() } else { format!("{endpoints} endpoints") };
            let operation = format!("run a requested check of {endpoints}");
            let hint = "check that the script exists and may be run; --explain shows each cause".to_owned();
            faults.push(PartialError { operation, cause: clean(cause), hint });
        }
        faults
    }
}

/// Whether the run ended before a check did.
fn is_cut_short(cause: &str) -> bool {
    cause.ends_with("the run was stopped") || cause.ends_with("the run's deadline passed")
}
