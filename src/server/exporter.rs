//! Serves a few read-only routes with the connection limits of the registry server.

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use super::accept::accept_until_stopped;
use super::body_room::BodyRoom;
use super::browser_rule::BrowserRule;
use super::connection::ConnectionContext;
use super::gate::Gate;
use super::metrics::Metrics;
use super::request_id::RequestIds;
use super::routes::Routes;
use super::settings::TimeLimits;
use crate::engine::{Clock, Shutdown};

/// Open connections: Prometheus keeps one for each of its targets, and a probe is a target.
const MAX_CONNECTIONS: usize = 1024;
/// A scrape has no more header lines than fit in this.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Serves `router` at `listener` until `shutdown` stops.
pub(crate) async fn serve_exporter(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let context = ConnectionContext {
        app: None,
        gate: Gate::new(MAX_CONNECTIONS, MAX_CONNECTIONS, Clock::coarse()),
        routes: Routes::with_compression(router),
        limits: TimeLimits::default(),
        max_head_bytes: MAX_HEAD_BYTES,
        metrics: Metrics::new(&[]),
        ids: Arc::new(RequestIds::new()),
        browsers: browser_rule(&listener),
        bodies: BodyRoom::new(),
        refusals: Arc::default(),
        tls: None,
    };
    accept_until_stopped(&listener, Arc::new(context), shutdown).await;
}

/// A page of another site must not use an exporter that only this machine reaches.
fn browser_rule(listener: &TcpListener) -> BrowserRule {
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
    BrowserRule::new(&[], is_local)
}
