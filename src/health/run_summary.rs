//! What came of a whole run: counts and the worst, never an average.

use std::time::Duration;

use crate::clean::clean;
use crate::model::{HealthState, PartialError, Service};

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
    /// Endpoints that were not looked at, or not to the end, for want of time.
    untried: usize,
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
        let cut_short =
            |why: &String| why.ends_with("the run was stopped") || why.ends_with("the run's deadline passed");
        let cut = service.endpoints.iter().filter_map(|at| at.health.as_deref());
        self.untried += cut.filter(|health| health.hindered.iter().any(cut_short)).count();
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
        if self.untried == 0 {
            return Vec::new();
        }
        let why = clean("the time was over, or the run was stopped");
        let hint = "allow more time (--deadline), or check fewer".to_owned();
        vec![PartialError { operation: format!("look at {} endpoints to the end", self.untried), cause: why, hint }]
    }
}
