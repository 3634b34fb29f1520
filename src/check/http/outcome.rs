//! The result of an HTTP request, as the evidence stores it.

use serde::{Deserialize, Serialize};

use crate::check::scale::Latency;

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpOutcome {
    Status(HttpStatus),
    /// The reply is not HTTP or breaks off.
    Invalid(String),
    /// No reply, or not all of it, in time.
    TimedOut,
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpStatus {
    pub(crate) code: u16,
    /// From the request to the last byte that was read, or to the head of a stream; the sum if redirects were followed.
    #[serde(rename = "took")]
    pub(crate) latency: Latency,
    /// The duration of the TLS handshake, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls_us: Option<u64>,
    /// From the request to the head of the response, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_byte_us: Option<u64>,
    /// Whether the response has `Retry-After`.
    #[serde(default)]
    pub(crate) retry_after: bool,
    /// The assertions that do not hold.
    #[serde(default, rename = "failed")]
    pub(crate) failed_assertions: Vec<String>,
    /// The beginning of the body, where the status or the body is not the expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) excerpt: Option<String>,
    /// The `status` in a JSON body that means a failure, where nothing states what the body has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed_status: Option<String>,
    /// The problem with the redirect, if any.
    #[serde(default)]
    pub(crate) unsafe_redirect: Option<String>,
}

impl HttpStatus {
    /// What the body says, behind the text of a finding.
    pub(super) fn said(&self) -> String {
        self.excerpt.as_ref().map_or_else(String::new, |excerpt| format!(": {excerpt}"))
    }
}
