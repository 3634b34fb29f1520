//! Blocking queries: an answer waits until its index is higher than the one that the client knows.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::ConsulRequest;
use super::error::{ConsulError, ConsulResult};
use super::index::shown_index;
use super::query::ReadOptions;
use super::registry_view::RegistryView;
use super::reply;
use crate::model::DEFAULT_NAMESPACE;
use crate::server::authorized::Access;
use crate::server::ring::Filter;

/// What an answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchScope<'n> {
    /// One service, with its checks and those of its nodes.
    Service(&'n str),
    /// Services and nodes, but not their health.
    Catalog,
    /// Everything.
    All,
}

impl WatchScope<'_> {
    /// The index of its last change, as clients read it.
    fn index(self, view: &RegistryView) -> u64 {
        shown_index(match self {
            Self::Service(name) => view.service_index(name),
            Self::Catalog => view.view.catalog_index(),
            Self::All => view.view.index(),
        })
    }

    fn filter(self) -> Filter {
        match self {
            Self::Service(name) => Filter {
                namespace: Some(DEFAULT_NAMESPACE.to_owned()),
                service: Some(name.to_owned()),
                ..Filter::default()
            },
            _ => Filter::default(),
        }
    }
}

/// Answers with what `read` makes of the registry: at once, or when it has changed, or when the time is over, or when the
/// server stops.
pub(super) async fn answer<T: Serialize>(
    access: &Access,
    request: &ConsulRequest,
    options: &ReadOptions,
    scope: WatchScope<'_>,
    read: impl Fn(&RegistryView) -> T,
) -> ConsulResult {
    let view = changed(access, options, scope).await?;
    let response = reply::json(request, &read(&view));
    Ok(reply::with_meta(response, scope.index(&view), options))
}

/// Waits until the index is higher than the client's. Returns what is known then.
///
/// # Errors
/// The caller's key ended meanwhile.
pub(super) async fn changed(
    access: &Access,
    options: &ReadOptions,
    scope: WatchScope<'_>,
) -> ConsulResult<RegistryView> {
    if options.index == 0 {
        return Ok(RegistryView::of(access));
    }

    let mut waker = Waker::new(access, scope);
    let deadline = Instant::now() + with_jitter(options.wait);
    loop {
        waker.mark_unchanged();
        let view = RegistryView::of(access);
        if scope.index(&view) > options.index || !waker.wait(access, deadline, view).await {
            break;
        }
    }
    if access.is_current() {
        Ok(RegistryView::of(access))
    } else {
        Err(ConsulError::refused("the key is no longer valid"))
    }
}

/// Wakes at what a scope depends on.
pub(super) struct Waker {
    service: watch::Receiver<u64>,
    nodes: watch::Receiver<u64>,
}

impl Waker {
    pub(super) fn new(access: &Access, scope: WatchScope<'_>) -> Self {
        Self { service: access.app().ring.subscribe(&scope.filter()), nodes: access.app().ring.subscribe_nodes() }
    }

    /// What changes from now on wakes it.
    pub(super) fn mark_unchanged(&mut self) {
        self.service.mark_unchanged();
        self.nodes.mark_unchanged();
    }

    /// Waits for a change. Returns whether there was one; otherwise the time is over, or the server stops. The view is
    /// dropped first, so that those who wait keep no old one.
    pub(super) async fn wait(&mut self, access: &Access, deadline: Instant, view: RegistryView) -> bool {
        drop(view);
        tokio::select! {
            biased;
            () = access.app().shutdown.stopping() => false,
            changed = self.service.changed() => changed.is_ok(),
            changed = self.nodes.changed() => changed.is_ok(),
            () = sleep_until(deadline) => false,
        }
    }
}

/// Up to a sixteenth longer, so that clients that began together do not come back together.
pub(super) fn with_jitter(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(0);
    let most = u64::try_from(wait.as_nanos() / 16).unwrap_or(0);
    wait + Duration::from_nanos(random % (most + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_at_most_a_sixteenth_longer() {
        let wait = Duration::from_secs(160);
        for _ in 0..100 {
            let longer = with_jitter(wait);
            assert!((wait..=Duration::from_secs(170)).contains(&longer), "{longer:?}");
        }
    }
}
