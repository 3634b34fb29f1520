//! Serves one connection, within its time limits.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{
    CONNECTION, CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::access::ClientCertificate;
use super::activity::{AnswerBody, Overdue, WatchedStream};
use super::api_error::ApiError;
use super::authorize::refuse_page;
use super::body_room::{BodyRoom, RequestRoom};
use super::browser_rule::BrowserRule;
use super::gate::{ConnectionPermit, Gate, OpenConnection};
use super::handshake::{FailedHandshake, HandshakeFailure};
use super::metrics::Metrics;
use super::refusal_log::RefusalLog;
use super::request_context::RequestContext;
use super::request_head;
use super::request_id::{REQUEST_ID, RequestId, RequestIds};
use super::routes::Routes;
use super::settings::TimeLimits;
use super::shared::App;
use super::tls::ServerTls;
use crate::engine::Shutdown;

/// How long a connection that the kernel accepted while the server stopped has for its first request.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// Browsers that came over TLS once never come without it, for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// No answer is a page. One that a browser shows as such all the same loads nothing and stands in no frame.
const NO_CONTENT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// What a client reads that speaks plain HTTP where the server speaks TLS.
const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\
content-length: 121\r\n\r\n\
{\"error\":{\"code\":\"tls_required\",\"message\":\"this port speaks TLS\",\"hint\":\"use https://, or consul://HOST:PORT?tls=true\"}}\n";

/// Who is at the other end of a connection.
type Client = (SocketAddr, Option<Arc<ClientCertificate>>);

/// What all connections share.
pub(super) struct ConnectionContext {
    /// The registry; `None`: it answers something else.
    pub(super) app: Option<App>,
    pub(super) gate: Arc<Gate>,
    pub(super) routes: Routes,
    pub(super) limits: TimeLimits,
    pub(super) max_head_bytes: usize,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ids: Arc<RequestIds>,
    pub(super) browsers: BrowserRule,
    pub(super) bodies: BodyRoom,
    pub(super) refusals: Arc<RefusalLog>,
    /// `None`: connections are plain HTTP.
    pub(super) tls: Option<Arc<ServerTls>>,
}

/// Serves one connection, with TLS where the server has it, and gives its room back.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    context: Arc<ConnectionContext>,
    shutdown: Shutdown,
) {
    // Answers are written in one piece; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    match &context.tls {
        None => converse(stream, (peer, None), &permit, &context, shutdown).await,
        // A connection without TLS does not hold the room of one with it.
        Some(tls) => Box::pin(serve_tls(stream, (peer, tls), &permit, &context, shutdown)).await,
    }
    drop(permit);
}

async fn serve_tls(
    stream: TcpStream,
    (peer, tls): (SocketAddr, &ServerTls),
    permit: &ConnectionPermit,
    context: &ConnectionContext,
    shutdown: Shutdown,
) {
    let handshake = timeout(context.limits.first_byte + context.limits.head, handshake(stream, peer, tls));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = permit.evicted() => return,
        () = shutdown.stopping() => return,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let certificate = certificate(&stream);
            converse(stream, (peer, certificate), permit, context, shutdown).await;
        }
        Ok(Err(failed)) => tls.note_failure(peer, &failed, &context.metrics),
        Err(_) => {
            context.metrics.connection_overdue(Overdue::FirstByte);
            let failed = FailedHandshake::new(HandshakeFailure::TimedOut, "the client did not complete it in time");
            tls.note_failure(peer, &failed, &context.metrics);
        }
    }
}

/// The TLS handshake. A client that speaks plain HTTP reads why it gets no answer.
async fn handshake(
    mut stream: TcpStream,
    peer: SocketAddr,
    tls: &ServerTls,
) -> Result<TlsStream<TcpStream>, FailedHandshake> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        let _ = stream.write_all(SPEAKS_TLS).await;
        return Err(FailedHandshake::new(HandshakeFailure::PlainHttp, "the client speaks HTTP without TLS"));
    }
    // The server's part of a handshake takes far longer than the client's.
    if !tls.takes_handshake(peer.ip()) {
        return Err(FailedHandshake::new(HandshakeFailure::Limited, "the address begins too many handshakes"));
    }
    Ok(tls.acceptor().accept(stream).await?)
}

/// The certificate of the client, if it has one.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<Arc<ClientCertificate>> {
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates()?.first()?;
    ClientCertificate::parse(first).map(Arc::new)
}

