//! The health of services by the last check of each endpoint, before a change is confirmed: what metrics show.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::model::{Service, ServiceId};

/// The services of a watch, each with the result of the last check of its endpoints.
#[derive(Debug)]
pub(crate) struct LatestHealth {
    services: Mutex<BTreeMap<ServiceId, Arc<Service>>>,
    changed: watch::Sender<()>,
}

impl LatestHealth {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { services: Mutex::default(), changed: watch::Sender::new(()) })
    }

    pub(super) fn set(&self, service: Service) {
        self.services.lock().insert(service.id.clone(), Arc::new(service));
        self.changed.send_replace(());
    }

    pub(super) fn remove(&self, id: &ServiceId) {
        self.services.lock().remove(id);
        self.changed.send_replace(());
    }

    /// The services, sorted by id. One whose endpoints were not checked yet is not among them.
    pub(crate) fn services(&self) -> Vec<Arc<Service>> {
        self.services.lock().values().cloned().collect()
    }

    /// Notices each result from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
