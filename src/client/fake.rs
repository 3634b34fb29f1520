//! A registry in memory, for tests: services that they set, and outages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::provider::Provider;
use crate::error::{Error, Result};
use crate::model::{Column, Endpoint, HostPort, Instance, RawDetail, Service, Update, UpdateSink};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture};

/// What watches see: nothing yet, services, or an outage.
#[derive(Clone, Debug, Default)]
enum FakeView {
    #[default]
    Silent,
    Services(Vec<Service>),
    Outage,
}

/// The registry. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeRegistry(Arc<FakeState>);

#[derive(Debug, Default)]
struct FakeState {
    view: watch::Sender<FakeView>,
    /// The watches that run now.
    running: AtomicUsize,
    started: AtomicUsize,
}

/// An endpoint of an instance: `10.0.0.1:80`.
pub(super) fn endpoint(place: &str) -> Endpoint {
    let place: HostPort = place.parse().unwrap();
    let id = format!("id-{}", place);
    Endpoint { instance: Some(Box::new(Instance { id, serving: true, ..Instance::default() })), ..place.endpoint() }
}

/// The same endpoint with a change to its instance.
pub(super) fn with(place: &str, change: impl FnOnce(&mut Instance)) -> Endpoint {
    let mut endpoint = endpoint(place);
    change(endpoint.instance.as_mut().unwrap());
    endpoint
}

/// The same endpoint, not ready.
pub(super) fn unready(place: &str) -> Endpoint {
    Endpoint { ready: false, ..endpoint(place) }
}

pub(super) fn service(name: &str, endpoints: Vec<Endpoint>) -> Service {
    let detail = RawDetail(serde_json::Value::Null);
    Service { name: Some(name.into()), ..Service::new(format!("fake/{name}"), "fake", endpoints, detail) }.erase()
}

impl FakeRegistry {
    /// Watches see one service with these endpoints.
    pub(super) fn set(&self, name: &str, endpoints: Vec<Endpoint>) {
        self.set_all(vec![service(name, endpoints)]);
    }

    pub(super) fn set_all(&self, services: Vec<Service>) {
        self.0.view.send_replace(FakeView::Services(services));
    }

    /// Watches end with an error.
    pub(super) fn fail(&self) {
        self.0.view.send_replace(FakeView::Outage);
    }

    pub(super) fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    pub(super) fn started(&self) -> usize {
        self.0.started.load(Ordering::SeqCst)
    }
}

fn outage() -> Error {
    let (what, why, hint) = ("ask the fake registry".to_owned(), "it is away".to_owned(), "wait".to_owned());
    Error::Connection { what, why, hint }
}

impl Provider for FakeRegistry {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn source(&self, _service: &str) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(FakeSource(self.clone())))
    }
}

struct FakeSource(FakeRegistry);

/// Counts a watch while it runs.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FakeSource {
    async fn follow(&self, feed: &mut dyn UpdateSink) -> Result<()> {
        let state = &self.0.0;
        state.started.fetch_add(1, Ordering::SeqCst);
        state.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(&state.running);

        let mut view = state.view.subscribe();
        loop {
            let now = view.borrow_and_update().clone();
            match now {
                FakeView::Silent => {}
                FakeView::Services(services) => feed.apply(vec![Update::Reset(services)]),
                FakeView::Outage => return Err(outage()),
            }
            if view.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

impl Source for FakeSource {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, _out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async { Err(outage()) })
    }

    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(self.follow(feed))
    }
}
