//! Continuous validation for programs.

use std::sync::Arc;
use std::time::Duration;

use super::{ValidatedSource, Validator};
use crate::engine::Retry;
use crate::error::Error;
use crate::model::UpdateSink;
use crate::source::{RECONNECT, Source, keep_watching};

/// Checks the services of a source at an interval, and reports each change of health once it is confirmed.
///
/// For a stream of events, use [`client::watch`](crate::client::watch) with [`Validator::validated`].
#[derive(Debug)]
pub struct Monitor {
    source: ValidatedSource,
    interval: Option<Duration>,
}

impl Monitor {
    /// Monitors the services of `source` with the checks of `validator`, every 10 s.
    pub fn new(validator: &Validator, source: Arc<dyn Source>) -> Self {
        Self { source: validator.validated(source), interval: None }
    }

    /// Checks each endpoint once per interval.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Feeds `feed`, for example a catalog's [`Writer`](crate::catalog::Writer), until the future is dropped. Must be
    /// awaited within a tokio runtime.
    ///
    /// Returns only if the source cannot be used at all.
    pub async fn run(&self, feed: &mut dyn UpdateSink) -> Error {
        keep_watching(&self.source, self.interval, RECONNECT, Retry::random_seed(), feed).await
    }
}
