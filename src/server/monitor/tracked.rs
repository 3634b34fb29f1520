//! A check that the monitor runs, and when its result is news for the registry.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::definition::RunnableCheck;
use crate::model::{CheckSpec, Finding, Health, HealthState};
use crate::registry::Command;

/// A result that says what the last one said goes to the registry this often, so that its time is shown.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// A check that the monitor runs.
#[derive(Debug)]
pub(super) struct TrackedCheck {
    pub(super) id: Arc<str>,
    pub(super) generation: u64,
    /// Its position in the registration.
    pub(super) position: usize,
    pub(super) check: RunnableCheck,
    /// How often it began to run.
    pub(super) runs: u64,
    /// How many results in a row make its state unknown when it cannot run.
    pub(super) fall: u32,
    /// Whether the last run was refused because of its address.
    is_refused: bool,
    /// How many runs in a row could not say anything.
    silent: u32,
    /// The last result that went to the registry, and when.
    sent: Option<(HealthState, Option<Arc<str>>, Instant)>,
}

impl TrackedCheck {
    pub(super) fn new((id, generation): (Arc<str>, u64), position: usize, check: RunnableCheck, fall: u32) -> Self {
        Self { id, generation, position, check, runs: 0, fall, is_refused: false, silent: 0, sent: None }
    }

    /// The command for a result, if it is news. `confirmed` is the state that the registry shows.
    pub(super) fn command(
        &mut self,
        (state, note): (HealthState, Option<Arc<str>>),
        is_refused: bool,
        confirmed: Option<HealthState>,
        now: Instant,
    ) -> Option<Command> {
        self.silent = if state == HealthState::Unknown { self.silent.saturating_add(1) } else { 0 };
        // What cannot be looked at is not as it was seen last. A failure of this machine may pass.
        let is_lost = state == HealthState::Unknown && (is_refused || self.silent >= self.fall);

        let is_settled = confirmed == Some(state) || state == HealthState::Unknown && !is_lost;
        let is_same = self.sent.as_ref().is_some_and(|(last, text, at)| {
            *last == state && *text == note && now.duration_since(*at) < REFRESH_INTERVAL
        });
        if is_settled && is_same {
            return None;
        }

        self.sent = Some((state, note.clone(), now));
        let (id, generation, check) = (Arc::clone(&self.id), Some(self.generation), self.position);
        Some(if is_lost {
            let note = note.unwrap_or_else(|| "the check could not run".into());
            Command::CheckUnavailable { id, generation, check, note }
        } else {
            Command::CheckResult { id, generation, check, state, note }
        })
    }

    /// Whether a run is the first one after others, or after none, that is refused because of its address.
    pub(super) fn begins_refusal(&mut self, is_refused: bool) -> bool {
        let was_refused = std::mem::replace(&mut self.is_refused, is_refused);
        is_refused && !was_refused
    }

    /// The last result did not reach the registry: the next one is news.
    pub(super) fn forget_sent(&mut self) {
        self.sent = None;
    }
}

/// Whether an HTTP check got another status than it expects. As for Consul and for load balancers, the instance is then not
/// to be called; only 429 (Too Many Requests) is a warning. `portolan validate` judges the same reply more mildly, because it
/// asks whether the service can be used.
pub(super) fn misses_status(health: &Health, spec: &CheckSpec) -> bool {
    let Some(status) = health.figures.http_status else { return false };
    // Unless the statuses are named, a server that asks for credentials is alive.
    let is_unnamed = spec.expect_status.is_none() && matches!(status, 401 | 403);
    let expected = spec.expect_status.clone().unwrap_or_default();

    !expected.contains(status) && status != 429 && !is_unnamed
}

/// The text of a result: why it is not healthy. Figures that differ each time would make every result a new one.
pub(super) fn note(state: HealthState, health: &Health, excuse: Option<&'static str>) -> Option<Arc<str>> {
    if let Some(excuse) = excuse {
        return Some(excuse.into());
    }
    match state {
        HealthState::Healthy => None,
        HealthState::Unknown => health.hindered.first().map(|text| text.as_str().into()),
        HealthState::Degraded | HealthState::Unhealthy => health.findings.first().map(text_of),
    }
}

