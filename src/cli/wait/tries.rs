//! The log of attempts at a target.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clean::clean;

/// The outcome of an attempt, in the order of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TryOutcome {
    Accepts,
    /// It scores enough, but nothing says what to check beyond the connection.
    ConnectedOnly,
    /// It scores enough, but its body reports a failure.
    ReportsFailure,
    /// The addresses are unreachable from here, and the source reports enough endpoints as ready.
    ReportedReady,
    Refused,
    Silent,
    Unreachable,
    /// The socket file does not exist.
    Missing,
    /// The source lists no service with that name.
    Unlisted,
    /// The source lists a service with that name.
    Listed,
    /// The score is too low, for this reason.
    Unhealthy(String),
    /// The attempt is inconclusive, for example because the name cannot be resolved.
    Unknown(String),
}

impl TryOutcome {
    /// Whether the outcome is the one that a wait without `--gone` ends with.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self, Self::Accepts | Self::ConnectedOnly | Self::ReportsFailure | Self::ReportedReady)
    }

    /// Whether the outcome proves that the target is gone. Silence does not: a listener with a full backlog, or behind a
    /// firewall, is silent too.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused | Self::Missing | Self::Unlisted)
    }
}

impl fmt::Display for TryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts | Self::ConnectedOnly | Self::ReportsFailure => f.write_str("accepted"),
            Self::ReportedReady => f.write_str("ready according to its source"),
            Self::Refused => f.write_str("connection refused"),
            Self::Silent => f.write_str("no reply"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Missing => f.write_str("no such socket"),
            Self::Unlisted => f.write_str("no service has that name"),
            Self::Listed => f.write_str("still listed"),
            Self::Unhealthy(why) | Self::Unknown(why) => f.write_str(&clean(why)),
        }
    }
}

/// The step of an attempt in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TryStep {
    Resolve,
    Check,
}

/// The attempts at one target.
#[derive(Debug, Default)]
pub(super) struct TryLog {
    /// How often and when last each outcome came.
    ended: BTreeMap<TryOutcome, (u32, Option<Instant>)>,
    /// The step of the attempt in progress, and its start.
    pending: Option<(TryStep, Instant)>,
}

/// Records the step of the attempt in progress. A step that an earlier attempt did not end keeps its start.
pub(super) fn begin(tries: &Mutex<TryLog>, step: TryStep) {
    let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
    if tries.pending.is_none_or(|(pending, _)| pending != step) {
        tries.pending = Some((step, Instant::now()));
    }
}

impl TryLog {
    /// Of more outcomes than a report has room for, the oldest one is dropped: a server may word each refusal differently.
    pub(super) fn add(&mut self, outcome: TryOutcome) {
        if self.ended.len() >= MAX_OUTCOMES && !self.ended.contains_key(&outcome) {
            let oldest = self.ended.iter().min_by_key(|(_, (_, last))| *last).map(|(outcome, _)| outcome.clone());
            if let Some(oldest) = oldest {
                self.ended.remove(&oldest);
            }
        }
        let (count, last) = self.ended.entry(outcome).or_default();
        (*count, *last) = (count.saturating_add(1), Some(Instant::now()));
        self.pending = None;
    }

    /// The outcome of the last attempt.
    pub(super) fn last(&self) -> Option<&TryOutcome> {
        self.ended.iter().max_by_key(|(_, (_, last))| *last).map(|(outcome, _)| outcome)
    }

    /// The state in a few words, for the line at the terminal.
    pub(super) fn state(&self) -> String {
        match (self.pending, self.last()) {
            (Some((TryStep::Resolve, start)), _) if start.elapsed() >= LONG => "resolving the name".to_owned(),
            (_, Some(outcome)) => outcome.to_string(),
            (_, None) => "no reply yet".to_owned(),
        }
    }
}

/// The number of different outcomes that are kept.
const MAX_OUTCOMES: usize = 8;
/// A pending attempt older than this is reported.
const LONG: Duration = Duration::from_millis(100);

/// `connection refused (tried 6 times)`, or `connection refused (57 times, last 0.4 s ago); no reply (2 times, last 31.0 s
/// ago); the name is still being resolved after 5.0 s`
impl fmt::Display for TryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_single = self.ended.len() == 1;
        for (at, (outcome, (count, last))) in self.ended.iter().enumerate() {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            let ago = last.map_or(0.0, |last| last.elapsed().as_secs_f64());
            if is_single {
                write!(f, "{outcome} (tried {times})")?;
            } else {
                write!(f, "{}{outcome} ({times}, last {ago:.1} s ago)", if at > 0 { "; " } else { "" })?;
            }
        }

        let is_untried = self.ended.is_empty();
        let separator = if is_untried { "" } else { "; " };
        match self.pending.map(|(step, start)| (step, start.elapsed())) {
            // The silence is in the list already.
            Some((TryStep::Check, _)) if self.ended.contains_key(&TryOutcome::Silent) => Ok(()),
            Some((TryStep::Check, _)) if is_untried => f.write_str("no reply"),
            Some((step, time)) if is_untried || time >= LONG => {
                let state = if step == TryStep::Resolve { "the name is still being resolved" } else { "no reply" };
                write!(f, "{separator}{state} after {:.1} s", time.as_secs_f64())
            }
            None if is_untried => f.write_str("no attempt was made"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_outcome() {
        let mut tries = TryLog::default();
        assert_eq!(tries.to_string(), "no attempt was made");

        tries.add(TryOutcome::Refused);
        assert_eq!(tries.to_string(), "connection refused (tried once)");
        tries.add(TryOutcome::Refused);
        tries.add(TryOutcome::Silent);
        assert_eq!(tries.to_string(), "connection refused (2 times, last 0.0 s ago); no reply (once, last 0.0 s ago)");
        assert_eq!(tries.last(), Some(&TryOutcome::Silent));

        tries.pending = Some((TryStep::Resolve, seconds_ago(5)));
        assert!(tries.to_string().ends_with("ago); the name is still being resolved after 5.0 s"), "{tries}");
        let tries = TryLog { pending: Some((TryStep::Check, seconds_ago(1))), ..TryLog::default() };
        assert_eq!(tries.to_string(), "no reply");
    }

    #[test]
    fn a_server_that_words_each_refusal_differently_fills_no_memory() {
        let mut tries = TryLog::default();
        for number in 0..100 {
            tries.add(TryOutcome::Unhealthy(format!("scored 0 (refused {number})")));
        }
        assert_eq!(tries.ended.len(), MAX_OUTCOMES);
        assert_eq!(tries.last(), Some(&TryOutcome::Unhealthy("scored 0 (refused 99)".to_owned())));
    }

    fn seconds_ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap()
    }
}
