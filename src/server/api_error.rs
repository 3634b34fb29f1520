//! Errors as a client reads them: `{"error":{"code","message","hint","field"}}`.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::limits::{LimitExceeded, RateState};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct ApiError {
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) status: StatusCode,
    /// A word that a program can match.
    #[schema(value_type = String, examples("not_found"))]
    pub(super) code: &'static str,
    /// What failed, and why, on one line.
    pub(super) message: String,
    /// What to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    /// The parameter, or the field of the body, that the error is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// The limit that was exceeded.
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) limit: Option<Box<RateState>>,
}

/// The body of every answer with an error.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    error: ApiError,
}

/// The answer of a handler.
pub(super) type ApiResult<T = Response> = Result<T, ApiError>;

/// When a client may try again after 503.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, field: None, limit: None }
    }

    /// 400: the request is wrong.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404: there is no such object.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 503: not now.
    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The body, as JSON.
    pub(super) fn to_body(&self) -> ErrorBody {
        ErrorBody { error: self.clone() }
    }
}

/// 429, with the header fields that describe the limit.
impl From<LimitExceeded> for ApiError {
    fn from(exceeded: LimitExceeded) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", exceeded.message);
        Self { limit: Some(exceeded.state), ..error.hint(exceeded.hint) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        // Strings and options of strings always serialise.
        let mut body = serde_json::to_vec(&self.to_body()).unwrap_or_default();
        body.push(b'\n');

        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_SECONDS);
        }
        if let Some(limit) = self.limit {
            limit.add_to(headers);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_object_without_empty_fields() {
        let error = ApiError::not_found("no service has the id X");
        let text = serde_json::to_string(&error.to_body()).unwrap();
        assert_eq!(text, r#"{"error":{"code":"not_found","message":"no service has the id X"}}"#);

        let error = ApiError::unavailable("queue_full", "too many writes").hint("retry").field("id");
        let text = serde_json::to_string(&error.to_body()).unwrap();
        assert!(text.ends_with(r#""hint":"retry","field":"id"}}"#), "{text}");
        assert_eq!(error.into_response().headers()[RETRY_AFTER], "1");
    }
}
