//! A watched source as a stream of events.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt, unfold};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::catalog::{Reader, Snapshot, Watch, WatchItem, Writer};
use crate::engine::{Clock, Retry};
use crate::error::{Error, Result};
use crate::model::{Detail, DetailLevel, Event, EventKind};
use crate::source::{RECONNECT, Source, TypedSource, keep_watching};

/// The changes of a source's services. [`watch`] creates one.
///
/// The stream starts with an `added` event for each service and a `synced` event. If the source fails, it is retried and the
/// known services stay. The stream ends with an error only if the source never completed a listing.
pub struct EventStream {
    reader: Reader,
    events: Pin<Box<dyn Stream<Item = Result<Event>> + Send>>,
}

impl EventStream {
    /// All services that are known now. After a `lagged` event, this includes the missed changes.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.reader.load()
    }

    /// The same stream with typed services. An event whose service has another type of detail becomes an `error` event.
    pub fn typed<D: Detail + Clone>(self) -> TypedEventStream<D> {
        TypedEventStream { events: self, detail: PhantomData }
    }
}

impl Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

/// The changes of a source's services, typed. [`watch_typed`] creates one, and so does [`EventStream::typed`].
pub struct TypedEventStream<D> {
    events: EventStream,
    detail: PhantomData<fn() -> D>,
}

impl<D> TypedEventStream<D> {
    /// All services that are known now, with erased details; see [`EventStream::snapshot`].
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.events.snapshot()
    }
}

impl<D: Detail + Clone> Stream for TypedEventStream<D> {
    type Item = Result<Event<D>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context).map(|event| event.map(|event| event.map(Event::typed)))
    }
}

impl<D> std::fmt::Debug for TypedEventStream<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedEventStream").finish_non_exhaustive()
    }
}

/// Watches a source as [`watch`] does, with typed events. Must be called within a tokio runtime.
///
/// ```
/// use std::sync::Arc;
///
/// use futures_util::StreamExt;
/// use portolan::client::watch_typed;
/// use portolan::model::EventKind;
/// use portolan::source::Local;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let port = listener.local_addr().unwrap().port();
/// let local = Local { ports: Some(port.to_string().parse().unwrap()), ..Default::default() };
///
/// let mut events = watch_typed(Arc::new(local), None);
/// let EventKind::Added(listener) = events.next().await.unwrap().unwrap().kind else { panic!() };
/// assert_eq!(listener.detail.processes[0].pid, std::process::id());
/// # });
/// ```
pub fn watch_typed<S: TypedSource + 'static>(
    source: Arc<S>,
    interval: Option<Duration>,
) -> TypedEventStream<S::Detail> {
    watch(source, interval).typed()
}

/// Watches a source until the stream is dropped. `interval` is the interval for sources that cannot report changes by
/// themselves; without it, the source decides.
///
/// The detail of an event's service has any type: `service.detail.downcast_ref::<LocalDetail>()`, or [`watch_typed`]. Must be
/// called within a tokio runtime.
pub fn watch(source: Arc<dyn Source>, interval: Option<Duration>) -> EventStream {
    let writer = Writer::new(source.name(), DetailLevel::Full, Clock::coarse());
    let (reader, name) = (writer.reader(), source.name());
    let (_, watch) = reader.watch();
    let watching = Watching(tokio::spawn(feed(source, interval, writer)));
    let groups = unfold(Some(WatchState { watch, watching, source: name }), next);

    EventStream { reader, events: Box::pin(groups.flat_map(stream::iter)) }
}

/// Feeds the catalog until the task is aborted. Returns only if the source cannot be watched at all.
async fn feed(source: Arc<dyn Source>, interval: Option<Duration>, mut writer: Writer) -> Error {
    keep_watching(&*source, interval, RECONNECT, Retry::random_seed(), &mut writer).await
}

/// The task that feeds the catalog. It ends with the stream.
struct Watching(JoinHandle<Error>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct WatchState {
    watch: Watch,
    watching: Watching,
    source: &'static str,
}

/// The next events, which come in groups; the last group is the error that ended the watch.
async fn next(state: Option<WatchState>) -> Option<(Vec<Result<Event>>, Option<WatchState>)> {
    let mut state = state?;
    let Some(item) = state.watch.next().await else {
        let error = (&mut state.watching.0).await.ok()?;
        return Some((vec![Err(error)], None));
    };

    let events = match item {
        WatchItem::Events(events) => events.iter().cloned().map(Ok).collect(),
        WatchItem::Lagged { missed, snapshot } => {
            let (index, source, kind) = (snapshot.index(), state.source, EventKind::Lagged { missed });
            vec![Ok(Event { index, time: Timestamp::now(), source: source.into(), kind })]
        }
    };
    Some((events, Some(state)))
}
