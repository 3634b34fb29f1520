//! Replies and their bodies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use super::connection::Connection;
use super::faults::{Fault, LAST_WORDS, StopReason, first};
use super::gzip;

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

pub fn full(status: u16, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    respond(status, kind, body)
}

pub fn json(status: u16, value: &Value) -> Response<Body> {
    full(status, "application/json", value.to_string())
}

/// A list's text, compressed if the client accepts that and the text is long enough.
pub fn text(list: String, takes_gzip: bool) -> Response<Body> {
    if takes_gzip && list.len() > gzip::THRESHOLD {
        let mut response = full(200, "application/json", gzip::gzip(list.as_bytes()));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        return response;
    }
    full(200, "application/json", list)
}

/// Pieces as they are written.
pub fn streamed(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response<Body> {
    use futures_util::TryStreamExt;
    let body = StreamBody::new(pieces.map_ok(Frame::data));
    respond(200, "application/json", BodyExt::boxed_unsync(body))
}

fn respond(status: u16, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("x-kubernetes-pf-flowschema-uid", HeaderValue::from_static("c0ffee00-0000-4000-8000-000000000000"));
    response
}

/// The reply with a fault in the middle.
pub async fn spoilt(response: Response<Body>, fault: Fault, connection: &Arc<Connection>) -> Response<Body> {
    let (Fault::StallAfter(count) | Fault::CutAfter(count, _)) = fault else { return response };
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let text = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if let Fault::CutAfter(_, cut) = fault {
        connection.reset.store(cut == StopReason::Reset, Ordering::Relaxed);
    }
    let stalls = matches!(fault, Fault::StallAfter(_));
    let pieces = stream::unfold(Some(first(&text, count)), move |left| async move {
        match left {
            Some(text) => Some((Ok(Frame::data(text)), None)),
            None if stalls => std::future::pending().await,
            None => {
                tokio::time::sleep(LAST_WORDS).await;
                Some((Err(io::ErrorKind::ConnectionAborted.into()), None))
            }
        }
    });
    Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(pieces)))
}
