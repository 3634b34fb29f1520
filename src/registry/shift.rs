//! A shift of traffic to other instances, step by step: a pure function of its state, what happened, and the time.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::selector::Selector;
use crate::model::Problem;

/// The most steps of a shift.
pub const MAX_SHIFT_STEPS: usize = 100;
/// The shortest time of a step.
pub const MIN_STEP_TIME: Duration = Duration::from_secs(1);
/// The longest time of a step.
pub const MAX_STEP_TIME: Duration = Duration::from_hours(30 * 24);
/// A score that is older says nothing about now.
const MAX_SCORE_AGE: Duration = Duration::from_secs(10);

/// What a shift of traffic is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftPlan {
    /// The instances that the traffic is moved to.
    pub to: Selector,
    /// The percentages that they get, one after the other, rising. If the last one is 100, the shift finishes after it;
    /// otherwise it stays there until it is finished or aborted.
    pub steps: Vec<u8>,
    /// How long each step lasts.
    pub every: Duration,
    /// The score below which everything goes back, 1 to 100. With it, a step only counts while the score is known.
    pub abort_below: Option<u8>,
}

impl ShiftPlan {
    /// Why it cannot be used.
    pub fn problem(&self) -> Option<Problem> {
        let is_rising = self.steps.windows(2).all(|pair| pair[0] < pair[1]);
        let is_in_range = self.steps.iter().all(|step| (1..=100).contains(step));
        if self.steps.is_empty() || self.steps.len() > MAX_SHIFT_STEPS || !is_rising || !is_in_range {
            let hint = "write rising percentages from 1 to 100, as in 10, 50, 100";
            return Some(Problem::new("steps", "they are not the steps of a shift", hint));
        }
        if !(MIN_STEP_TIME..=MAX_STEP_TIME).contains(&self.every) {
            return Some(Problem::new("every", "it is shorter than 1 s or longer than 30 days", "write it as 5m"));
        }
        let is_score = self.abort_below.is_none_or(|score| (1..=100).contains(&score));
        (!is_score).then(|| Problem::new("abort_below", "it is not a score from 1 to 100", "write it as 80"))
    }
}

/// Where a shift is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftPhase {
    /// It goes on by itself.
    Running,
    /// It stays at its step until it is resumed. A score that falls still aborts it.
    Paused,
    /// All traffic has moved.
    Finished,
    /// The weights are those from before.
    Aborted,
}

impl ShiftPhase {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Aborted => "aborted",
        }
    }
}

/// A shift, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// What it is to do.
    pub plan: ShiftPlan,
    /// The position of its step.
    pub step: usize,
    /// Where it is.
    pub phase: ShiftPhase,
    /// Why it ended, or why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When its step or its phase changed last.
    pub changed_at: Timestamp,
}

/// What is known of a shift beside what is kept. It begins anew when the server starts: each step then lasts its whole time
/// again, whatever the clock of the day says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShiftProgress {
    /// Since when the step counts.
    since: Duration,
    /// The last score, and when it came.
    score: Option<(u8, Duration)>,
}

impl ShiftProgress {
    pub(super) fn starting(now: Duration) -> Self {
        Self { since: now, score: None }
    }

    /// The score that was known of the step before is still the last one.
    pub(super) fn keep_score_of(&mut self, before: &Self) {
        self.score = before.score;
    }

    /// Takes a score. `None`: it is not known.
    pub(super) fn note_score(&mut self, score: Option<u8>, now: Duration) {
        self.score = score.map(|score| (score, now));
    }
}

/// The instances that a shift moves traffic to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TargetCounts {
    pub(super) all: usize,
    /// Those that take calls.
    pub(super) usable: usize,
}

/// What becomes of a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ShiftMove {
    Stay,
    NextStep,
    Finish,
    Abort(String),
}

impl Shift {
    /// A shift that begins.
    pub(super) fn starting(plan: ShiftPlan, at: Timestamp) -> Self {
        Self { plan, step: 0, phase: ShiftPhase::Running, reason: None, started_at: at, changed_at: at }
    }

    /// Whether it moves traffic.
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, ShiftPhase::Running | ShiftPhase::Paused)
    }

    /// The percentage that it moves now.
    pub fn percent(&self) -> Option<u8> {
        self.plan.steps.get(self.step).copied().filter(|_| self.is_active())
    }

    /// What time and the score make of it.
    pub(super) fn next_move(&self, progress: &mut ShiftProgress, targets: TargetCounts, now: Duration) -> ShiftMove {
        if !self.is_active() {
            return ShiftMove::Stay;
        }
        let score = progress.score.filter(|(_, at)| now.saturating_sub(*at) <= MAX_SCORE_AGE).map(|(score, _)| score);
        if let Some(least) = self.plan.abort_below {
            if targets.all > 0 && targets.usable == 0 {
                return ShiftMove::Abort(format!("no instance of {} takes calls", self.plan.to));
            }
            if let Some(score) = score.filter(|score| *score < least) {
                return ShiftMove::Abort(format!("the score of {} is {score}, below {least}", self.plan.to));
            }
        }

        // Time in which nothing was moved, or nothing known, is no test of these instances.
        let is_counted = targets.usable > 0 && (self.plan.abort_below.is_none() || score.is_some());
        if !is_counted || self.phase == ShiftPhase::Paused {
            progress.since = now;
            return ShiftMove::Stay;
        }
        if now.saturating_sub(progress.since) < self.plan.every {
            return ShiftMove::Stay;
        }
        match self.plan.steps.get(self.step + 1) {
            Some(_) => ShiftMove::NextStep,
            None if self.plan.steps.last() == Some(&100) => ShiftMove::Finish,
            None => ShiftMove::Stay,
        }
    }
}
