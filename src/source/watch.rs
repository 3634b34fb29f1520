//! Watches any source: polls it, and restarts it after failures.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use super::{ItemSink, ListContext, ListItem, Source};
use crate::engine::Retry;
use crate::error::{Error, Result};
use crate::model::{Completeness, DetailLevel, PartialError, Service, Update, UpdateSink};

/// Reconnects to a source that failed after up to a second, doubling up to half a minute.
pub(crate) const RECONNECT: Retry =
    Retry { attempts: u32::MAX, base: Duration::from_secs(1), cap: Duration::from_secs(30), total: Duration::MAX };

/// What [`Source::watch`] returns.
pub type WatchFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Lists a source again and again, with a pause of `interval` in between.
pub(super) async fn poll<S: Source + ?Sized>(source: &S, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    let context = ListContext { detail_level: feed.detail_level(), ..ListContext::default() };
    loop {
        let mut listing = PolledListing::default();
        let completeness = source.list(&context, &mut listing).await?;
        feed.apply(listing.updates(completeness));
        sleep(interval).await;
    }
}

/// One listing of a source that is polled.
#[derive(Default)]
pub(super) struct PolledListing {
    services: Vec<Service>,
    errors: Vec<PartialError>,
}

impl PolledListing {
    /// Whether anything was found.
    pub(super) fn has_any(&self) -> bool {
        !self.services.is_empty()
    }

    /// The updates of this listing. An incomplete listing removes nothing: what it lacks may still exist.
    pub(super) fn updates(self, completeness: Completeness) -> Vec<Update> {
        let errors = self.errors.into_iter().map(Update::PartialError);
        match completeness {
            Completeness::Complete => std::iter::once(Update::Reset(self.services)).chain(errors).collect(),
            Completeness::Incomplete => self.services.into_iter().map(Update::Upsert).chain(errors).collect(),
        }
    }
}

impl ItemSink for PolledListing {
    fn accept(&mut self, item: ListItem) -> ControlFlow<()> {
        match item {
            ListItem::Service(service) => self.services.push(service),
            ListItem::PartialError(error) => self.errors.push(error),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Watches a source until the future is dropped. Whenever the watch ends or fails, it restarts after a delay (`base` and
/// `cap` of `retry`), which is reset by each update. `seed` sets the jitter.
///
/// # Errors
/// If the source never delivered anything: errors from the beginning are reported at once, not retried for ever.
pub async fn keep_watching(
    source: &dyn Source,
    interval: Option<Duration>,
    retry: Retry,
    mut seed: u64,
    feed: &mut dyn UpdateSink,
) -> Error {
    let mut has_ever_answered = false;
    let mut failures = 0;
    loop {
        let (source_name, retry_attempt) = (source.name(), failures);
        let mut tracker = AnswerTracker { feed: &mut *feed, has_answered: false, source_name, retry_attempt };
        let ended = source.watch(interval, &mut tracker).await;
        if tracker.has_answered {
            (has_ever_answered, failures) = (true, 0);
        }

        if let Err(error) = &ended {
            debug!(source = source.name(), retry_attempt = failures, %error, "the source cannot be watched");
        }
        match ended {
            Err(error) if !has_ever_answered => return error,
            Err(error) => feed.mark_stale(PartialError::from(&error)),
            // A server may end a watch without an error; the known services stay valid until the restart.
            Ok(()) => {}
        }

        failures += 1;
        sleep(retry.wait(&mut seed, failures)).await;
    }
}

/// Records whether the source delivered anything.
struct AnswerTracker<'f> {
    feed: &'f mut dyn UpdateSink,
    has_answered: bool,
    source_name: &'static str,
    /// How often the watch failed since it last delivered something.
    retry_attempt: u32,
}

impl AnswerTracker<'_> {
    /// Notes that the source delivers, the first time after failures.
    fn note_answer(&mut self) {
        if !self.has_answered && self.retry_attempt > 0 {
            debug!(source = self.source_name, retry_attempt = self.retry_attempt, "the source is watched again");
        }
        self.has_answered = true;
    }
}

impl UpdateSink for AnswerTracker<'_> {
    fn detail_level(&self) -> DetailLevel {
        self.feed.detail_level()
    }

    fn apply(&mut self, updates: Vec<Update>) {
        self.note_answer();
        self.feed.apply(updates);
    }

    fn apply_derived(&mut self, updates: Vec<Update>) {
        self.note_answer();
        self.feed.apply_derived(updates);
    }

    fn mark_stale(&mut self, error: PartialError) {
        self.feed.mark_stale(error);
    }
}
