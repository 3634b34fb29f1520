//! Continuous validation for programs.

use std::sync::Arc;
use std::time::Duration;

use super::{ValidatedSource, Validator};
use crate::engine::Retry;
use crate::error::Error;
use crate::model::UpdateSink;
use crate::source::{RECONNECT, Source, keep_watching};

/// Checks the services of a source again and again, and reports each change of their health once it is confirmed.
///
/// [`client::watch`](crate::client::watch) gives the same as a stream of events, from [`Validator::validated`].
#[derive(Debug)]
pub struct Monitor {
    source: ValidatedSource,
    interval: Option<Duration>,
}

impl Monitor {
    /// Monitors the services of `source` by the checks of `validator`, every 10 s.
    pub fn new(validator: &Validator, source: Arc<dyn Source>) -> Self {
        Self { source: validator.validated(source), interval: None }
    }

    /// Checks each endpoint once per interval.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Feeds `feed` (a catalog's [`Writer`](crate::catalog::Writer), for example) until the future is dropped. Must be
    /// awaited within a tokio runtime.
    ///
    /// Returns only where the source could not be used at all, with the reason.
    pub async fn run(&self, feed: &mut dyn UpdateSink) -> Error {
        keep_watching(&self.source, self.interval, RECONNECT, Retry::random_seed(), feed).await
    }
}
