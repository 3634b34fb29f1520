//! A registry in memory, for tests: services that they set, outages, and a log of what was registered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::provider::{ActiveLease, Provider, ProviderFuture, Renewal};
use crate::error::{Error, Result};
use crate::model::{Column, Endpoint, HostPort, Instance, RawDetail, Registration, Service, Update, UpdateSink};
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
    registrations: Mutex<FakeRegistrations>,
}

#[derive(Debug, Default)]
struct FakeRegistrations {
    log: Vec<String>,
    is_away: bool,
    held: Vec<String>,
}

/// An endpoint of an instance: `10.0.0.1:80`.
pub(super) fn endpoint(place: &str) -> Endpoint {
    let place: HostPort = place.parse().unwrap();
    let id = format!("id-{place}");
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

    /// Whether registrations fail.
    pub(super) fn set_away(&self, is_away: bool) {
        self.0.registrations.lock().is_away = is_away;
    }

    /// Forgets all registrations, as a restart does.
    pub(super) fn forget(&self) {
        self.0.registrations.lock().held.clear();
    }

    /// The requests since the last call.
    pub(super) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.registrations.lock().log)
    }

    pub(super) fn held(&self) -> Vec<String> {
        self.0.registrations.lock().held.clone()
    }

    fn request(&self, operation: &str, id: &str) -> Result<bool> {
        let mut registrations = self.0.registrations.lock();
        if registrations.is_away {
            registrations.log.push(format!("{operation} fails"));
            return Err(outage());
        }
        registrations.log.push(operation.to_owned());
        let held = registrations.held.iter().position(|held| held == id);
        match (operation, held) {
            ("register", None) => registrations.held.push(id.to_owned()),
            ("deregister", Some(at)) => drop(registrations.held.remove(at)),
            _ => {}
        }
        Ok(held.is_some())
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

    fn register<'a>(&'a self, registration: &'a Registration) -> ProviderFuture<'a, Box<dyn ActiveLease>> {
        Box::pin(async move {
            let (id, ttl) = (registration.id.clone().unwrap_or_default(), registration.ttl);
            self.request("register", &id)?;
            let lease: Box<dyn ActiveLease> = Box::new(FakeLease { registry: self.clone(), id, ttl });
            Ok(lease)
        })
    }
}

#[derive(Debug)]
struct FakeLease {
    registry: FakeRegistry,
    id: String,
    ttl: Option<Duration>,
}

impl ActiveLease for FakeLease {
    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    fn renew(&self) -> ProviderFuture<'_, Renewal> {
        Box::pin(async {
            let is_held = self.registry.request("renew", &self.id)?;
            Ok(if is_held { Renewal::Renewed } else { Renewal::Gone })
        })
    }

    fn release(&self) -> ProviderFuture<'_, ()> {
        Box::pin(async { self.registry.request("deregister", &self.id).map(drop) })
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
