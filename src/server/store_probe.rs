//! Whether the store takes writes. It is tried at most once a second, however many clients ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::store::Store;

/// How long a result counts.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the store may take. Orchestrators wait for a few seconds at most.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the store replied.
#[derive(Clone, Debug)]
pub(super) struct ProbeResult {
    /// Why it does not take writes; `None`: it does.
    pub(super) error: Option<String>,
    pub(super) took: Duration,
    at: Instant,
}

/// Tries whether the store takes writes.
pub(super) struct StoreProbe {
    store: Arc<dyn Store>,
    last: Mutex<Option<ProbeResult>>,
}

impl StoreProbe {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// The store itself.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// What the store replied within the last second, or replies now.
    pub(super) async fn result(&self) -> ProbeResult {
        // Those who come meanwhile wait for the one reply.
        let mut last = self.last.lock().await;
        if let Some(known) = last.as_ref().filter(|known| known.at.elapsed() < PROBE_INTERVAL) {
            return known.clone();
        }

        let start = Instant::now();
        let error = match timeout(PROBE_TIMEOUT, self.store.probe()).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the store did not answer within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let result = ProbeResult { error, took: start.elapsed(), at: Instant::now() };
        *last = Some(result.clone());
        result
    }
}
