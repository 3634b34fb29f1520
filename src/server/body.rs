//! The body of a request: bounded in bytes and time, and JSON.

use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::api_error::{ApiError, ApiResult};
use super::body_room::RequestRoom;
use crate::clean::clean;
use crate::model::Problem;

/// What a body is announced as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Text,
}

/// Reads a body that is JSON or any other text. Only for PUT, which a page of another site may not send.
///
/// # Errors
/// A body that is longer than `max`, takes longer than `limit`, ends early, or is announced as neither.
pub(super) async fn read_value(request: Request<Body>, max: usize, limit: Duration) -> ApiResult<(Vec<u8>, BodyKind)> {
    let kind = match request.headers() {
        headers if is_json(headers) => BodyKind::Json,
        headers if is_text(headers) => BodyKind::Text,
        headers => {
            let hint = "send `Content-Type: application/json`, or text/plain for any other text";
            return Err(wrong_type(headers, "not_json_or_text").hint(hint));
        }
    };
    let (_, bytes) = receive(request, max, limit).await?;
    Ok((bytes, kind))
}

/// Reads a body. An empty one is an empty text.
///
/// # Errors
/// A body that is longer than `max`, takes longer than `limit`, ends early, or is not announced as JSON.
pub(super) async fn read(request: Request<Body>, max: usize, limit: Duration) -> ApiResult<Vec<u8>> {
    let (headers, bytes) = receive(request, max, limit).await?;
    // A page of another site may send forms and plain text from a browser on this machine, but not JSON.
    if !bytes.is_empty() && !is_json(&headers) {
        return Err(wrong_type(&headers, "not_json").hint("send `Content-Type: application/json`"));
    }
    Ok(bytes)
}

/// Reads a body that is JSON or XML. Returns whether it is XML.
///
/// # Errors
/// A body that is longer than `max`, takes longer than `limit`, ends early, or is announced as neither.
pub(super) async fn read_document(request: Request<Body>, max: usize, limit: Duration) -> ApiResult<(Vec<u8>, bool)> {
    let (headers, bytes) = receive(request, max, limit).await?;
    let is_xml = media_type(&headers).is_some_and(|kind| matches!(kind.as_str(), "application/xml" | "text/xml"));
    if !is_xml && !is_json(&headers) {
        let hint = "send `Content-Type: application/json` or application/xml";
        return Err(wrong_type(&headers, "not_json_or_xml").hint(hint));
    }
    Ok((bytes, is_xml))
}

/// Receives a body of any kind.
async fn receive(request: Request<Body>, max: usize, limit: Duration) -> ApiResult<(HeaderMap, Vec<u8>)> {
    let (head, body) = request.into_parts();
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max as u64) {
        return Err(too_long(max));
    }

    RequestRoom::take(&head.extensions, &head.headers, max)?;
    let read = timeout(limit, Limited::new(body, max).collect()).await;
    let bytes = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_long(max)),
        Ok(Err(_)) => return Err(ApiError::bad_request("incomplete_body", "the body ended early")),
        Err(_) => {
            let message = format!("the body was not complete within {} s", limit.as_secs_f64());
            return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message));
        }
    };
    Ok((head.headers, bytes.into()))
}

fn wrong_type(headers: &HeaderMap, code: &'static str) -> ApiError {
    let given = headers.get(CONTENT_TYPE).map_or("none", |value| value.to_str().unwrap_or("another"));
    let message = format!("the content type is {}", clean(given));
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message)
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_text(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind.starts_with("text/"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = media_type(headers) else { return false };
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn too_long(max: usize) -> ApiError {
    let message = format!("the body is longer than {max} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
        .hint("send less, or raise server.limits.body_bytes on the server")
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let error = Self::bad_request("invalid_body", problem.to_string());
        let error = if problem.field.is_empty() { error } else { error.field(problem.field) };
        if problem.hint.is_empty() { error } else { error.hint(problem.hint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: Option<&str>, body: &'static str) -> Request<Body> {
        let mut builder = Request::builder();
        if let Some(kind) = kind {
            builder = builder.header(CONTENT_TYPE, kind);
        }
        builder.body(Body::from(body)).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_json_and_short() {
        let limit = Duration::from_mins(1);

        for (kind, body, outcome) in [
            (Some("application/json"), "{}", Ok(2)),
            (Some("application/json; charset=utf-8"), "{}", Ok(2)),
            (Some("application/problem+json"), "{}", Ok(2)),
            (None, "", Ok(0)),
            (None, "{}", Err("not_json")),
            (Some("text/plain"), "{}", Err("not_json")),
            (Some("application/x-www-form-urlencoded"), "{}", Err("not_json")),
            (Some("application/json"), "0123456789x", Err("body_too_long")),
        ] {
            let read = read(request(kind, body), 10, limit).await;
            assert_eq!(read.map(|bytes| bytes.len()).map_err(|error| error.code), outcome, "{kind:?} {body}");
        }
    }
}
