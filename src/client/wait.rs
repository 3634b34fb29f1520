//! Waits until services are healthy.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::{Error, Result};
use crate::health::Validator;
use crate::model::Service;
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

/// Waits until a source has at least one service and each reaches the minimum score. Returns the services with their health. Must be called within a tokio runtime.
///
/// # Errors
/// [`Error::TimedOut`] with the last reason. If the source cannot be used at all, the error of the source, at once.
pub async fn wait(source: Arc<dyn Source>, validator: &Validator, options: &WaitOptions) -> Result<Vec<Service>> {
    let until = Instant::now() + options.timeout;
    let validated = validator.validated(Arc::clone(&source));
    let mut reason = "no attempt completed".to_owned();
    let mut pause = options.interval / 10;

    loop {
        match timeout_at(until, collect(&validated)).await {
            Ok(Err(error @ (Error::Usage { .. } | Error::Settings { .. }))) => return Err(error),
            Ok(Err(error)) => reason = error.to_string(),
            Ok(Ok(listing)) => match shortfall(&listing.services, options.min_score) {
                None => return Ok(listing.services),
                Some(short) => reason = short,
            },
            Err(_) => return Err(timed_out(&*source, options.timeout, reason)),
        }

        if Instant::now() + pause >= until {
            return Err(timed_out(&*source, options.timeout, reason));
        }
        sleep(pause).await;
        pause = (pause * 2).min(options.interval);
    }
}

/// Why these services are not ready; `None` if they are.
fn shortfall(services: &[Service], min_score: u8) -> Option<String> {
    if services.is_empty() {
        return Some("the source has no service".to_owned());
    }

    services.iter().find_map(|service| match score(service) {
        Some(score) if score >= min_score => None,
        Some(score) => Some(format!("{} scored {score}", service.id)),
        // Its source knows its endpoints where this host cannot reach them.
        None if service.is_out_of_reach() && service.is_reported_ready(min_score) => None,
        None => Some(format!("{} has no score", service.id)),
    })
}

fn score(service: &Service) -> Option<u8> {
    service.health.as_deref().and_then(|health| health.score)
}

fn timed_out(source: &dyn Source, limit: Duration, why: String) -> Error {
    Error::TimedOut {
        what: format!("wait for {} within {limit:?}", source.name()),
        why,
        hint: "validate the services to see why, or wait longer".to_owned(),
    }
}
