//! Answers: JSON with Consul's headers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{AGE, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::ConsulRequest;
use super::query::ReadOptions;

const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");
const CACHE: HeaderName = HeaderName::from_static("x-cache");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The headers of an answer, with those that its connection adds: the map never grows.
const MAX_USUAL_HEADERS: usize = 12;

/// 200 without a body.
pub(super) fn empty() -> Response {
    StatusCode::OK.into_response()
}

/// What answers with JSON, in the form that the request asks for.
pub(super) fn json(request: &ConsulRequest, value: &impl Serialize) -> Response {
    body(to_bytes(request, value))
}

/// 200 with a body that is JSON already.
pub(super) fn body(bytes: impl Into<Body>) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().reserve(MAX_USUAL_HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The bytes of a value: with `pretty` on several lines.
pub(super) fn to_bytes(request: &ConsulRequest, value: &impl Serialize) -> Vec<u8> {
    // Texts, numbers and lists of them always serialise.
    if !request.query.has("pretty") {
        return serde_json::to_vec(value).unwrap_or_default();
    }
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    bytes.push(b'\n');
    bytes
}

/// Adds the headers of an answer from the catalog. Clients stop reading headers at the first that they miss.
pub(super) fn with_meta(mut response: Response, index: u64, options: &ReadOptions) -> Response {
    let headers = response.headers_mut();
    headers.insert(INDEX, HeaderValue::from(index));
    headers.insert(KNOWN_LEADER, HeaderValue::from_static("true"));
    headers.insert(LAST_CONTACT, HeaderValue::from_static("0"));
    headers.insert(CONSISTENCY, HeaderValue::from_static(options.consistency));
    response
}

/// Says to clients that would take an older answer that it comes from memory, as all do, and is current.
pub(super) fn with_cache(mut response: Response, request: &ConsulRequest) -> Response {
    if request.query.has("cached") {
        response.headers_mut().insert(CACHE, HeaderValue::from_static("HIT"));
        response.headers_mut().insert(AGE, HeaderValue::from_static("0"));
    }
    response
}