/// Serves requests until the client leaves, exceeds a limit, has to give way, or the server stops. A request that has begun is
/// answered.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    client: Client,
    permit: &ConnectionPermit,
    context: &ConnectionContext,
    shutdown: Shutdown,
) {
    let connection = permit.connection();
    let activity = &connection.activity;
    activity.open();
    let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(activity)));
    let service = service_fn(|request| answer(request, &client, context, connection));

    let mut builder = http1::Builder::new();
    // hyper takes 100 header lines; with a limit of one's own it allocates the room for them anew for each request.
    builder.max_buf_size(context.max_head_bytes).header_read_timeout(None);
    let mut conversation = pin!(builder.serve_connection(io, service));

    let mut limits = context.limits;
    let mut is_stopping = false;
    let mut timer = pin!(sleep(limits.first_byte));
    loop {
        tokio::select! {
            _ = &mut conversation => break,
            () = permit.evicted() => {
                debug!("connection closed: others need its room");
                break;
            }
            () = shutdown.stopping(), if !is_stopping => {
                is_stopping = true;
                conversation.as_mut().graceful_shutdown();
                limits.first_byte = LAST_REQUEST;
                timer.set(sleep(LAST_REQUEST));
            }
            () = &mut timer => match activity.check(&for_connection(limits, connection)) {
                Ok(left) => timer.set(sleep(left)),
                Err(overdue) => {
                    debug!(reason = overdue.as_str(), "connection closed");
                    context.metrics.connection_overdue(overdue);
                    break;
                }
            },
        }
    }
}

/// The limits of a connection. One of a stranger is not kept for longer than one without a request.
fn for_connection(limits: TimeLimits, connection: &OpenConnection) -> TimeLimits {
    let idle = if connection.is_stranger() { limits.idle.min(limits.first_byte) } else { limits.idle };
    TimeLimits { idle, ..limits }
}

/// One request and its answer. The request is passed on at once: while its answer is made, nothing here keeps it.
fn answer<'c>(
    mut request: Request<Incoming>,
    (peer, certificate): &'c Client,
    context: &'c ConnectionContext,
    connection: &'c Arc<OpenConnection>,
) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + 'c {
    connection.activity.begin_answer();
    let id = context.ids.of(request.headers());
    let (certificate, own) = (certificate.clone(), Some(Arc::clone(connection)));
    let about = RequestContext { peer: *peer, certificate, id: id.clone(), connection: own };
    // A request with two lengths is one that another server may have read differently (RFC 9112, section 6.3). hyper has
    // removed the second by now, so each chunked request ends its connection.
    let is_last = request.headers().contains_key(TRANSFER_ENCODING);
    let room = context.bodies.of_request(request.headers());
    if let Some(room) = &room {
        request.extensions_mut().insert(room.clone());
    }

    let answered: BoxFuture<'_, _> =
        match request_head::problem(&request).or_else(|| context.browsers.refusal(&request)) {
            Some(error) => Box::pin(ready(refuse(&request, &about, context, error))),
            None => context.routes.answer(request, about),
        };
    answered.map(move |response| Ok(completed(response, context, connection, (id, is_last, room))))
}

/// The answer to a request that two readers could read differently, or that a page of another site sent.
fn refuse(
    request: &Request<Incoming>,
    about: &RequestContext,
    context: &ConnectionContext,
    error: ApiError,
) -> Response {
    let Some(app) = &context.app else {
        if context.refusals.take(error.code).is_some() {
            warn!(peer = %about.peer, code = error.code, why = error.message, "request refused");
        }
        return error.into_response();
    };
    refuse_page(app, request, about, error)
}

/// An answer with what every answer of the connection has. `is_last`: the connection ends with it.
fn completed(
    mut response: Response,
    context: &ConnectionContext,
    connection: &OpenConnection,
    (id, is_last, room): (RequestId, bool, Option<RequestRoom>),
) -> Response<AnswerBody> {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, NO_CONTENT);
    headers.insert(REQUEST_ID, id.header());
    if context.tls.is_some() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| AnswerBody::new(body, Arc::clone(&connection.activity), room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Clock;

    #[test]
    fn an_idle_connection_stays_longer_once_the_server_knows_its_caller() {
        let gate = Gate::new(1, 1, Clock::coarse());
        let (permit, _) = gate.enter("10.0.0.1".parse().unwrap()).unwrap();
        let limits = TimeLimits::default();
        assert_eq!(for_connection(limits, permit.connection()).idle, limits.first_byte);
        permit.connection().admit();
        assert_eq!(for_connection(limits, permit.connection()), limits);
    }

    #[test]
    fn the_answer_to_plain_http_is_whole() {
        let text = std::str::from_utf8(SPEAKS_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
