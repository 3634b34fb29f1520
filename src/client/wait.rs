//! Waits until services are healthy.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::error::{Error, Result};
use crate::health::Validator;
use crate::model::{DeclaredDetail, Finding, Listing, Service};
use crate::source::{Source, collect};

/// What to wait for, and how long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitOptions {
    /// The time limit.
    pub timeout: Duration,
    /// The score that every service must reach.
    pub min_score: u8,
    /// The longest pause between two attempts. The first pause is a tenth of it.
    pub interval: Duration,
}

impl Default for WaitOptions {
    /// The defaults of `portolan wait`: until each service scores 80, for at most a minute.
    fn default() -> Self {
        Self { timeout: Duration::from_mins(1), min_score: 80, interval: Duration::from_secs(1) }
    }
}

/// How many services are named that are not ready.
const MAX_NAMED: usize = 20;
/// The time of the last attempt, which starts at the deadline.
const LAST_ATTEMPT: Duration = Duration::from_millis(250);

/// Makes attempts until one succeeds or the time is up, and one more at the deadline itself. Between them are pauses, at
/// first a tenth of the interval. Each attempt gets the time that it has left. The error is that of the last attempt that
/// ended.
pub(crate) async fn retry<T, E, F>(
    (time, interval): (Duration, Duration),
    mut attempt: impl FnMut(Duration) -> F,
) -> Result<T, Option<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + time;
    let mut pause = interval / 10;
    let mut last = None;

    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match timeout(left, attempt(left)).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = Some(error),
            Err(_) => break,
        }
        sleep_until(deadline.min(Instant::now() + pause)).await;
        pause = (pause + pause / 2).min(interval);
    }

    // What came up during the last pause, or while an attempt got no reply, is there.
    match timeout(LAST_ATTEMPT * 2, attempt(LAST_ATTEMPT)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Some(error)),
        Err(_) => Err(last),
    }
}

/// Waits until a source has at least one service and each reaches the minimum score. Returns the services with their health. Must be called within a tokio runtime.
///
/// # Errors
/// [`Error::TimedOut`] with the last reason. If the source cannot be used at all, the error of the source, at once.
pub async fn wait(source: Arc<dyn Source>, validator: &Validator, options: &WaitOptions) -> Result<Vec<Service>> {
    let validated = validator.validated(Arc::clone(&source));

    let waited = retry((options.timeout, options.interval), |_| async {
        match collect(&validated).await {
            Err(error @ (Error::Usage { .. } | Error::Settings { .. })) => Ok(Err(error)),
            Err(error) => Err(error.to_string()),
            Ok(listing) => match readiness(&listing, options.min_score) {
                Readiness::Healthy | Readiness::ReportedReady => Ok(Ok(listing.services)),
                Readiness::Short(cause) => Err(cause),
            },
        }
    });

    match waited.await {
        Ok(result) => result,
        Err(reason) => {
            let reason = reason.unwrap_or_else(|| "no attempt completed".to_owned());
            Err(timed_out(&*source, options.timeout, reason))
        }
    }
}

/// Whether services are ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Each service scores enough, and everything that was requested could be checked.
    Healthy,
    /// The addresses of some services are unreachable from here; their source reports enough of their endpoints as ready.
    ReportedReady,
    /// Why the services are not ready: each that is not.
    Short(String),
}

/// Whether each service scores at least `min_score`.
pub(crate) fn readiness(listing: &Listing, min_score: u8) -> Readiness {
    let Listing { services, errors, .. } = listing;
    if services.is_empty() {
        return Readiness::Short("there is nothing to check".to_owned());
    }

    let (out_of_reach, checked): (Vec<&Service>, Vec<&Service>) =
        services.iter().partition(|service| service.is_out_of_reach());
    let short: Vec<String> = checked
        .into_iter()
        .filter(|service| !reaches(service, own_min_score(service, min_score)))
        .map(|service| format!("{}{}", displayed_name(service, services.len() > 1), scored(service)))
        .collect();
    if !short.is_empty() {
        return Readiness::Short(joined(&short));
    }

    if let Some(error) = errors.first() {
        return Readiness::Short(format!("cannot {}: {}", error.operation, error.cause));
    }
    if out_of_reach.is_empty() {
        return Readiness::Healthy;
    }

    match out_of_reach.into_iter().find(|service| !service.is_reported_ready(own_min_score(service, min_score))) {
        None => Readiness::ReportedReady,
        Some(short) => {
            let name = displayed_name(short, services.len() > 1);
            Readiness::Short(format!("{name}unreachable from here, and too few endpoints are ready"))
        }
    }
}

