//! Errors as Consul writes them: a status and a line of plain text.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::model::Problem;
use crate::server::api_error::ApiError;
use crate::server::limits::RateState;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConsulError {
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// The limit that was exceeded.
    limit: Option<Box<RateState>>,
}

/// The answer of a handler.
pub(super) type ConsulResult<T = Response> = Result<T, ConsulError>;

impl ConsulError {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), limit: None }
    }

    /// 400.
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 403, in the words that clients know.
    pub(super) fn refused(why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, format!("Permission denied: {why}"))
    }

    /// 404.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// 500, which is how Consul refuses much of what a client does wrong.
    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

impl From<ApiError> for ConsulError {
    fn from(error: ApiError) -> Self {
        let text = match &error.hint {
            Some(hint) => format!("{}: {hint}", error.message),
            None => error.message,
        };
        // Consul has one status for a caller that it does not know, and for one that may not.
        if matches!(error.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Self::refused(text);
        }
        Self { limit: error.limit, ..Self::new(error.status, text) }
    }
}

impl From<Problem> for ConsulError {
    fn from(problem: Problem) -> Self {
        Self::bad_request(problem.to_string())
    }
}

impl IntoResponse for ConsulError {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        if let Some(limit) = self.limit {
            limit.add_to(response.headers_mut());
        }
        response
    }
}
