//! What `register` says of the state of a registration: each change, and a reminder while the registry is away.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::cli::stderr;
use crate::client::RegistrationState;
use crate::error::Error;

/// The interval at which a failure that goes on is mentioned again.
const REMINDER_INTERVAL: Duration = Duration::from_mins(1);

/// What was said last, as a pure function of the states and the time.
pub(in crate::cli) struct StateNotes {
    label: String,
    failure: Option<LastFailure>,
    registrations: u32,
}

#[derive(Clone, Copy)]
struct LastFailure {
    since: Instant,
    noted: Instant,
}

impl StateNotes {
    /// Notes of a registration with this label.
    pub(in crate::cli) fn new(label: String) -> Self {
        Self { label, failure: None, registrations: 0 }
    }

    /// The line for a state, if it says something new.
    pub(super) fn line(&mut self, state: &RegistrationState, now: Instant) -> Option<String> {
        match state {
            RegistrationState::Active { registrations } => self.active(*registrations, now),
            RegistrationState::Failing { error, hint, retry_in } => self.failing((error, hint), *retry_in, now),
            _ => None,
        }
    }

    /// The line for a failure of the first attempt, which the next one follows at once.
    pub(super) fn failed_at_first(&mut self, error: &Error, now: Instant) -> Option<String> {
        let (error, hint) = (error.to_string(), error.hint().to_owned());
        self.line(&RegistrationState::Failing { error, hint, retry_in: Duration::ZERO }, now)
    }

    fn active(&mut self, registrations: u32, now: Instant) -> Option<String> {
        let failure = self.failure.take();
        let before = std::mem::replace(&mut self.registrations, registrations);
        let label = &self.label;
        let away = failure.map(|failure| format!("the registry replies again after {}", time(now - failure.since)));

        match (away, before == registrations) {
            (None, true) => None,
            (Some(away), true) => Some(format!("{away}: {label} is still registered")),
            (Some(away), false) => Some(format!("{away}: registered {label}")),
            (None, false) if registrations == 1 => Some(format!("registered {label}")),
            (None, false) => Some(format!("registered {label} again: the registry no longer had it")),
        }
    }

    fn failing(&mut self, (error, hint): (&str, &str), retry_in: Duration, now: Instant) -> Option<String> {
        let Some(failure) = &mut self.failure else {
            self.failure = Some(LastFailure { since: now, noted: now });
            let next = if retry_in.is_zero() { "at once".to_owned() } else { format!("in {}", time(retry_in)) };
            return Some(format!("{error}; trying again {next}, then at least every 10 s ({hint})"));
        };
        if now - failure.noted < REMINDER_INTERVAL {
            return None;
        }

        failure.noted = now;
        let mut line = format!("still not registered after {}: ", time(now - failure.since));
        if self.registrations > 0 {
            line = format!("not renewed for {}: ", time(now - failure.since));
        }
        // Writing to a String never fails.
        let _ = write!(line, "{error}; next attempt in {}", time(retry_in));
        Some(line)
    }
}

/// Reports each state on standard error.
pub(in crate::cli) async fn note_states(
    mut states: watch::Receiver<RegistrationState>,
    mut notes: StateNotes,
    quiet: bool,
) {
    loop {
        let state = states.borrow_and_update().clone();
        let line = notes.line(&state, Instant::now());
        if let Some(line) = line.filter(|_| !quiet) {
            stderr::note(&line);
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// `0.2 s`, `75 s`
fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} s", time.as_secs_f64().round())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(retry_ms: u64) -> RegistrationState {
        let (error, hint) = ("cannot register web: http://r: connection refused".to_owned(), "start it".to_owned());
        RegistrationState::Failing { error, hint, retry_in: Duration::from_millis(retry_ms) }
    }

    fn active(registrations: u32) -> RegistrationState {
        RegistrationState::Active { registrations }
    }

    #[test]
    fn each_change_has_a_line_and_a_failure_that_goes_on_one_a_minute() {
        let begin = Instant::now();
        let mut notes = StateNotes::new("web 10.0.0.7:80 as 1".to_owned());
        let mut line = |state: &RegistrationState, second: u64| notes.line(state, begin + Duration::from_secs(second));

        assert_eq!(line(&RegistrationState::Pending, 0), None);
        assert_eq!(
            line(&failing(200), 0).unwrap(),
            "cannot register web: http://r: connection refused; trying again in 0.2 s, then at least every 10 s (start it)"
        );
        let lines: Vec<String> = (1..=130).step_by(9).filter_map(|second| line(&failing(9_000), second)).collect();
        assert_eq!(
            lines,
            [
                "still not registered after 64 s: cannot register web: http://r: connection refused; next attempt in 9 s",
                "still not registered after 127 s: cannot register web: http://r: connection refused; next attempt in 9 s",
            ]
        );

        let back = "the registry replies again after 140 s: registered web 10.0.0.7:80 as 1";
        assert_eq!(line(&active(1), 140).unwrap(), back);
        assert_eq!(line(&active(1), 150), None, "a renewal is no news");
        let again = "registered web 10.0.0.7:80 as 1 again: the registry no longer had it";
        assert_eq!(line(&active(2), 160).unwrap(), again);

        assert!(line(&failing(200), 170).unwrap().starts_with("cannot register web"));
        assert!(line(&failing(200), 231).unwrap().starts_with("not renewed for 61 s: "));
        let still = "the registry replies again after 70 s: web 10.0.0.7:80 as 1 is still registered";
        assert_eq!(line(&active(2), 240).unwrap(), still);
    }
}
