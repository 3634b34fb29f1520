//! One watch of each service, shared by everything that resolves it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::catalog::{Reader, Writer};
use crate::engine::{Clock, Retry};
use crate::error::Result;
use crate::model::{DetailLevel, PartialError, UpdateSink};
use crate::source::{RECONNECT, Source, keep_watching};

/// The watch of one service. It ends with its last user.
#[derive(Debug)]
pub(crate) struct SharedWatch {
    reader: Reader,
    task: JoinHandle<()>,
}

impl SharedWatch {
    fn start(source: Arc<dyn Source>, interval: Option<Duration>, runtime: &Handle) -> Self {
        let writer = Writer::new(source.name(), DetailLevel::Full, Clock::coarse());
        let reader = writer.reader();
        Self { reader, task: runtime.spawn(feed(source, interval, writer)) }
    }

    /// The services that the source lists: those with the name, and perhaps others.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Drop for SharedWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches a source until the task is aborted. A registry that cannot be reached at first is tried again, like one that is
/// lost later.
async fn feed(source: Arc<dyn Source>, interval: Option<Duration>, mut writer: Writer) {
    let mut seed = Retry::random_seed();
    let mut failures = 0;
    loop {
        let error = keep_watching(&*source, interval, RECONNECT, Retry::random_seed(), &mut writer).await;
        writer.mark_stale(PartialError::from(&error));

        failures += 1;
        sleep(RECONNECT.wait(&mut seed, failures)).await;
    }
}

/// Makes the source that lists and watches the services with a name.
type SourceFactory = dyn Fn(&str) -> Result<Arc<dyn Source>> + Send + Sync;

/// The watches of a registry, by name.
pub(crate) struct WatchTable {
    source: Box<SourceFactory>,
    interval: Option<Duration>,
    watches: Mutex<HashMap<String, Weak<SharedWatch>>>,
}

impl WatchTable {
    pub(crate) fn new(
        interval: Option<Duration>,
        source: impl Fn(&str) -> Result<Arc<dyn Source>> + Send + Sync + 'static,
    ) -> Self {
        Self { source: Box::new(source), interval, watches: Mutex::default() }
    }

    /// The watch of a service, started if there is none.
    pub(crate) fn of(&self, service: &str, runtime: &Handle) -> Result<Arc<SharedWatch>> {
        let mut watches = self.watches.lock();
        if let Some(watch) = watches.get(service).and_then(Weak::upgrade) {
            return Ok(watch);
        }

        watches.retain(|_, watch| watch.strong_count() > 0);
        let watch = Arc::new(SharedWatch::start((self.source)(service)?, self.interval, runtime));
        watches.insert(service.to_owned(), Arc::downgrade(&watch));
        Ok(watch)
    }

    /// Whether a service is watched already.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.watches.lock().get(service).is_some_and(|watch| watch.strong_count() > 0)
    }

    /// The number of services that are watched.
    pub(crate) fn len(&self) -> usize {
        self.watches.lock().values().filter(|watch| watch.strong_count() > 0).count()
    }
}

impl fmt::Debug for WatchTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchTable").field("services", &self.len()).finish_non_exhaustive()
    }
}
