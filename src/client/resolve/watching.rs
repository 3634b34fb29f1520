//! Watches of a service: as events, as a stream, or as a callback with all endpoints.

use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::task::JoinHandle;

use super::Resolver;
use super::changes::{ChangeReceiver, ServiceEvent, ServiceEventKind};
use crate::model::Endpoint;

/// Watches the endpoints of a service, healthy or not, that match version, tags and metadata of a [`Resolver`].
///
/// Begins with the endpoints that are known, then delivers changes. A watch that is too slow misses events: it gets
/// [`Lagged`](ServiceEventKind::Lagged) with their number, and all endpoints again. It never delays others.
#[derive(Debug)]
pub struct ServiceWatch {
    receiver: ChangeReceiver,
    /// Keeps the service watched.
    resolver: Resolver,
}

impl ServiceWatch {
    pub(super) fn new(receiver: ChangeReceiver, resolver: Resolver) -> Self {
        Self { receiver, resolver }
    }

    /// The next event. Safe to cancel.
    pub async fn next(&mut self) -> Option<ServiceEvent> {
        self.receiver.next().await
    }

    /// The events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = ServiceEvent> + Send {
        unfold(self, |mut watch| async move { Some((watch.next().await?, watch)) })
    }

    /// Whether everything that was received has been delivered: one call for several events that came together.
    fn is_drained(&self) -> bool {
        self.receiver.is_drained()
    }

    fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.resolver.endpoints()
    }
}

/// Calls a function with all endpoints after each change, until it is dropped.
#[derive(Debug)]
pub struct CallbackGuard(JoinHandle<()>);

impl CallbackGuard {
    pub(super) fn spawn(
        mut watch: ServiceWatch,
        mut callback: impl FnMut(&[Arc<Endpoint>]) + Send + 'static,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        Self(runtime.spawn(async move {
            let (mut is_synced, mut has_changed) = (false, false);
            while let Some(event) = watch.next().await {
                // Until the first answer is complete, the list would be too short.
                is_synced |= matches!(event.kind, ServiceEventKind::Synced { .. });
                has_changed |= !matches!(event.kind, ServiceEventKind::Stale(_) | ServiceEventKind::Lagged { .. });
                if is_synced && has_changed && watch.is_drained() {
                    callback(&watch.endpoints());
                    has_changed = false;
                }
            }
        }))
    }
}

impl Drop for CallbackGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
