//! Serves one connection, within its time limits.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tower::Service;
use tracing::debug;

use super::PeerAddress;
use super::activity::{Activity, AnswerBody, WatchedStream};
use super::gate::{ConnectionPermit, Gate};
use super::metrics::Metrics;
use super::routes::Routes;
use super::settings::TimeLimits;
use crate::engine::{Clock, Shutdown};

/// A request has a dozen header lines; those of a browser with cookies have thirty.
const MAX_HEADERS: usize = 100;
/// How long a connection that the kernel accepted while the server stopped has for its first request.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// What all connections share.
pub(super) struct ConnectionContext {
    pub(super) gate: Arc<Gate>,
    pub(super) routes: Routes,
    pub(super) limits: TimeLimits,
    pub(super) max_head_bytes: usize,
    pub(super) metrics: Arc<Metrics>,
}

/// Serves requests until the client leaves, exceeds a limit, or the server stops. A request that has begun is answered.
pub(super) async fn serve(
    stream: TcpStream,
    peer: PeerAddress,
    permit: ConnectionPermit,
    context: Arc<ConnectionContext>,
    shutdown: Shutdown,
) {
    // Answers are written in one piece; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let activity = Activity::new(Clock::coarse());
    let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(&activity)));
    let service = service_fn(|request| answer(request, peer, context.routes.clone(), Arc::clone(&activity)));

    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(context.max_head_bytes).header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(io, service));

    let mut limits = context.limits;
    let mut is_stopping = false;
    let mut timer = pin!(sleep(limits.first_byte));
    loop {
        tokio::select! {
            _ = &mut connection => break,
            () = shutdown.stopping(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
                limits.first_byte = LAST_REQUEST;
                timer.set(sleep(LAST_REQUEST));
            }
            () = &mut timer => match activity.check(&limits) {
                Ok(left) => timer.set(sleep(left)),
                Err(overdue) => {
                    debug!(reason = overdue.as_str(), "connection closed");
                    context.metrics.connection_overdue(overdue);
                    break;
                }
            },
        }
    }
    drop(permit);
}

/// One request and its answer.
async fn answer(
    mut request: Request<Incoming>,
    peer: PeerAddress,
    mut routes: Routes,
    activity: Arc<Activity>,
) -> Result<Response<AnswerBody>, Infallible> {
    activity.begin_answer();
    request.extensions_mut().insert(peer);
    // A request with two lengths is one that another server may have read differently (RFC 9112, section 6.3). hyper has
    // removed the second by now, so each chunked request ends its connection.
    let is_last = request.headers().contains_key(TRANSFER_ENCODING);

    let mut response = match Service::call(&mut routes, request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if is_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| AnswerBody::new(body, activity)))
}
