//! Answers: JSON with the index that it is true for.

use std::borrow::Borrow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::instance_view::InstanceView;

/// The index of the registry that an answer is true for.
pub(super) const INDEX: HeaderName = HeaderName::from_static("x-portolan-index");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The headers of an answer, with those that its connection adds.
const MAX_USUAL_HEADERS: usize = 12;
/// Lists above this length are written in pieces, while the client reads: a slow one must not keep a copy of all.
const MAX_WHOLE_BYTES: usize = 256 * 1024;
/// The JSON of the instances of longer lists is not kept: that of a whole registry takes as much memory as the registry.
const MAX_KEPT: usize = 4_096;
const PIECE_BYTES: usize = 64 * 1024;
/// What stands around the instances of a list.
const START: &[u8] = b"{\"data\":{";
const SERVICES: &[u8] = b"\"services\":[";
const END_OF_LIST: &[u8] = b"]";
const END: &[u8] = b"}}";

/// 200 with a body that is JSON already.
pub(super) fn json(index: u64, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    // With those of the connection there are nearly as many: the map never grows.
    headers.reserve(MAX_USUAL_HEADERS);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(INDEX, HeaderValue::from(index));
    // The state of a moment: a cache between would show the past.
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// 200 with `{"data":…}`.
pub(super) fn data(index: u64, data: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<'d, T> {
        data: &'d T,
    }
    // What the routes answer with always serialises.
    json(index, serde_json::to_vec(&Envelope { data }).unwrap_or_default())
}

/// `{"data":INSTANCE}`.
pub(super) fn instance(status: StatusCode, index: u64, instance: &InstanceView) -> Response {
    let body = [b"{\"data\":", &*instance.to_json(), b"}"].concat();
    (status, json(index, body)).into_response()
}

/// `{"data":{HEAD"services":[INSTANCE…]TAIL}}`. `head` ends with a comma, and `tail` begins with one; both may be empty.
///
/// A list of references costs no count of each instance, which all threads would write to.
pub(super) fn list(index: u64, head: &str, instances: &[impl Borrow<Arc<InstanceView>>], tail: &str) -> Response {
    let (is_kept, commas) = (instances.len() <= MAX_KEPT, instances.len().saturating_sub(1));
    let bytes = if is_kept {
        instances.iter().map(|instance| instance.borrow().listed_bytes()).sum::<usize>() + commas
    } else {
        usize::MAX
    };
    // Without room to spare, the bytes need no second allocation to be sent.
    let around = START.len() + head.len() + SERVICES.len() + END_OF_LIST.len() + tail.len() + END.len();
    let mut body = Vec::with_capacity(bytes.min(MAX_WHOLE_BYTES) + around);
    body.extend_from_slice(START);
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(SERVICES);

    if bytes <= MAX_WHOLE_BYTES {
        for (at, instance) in instances.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            instance.borrow().write_listed(&mut body);
        }
        body.extend_from_slice(END_OF_LIST);
        body.extend_from_slice(tail.as_bytes());
        body.extend_from_slice(END);
        return json(index, body);
    }

    let instances: Vec<Arc<InstanceView>> = instances.iter().map(|instance| Arc::clone(instance.borrow())).collect();
    let (instances, tail) = (instances.into_iter(), Some(format!("]{tail}}}}}")));
    let pieces = Pieces { instances, is_kept, begun: Some(body), tail, count: 0 };
    json(index, Body::from_stream(stream::unfold(pieces, next_piece)))
}

/// A long list that is being written.
struct Pieces {
    instances: std::vec::IntoIter<Arc<InstanceView>>,
    /// Whether the JSON of each instance is kept for further lists.
    is_kept: bool,
    begun: Option<Vec<u8>>,
    tail: Option<String>,
    count: usize,
}

async fn next_piece(mut pieces: Pieces) -> Option<(Result<Bytes, std::convert::Infallible>, Pieces)> {
    let mut piece = pieces.begun.take().unwrap_or_default();
    while piece.len() < PIECE_BYTES {
        let Some(instance) = pieces.instances.next() else {
            piece.extend_from_slice(pieces.tail.take()?.as_bytes());
            break;
        };
        if pieces.count > 0 {
            piece.push(b',');
        }
        pieces.count += 1;
        if pieces.is_kept {
            instance.write_listed(&mut piece);
        } else {
            piece.extend_from_slice(&instance.to_json());
        }
    }

    Some((Ok(Bytes::from(piece)), pieces))
}
