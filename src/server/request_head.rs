//! Requests that two readers could read differently (RFC 9112): they are refused before anything else looks at them.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{Request, StatusCode, Version};

use super::api_error::ApiError;

/// Why a request is not answered.
pub(super) fn problem<B>(request: &Request<B>) -> Option<ApiError> {
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter().count();
    // Section 3.2: exactly one, which HTTP/1.0 did not have yet.
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let message = format!("the request has {} Host header", if hosts == 0 { "no" } else { "more than one" });
        return Some(
            ApiError::bad_request("invalid_host", message).hint("send one Host header, as in Host: 127.0.0.1:7440"),
        );
    }

    // Section 6.1: what is within another coding is not known.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = codings.next().is_none_or(|first| first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    if is_chunked && codings.next().is_none() {
        return None;
    }
    let message = "the request has a Transfer-Encoding other than chunked";
    let error = ApiError::new(StatusCode::NOT_IMPLEMENTED, "unknown_transfer_encoding", message);
    Some(error.hint("send the body with Content-Length, or with Transfer-Encoding: chunked alone"))
}
