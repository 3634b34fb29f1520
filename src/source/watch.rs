//! Watching any source: by asking again and again, and again after it failed.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::sleep;

use super::{Sink, Source};
use crate::engine::Retry;
use crate::error::{Error, Result};
use crate::model::{Completeness, DetailLevel, PartialError, Service, Update, UpdateSink};

/// Reconnects to a source that failed after up to a second, doubling up to half a minute.
pub(crate) const RECONNECT: Retry =
    Retry { attempts: u32::MAX, base: Duration::from_secs(1), cap: Duration::from_secs(30), total: Duration::MAX };

/// What [`Source::watch`] returns.
pub type WatchFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Asks a source for everything, every `interval` from the end of an answer to the next question.
pub(super) async fn poll<S: Source + ?Sized>(source: &S, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    loop {
        let mut answer = PolledListing::new(feed.depth());
        let completeness = source.list(&mut answer).await?;
        feed.take(answer.updates(completeness));
        sleep(interval).await;
    }
}

/// An answer of a source that is asked again and again.
pub(super) struct PolledListing {
    depth: DetailLevel,
    services: Vec<Service>,
    faults: Vec<PartialError>,
}

impl PolledListing {
    pub(super) fn new(depth: DetailLevel) -> Self {
        Self { depth, services: Vec::new(), faults: Vec::new() }
    }

    /// Whether anything was found.
    pub(super) fn has_any(&self) -> bool {
        !self.services.is_empty()
    }

    /// What is not in an answer that is not whole need not be gone.
    pub(super) fn updates(self, completeness: Completeness) -> Vec<Update> {
        let faults = self.faults.into_iter().map(Update::PartialError);
        match completeness {
            Completeness::Complete => std::iter::once(Update::Reset(self.services)).chain(faults).collect(),
            Completeness::Incomplete => self.services.into_iter().map(Update::Upsert).chain(faults).collect(),
        }
    }
}

impl Sink for PolledListing {
    fn depth(&self) -> DetailLevel {
        self.depth
    }

    fn closed(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    fn service(&mut self, service: Service) -> ControlFlow<()> {
        self.services.push(service);
        ControlFlow::Continue(())
    }

    fn fault(&mut self, fault: PartialError) {
        self.faults.push(fault);
    }

    fn limit(&mut self, _limit: PartialError) {}
}

/// Watches a source for as long as the future lives: whenever the watch ends or fails it is begun again, after a wait by
/// the schedule of `retry` (its `base` and `cap`) that starts anew with each answer. `seed` makes the jitter.
///
/// # Errors
/// Where there never was an answer: what is wrong from the beginning is told at once, and not tried for ever.
pub async fn keep_watching(
    source: &dyn Source,
    interval: Option<Duration>,
    retry: Retry,
    mut seed: u64,
    feed: &mut dyn UpdateSink,
) -> Error {
    let mut ever = false;
    let mut failures = 0;
    loop {
        let mut heard = AnswerTracker { feed: &mut *feed, answers: false };
        let ended = source.watch(interval, &mut heard).await;
        if heard.answers {
            (ever, failures) = (true, 0);
        }
        match ended {
            Err(error) if !ever => return error,
            Err(error) => feed.fail(PartialError::from(&error)),
            // A server that ends a watch in good order is asked again; what was known holds until then.
            Ok(()) => {}
        }
        failures += 1;
        sleep(retry.wait(&mut seed, failures)).await;
    }
}

/// Notes whether anything was said.
struct AnswerTracker<'f> {
    feed: &'f mut dyn UpdateSink,
    answers: bool,
}

impl UpdateSink for AnswerTracker<'_> {
    fn depth(&self) -> DetailLevel {
        self.feed.depth()
    }

    fn take(&mut self, updates: Vec<Update>) {
        self.answers = true;
        self.feed.take(updates);
    }

    fn amend(&mut self, updates: Vec<Update>) {
        self.answers = true;
        self.feed.amend(updates);
    }

    fn fail(&mut self, fault: PartialError) {
        self.feed.fail(fault);
    }
}