/// The score that a service must reach: its own, if a services file has one.
fn own_min_score(service: &Service, min_score: u8) -> u8 {
    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    declared.and_then(|declared| declared.ask.limits.min_score).unwrap_or(min_score)
}

/// `web `, if the service has to be named.
/// The first causes, and the number of the others.
fn joined(causes: &[String]) -> String {
    let text = causes.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match causes.len().saturating_sub(MAX_NAMED) {
        0 => text,
        others => format!("{text}; and {others} more"),
    }
}

fn displayed_name(service: &Service, is_named: bool) -> String {
    let name = service.name.as_ref().filter(|_| is_named);
    name.map(|name| format!("{name} ")).unwrap_or_default()
}

/// Whether a service scores at least `min_score`, and everything that was requested could be checked.
fn reaches(service: &Service, min_score: u8) -> bool {
    service
        .health
        .as_deref()
        .is_some_and(|health| health.complete && health.score.is_some_and(|score| score >= min_score))
}

/// The score of a service, and the reason of its worst endpoint: `scored 0 (connection refused at db2:5432)`.
fn scored(service: &Service) -> String {
    let scored = match service.health.as_deref().and_then(|health| health.score) {
        Some(score) => format!("scored {score}"),
        None => "has no score".to_owned(),
    };

    let healths = service.endpoints.iter().filter_map(|endpoint| Some((endpoint, endpoint.health.as_deref()?)));
    let Some((endpoint, worst)) = healths.min_by_key(|(_, health)| health.score) else { return scored };
    let finding = service.limiting_finding().or_else(|| worst.findings.first()).map(cause_of);
    let Some(cause) = finding.or_else(|| worst.hindered.first().cloned()) else { return scored };

    let place = if service.endpoints.len() > 1 { format!(" at {endpoint}") } else { String::new() };
    format!("{scored} ({cause}{place})")
}

/// A finding in words. A measured time differs from attempt to attempt, so its code stands for it.
fn cause_of(finding: &Finding) -> String {
    let code = finding.code();
    if code.contains("latency") || code.contains("slow") { code.to_owned() } else { finding.text.to_string() }
}

fn timed_out(source: &dyn Source, limit: Duration, why: String) -> Error {
    Error::TimedOut {
        what: format!("wait for {} within {limit:?}", source.name()),
        why,
        hint: "validate the services to see why, or wait longer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// W10: a listener that is up at 1.9 s of `--timeout 2s` is found, although the pauses are longer by then.
    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_is_at_the_deadline() {
        let (start, tries) = (Instant::now(), Cell::new(0));
        let up_at = |millis: u64| {
            let is_up = start.elapsed() >= Duration::from_millis(millis);
            tries.set(tries.get() + 1);
            async move { if is_up { Ok(()) } else { Err("down") } }
        };

        let limits = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(retry(limits, |_| up_at(1_990)).await, Ok(()));
        assert!(tries.get() < 12, "the pauses grow: {} attempts", tries.get());
        assert_eq!(retry(limits, |_| up_at(60_000)).await, Err(Some("down")));
    }

    #[test]
    fn each_cause_is_named_up_to_a_limit() {
        let causes: Vec<String> = (0..25).map(|at| format!("s{at} scored 0")).collect();
        assert_eq!(joined(&causes[..2]), "s0 scored 0; s1 scored 0");
        assert!(joined(&causes).ends_with("; s19 scored 0; and 5 more"));
    }

    /// What was silent until the deadline may accept a new connection.
    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_never_ends_does_not_take_the_last_one() {
        let tries = &Cell::new(0);
        let attempt = |_| {
            tries.set(tries.get() + 1);
            let is_first = tries.get() == 1;
            async move {
                if is_first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, ()>(tries.get())
            }
        };
        assert_eq!(retry((Duration::from_secs(2), Duration::from_secs(1)), attempt).await, Ok(2));
        let silent =
            retry((Duration::from_secs(2), Duration::from_secs(1)), |_| std::future::pending::<Result<(), ()>>());
        assert_eq!(silent.await, Err(None));
    }
}