fn text_of(finding: &Finding) -> Arc<str> {
    finding.text.as_raw().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CheckDefinition, Registration};
    use crate::server::monitor::definition::{CheckDefaults, runnable};
    use HealthState::{Healthy, Unhealthy, Unknown};

    fn tracked() -> TrackedCheck {
        let defaults = CheckDefaults { interval: Duration::from_secs(1), timeout: Duration::from_secs(1) };
        let mut registration = Registration::new("web", "127.0.0.1:80".parse().unwrap());
        registration.checks.push(CheckDefinition::tcp());
        let check = runnable(&registration, 0, defaults).unwrap();
        TrackedCheck::new(("a".into(), 7), 0, check, 3)
    }

    fn send(check: &mut TrackedCheck, state: HealthState, confirmed: HealthState) -> Option<Command> {
        check.command((state, None), false, Some(confirmed), Instant::now())
    }

    #[test]
    fn an_unexpected_status_fails_a_check() {
        let got = |status: u16, expected: Option<&str>| {
            let health = serde_json::json!({"state": "degraded", "complete": true, "http_status": status});
            let spec = CheckSpec { expect_status: expected.and_then(|text| text.parse().ok()), ..CheckSpec::default() };
            misses_status(&serde_json::from_value(health).unwrap(), &spec)
        };
        for status in [301, 400, 401, 403, 404, 410, 418, 500] {
            assert!(got(status, Some("200-299")), "{status}, as for Consul");
        }
        assert!(!got(204, Some("200-299")) && !got(429, Some("200-299")), "429 is a warning");
        assert!(got(204, Some("200")));

        assert_eq!([200, 302, 401, 403, 429].map(|status| got(status, None)), [false; 5]);
        assert_eq!([400, 404, 410, 418, 503].map(|status| got(status, None)), [true; 5]);
    }

    #[test]
    fn only_news_goes_to_the_registry() {
        let mut check = tracked();
        assert!(send(&mut check, Healthy, Unknown).is_some(), "the first result");
        assert!(send(&mut check, Healthy, Healthy).is_none(), "the same again");
        for _ in 0..3 {
            assert!(send(&mut check, Unhealthy, Healthy).is_some(), "each one counts until it is confirmed");
        }
        assert!(send(&mut check, Unhealthy, Unhealthy).is_none());
        assert!(send(&mut check, Healthy, Unhealthy).is_some());
        assert!(send(&mut check, Unhealthy, Unhealthy).is_some(), "it resets what counted against it");

        let later = Instant::now() + REFRESH_INTERVAL;
        assert!(check.command((Unhealthy, None), false, Some(Unhealthy), later).is_some(), "for its time");
        check.forget_sent();
        assert!(check.command((Unhealthy, None), false, Some(Unhealthy), later).is_some(), "the last one was lost");
    }

    #[test]
    fn a_refusal_is_unknown_at_once_and_a_local_failure_when_it_lasts() {
        let mut check = tracked();
        let refused = check.command((Unknown, Some("link-local".into())), true, Some(Healthy), Instant::now());
        assert!(matches!(refused, Some(Command::CheckUnavailable { .. })), "{refused:?}");

        let mut check = tracked();
        send(&mut check, Healthy, Unknown);
        let commands: Vec<_> = (0..3).map(|_| send(&mut check, Unknown, Healthy)).collect();
        assert!(matches!(commands[0], Some(Command::CheckResult { state: Unknown, .. })), "{commands:?}");
        assert!(matches!(commands[2], Some(Command::CheckUnavailable { .. })), "{commands:?}");
        send(&mut check, Healthy, Unknown);
        assert!(matches!(send(&mut check, Unknown, Healthy), Some(Command::CheckResult { .. })), "it begins anew");
    }
}
