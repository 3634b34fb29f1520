//! What a server answers while it has no registry yet: its store does not reply. An empty list would be a lie.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::Listeners;
use super::accept::accept_until_stopped;
use super::api_error::ApiError;
use super::body_room::BodyRoom;
use super::browser_rule::BrowserRule;
use super::connection::ConnectionContext;
use super::gate::Gate;
use super::metrics::Metrics;
use super::request_id::RequestIds;
use super::routes::Routes;
use super::settings::ServerSettings;
use super::tls::ServerTls;
use crate::engine::{Clock, Shutdown};

/// Answers every request with 503 until `shutdown` is stopped; the listeners stay open. `/health` answers that the server
/// lives, and not that it is ready. Queries of DNS get no answer, so that their senders ask another server.
pub async fn answer_unavailable(
    listeners: &Listeners,
    settings: &ServerSettings,
    tls: Option<Arc<ServerTls>>,
    shutdown: Shutdown,
) {
    let limits = settings.size_limits;
    let context = Arc::new(ConnectionContext {
        app: None,
        gate: Gate::new(limits.connections, limits.connections_per_address, Clock::coarse()),
        routes: Routes::with_compression(axum::Router::new().fallback(unavailable)),
        limits: settings.time_limits,
        max_head_bytes: limits.head_bytes,
        metrics: Metrics::new(&[]),
        ids: Arc::new(RequestIds::new()),
        browsers: BrowserRule::new(&[], false),
        bodies: BodyRoom::new(),
        refusals: Arc::default(),
        tls,
    });

    let all = listeners.rest.iter().chain(&listeners.consul).chain(&listeners.eureka);
    join_all(all.map(|listener| accept_until_stopped(listener, Arc::clone(&context), shutdown.clone()))).await;
    // Clients that keep their connection connect again, and reach the registry.
    let _ = shutdown.drain(settings.shutdown_timeout).await;
}

async fn unavailable(request: Request) -> Response {
    if request.uri().path() != "/health" {
        let error = ApiError::unavailable("database_unavailable", "the server waits for its database");
        return error.hint("try again, or ask another server of the cluster").into_response();
    }

    let json = [(CONTENT_TYPE, "application/json")];
    if request.uri().query().is_none_or(str::is_empty) {
        return (json, "{\"status\":\"healthy\"}").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, json, "{\"status\":\"unhealthy\",\"ready\":false}").into_response()
}
