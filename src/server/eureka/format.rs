//! In which of two formats a client reads a document.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::xml;

/// The format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Format {
    Json,
    Xml,
}

impl Format {
    /// Its name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }

    /// The format that a client wants: XML unless it asks for JSON, as Eureka's server decides.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.any(|accepted| accepted.contains("json")) { Self::Json } else { Self::Xml }
    }

    /// A document with this root.
    pub(super) fn write(self, name: &str, value: &Value) -> Vec<u8> {
        match self {
            // Texts, numbers and lists of them always serialise.
            Self::Json => serde_json::to_vec(&serde_json::json!({ name: value })).unwrap_or_default(),
            Self::Xml => xml::write(name, value),
        }
    }

    /// The reply with a document.
    pub(super) fn reply(self, document: Bytes) -> Response {
        let kind = match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        };
        let mut response = Response::new(Body::from(document));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}
