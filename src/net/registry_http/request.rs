//! Requests to a registry and its replies.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{RegistryCause, RegistryFailure};
use crate::clean::Secret;

/// The maximum size of a reply, unless a request has its own limit: 10,000 instances with checks have 5 MB in Consul.
const MAX_BYTES: usize = 64 << 20;

/// A request.
///
/// ```ignore
/// RegistryRequest::get("/v1/catalog/services").query("dc", "eu").waiting(Duration::from_secs(60))
/// RegistryRequest::put("/v1/agent/service/register").json(&registration)
/// ```
#[derive(Clone, Debug)]
pub(crate) struct RegistryRequest {
    pub(super) method: Method,
    /// Percent-encoded, without a query.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    /// The headers of a body that is not JSON.
    pub(super) headers: HeaderMap,
    pub(super) authorization: Option<Secret>,
    /// The time for which the server may hold the reply back.
    pub(super) wait: Duration,
    /// The maximum size of the reply; of a line, if the reply is a stream.
    pub(super) limit: usize,
    /// The entity tag of the reply that is known.
    pub(super) known_tag: Option<String>,
}

impl RegistryRequest {
    /// A request with any method. Parts of the path that come from elsewhere go through [`path_segment`].
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            headers: HeaderMap::new(),
            authorization: None,
            wait: Duration::ZERO,
            limit: MAX_BYTES,
            known_tag: None,
        }
    }

    /// A GET.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A PUT.
    #[allow(dead_code, reason = "for registrations")]
    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A POST.
    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A DELETE.
    #[allow(dead_code, reason = "for registrations")]
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds a parameter to the query.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Sends this as JSON. A value that JSON cannot hold is sent as null.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec()));
        self
    }

    /// Sends this as it is. `headers` describe it.
    #[allow(dead_code, reason = "for configurations and traces")]
    pub(crate) fn body(mut self, headers: HeaderMap, body: Vec<u8>) -> Self {
        (self.headers, self.body) = (headers, Some(body));
        self
    }

    /// Sends this in the Authorization header.
    pub(crate) fn authorization(mut self, token: Option<Secret>) -> Self {
        self.authorization = token;
        self
    }

    /// Gives the server this long to reply, beside the usual time: a long poll.
    pub(crate) fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Lets the server answer with nothing if its reply would have this entity tag again.
    #[allow(dead_code, reason = "for registries of portolan's own")]
    pub(crate) fn known_tag(mut self, tag: Option<String>) -> Self {
        self.known_tag = tag;
        self
    }

    /// Limits the size of the reply, or of each line of a stream.
    pub(crate) fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

/// A successful reply.
#[derive(Clone, Debug)]
pub(crate) struct RegistryReply {
    pub(super) is_unchanged: bool,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// For what may be wrong with it.
    pub(super) failure: RegistryFailure,
}

impl RegistryReply {
    /// Whether the server says that its reply is the known one: see [`RegistryRequest::known_tag`].
    #[allow(dead_code, reason = "for registries of portolan's own")]
    pub(crate) fn is_unchanged(&self) -> bool {
        self.is_unchanged
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    #[cfg(feature = "otel")]
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not the expected JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, RegistryFailure> {
        serde_json::from_slice(&self.body).map_err(|error| self.malformed(RegistryCause::not_json(&self.body, &error)))
    }

    /// The failure that this reply does not follow the API.
    pub(crate) fn malformed(&self, why: impl Into<String>) -> RegistryFailure {
        self.failure.clone().because(RegistryCause::Malformed(why.into()))
    }
}

/// One segment of a path, percent-encoded. `None` for what no path can hold: nothing, `.` and `..`, which a URL resolves.
pub(crate) fn path_segment(text: &str) -> Option<String> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if matches!(text, "" | "." | "..") {
        return None;
    }

    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
        }
    }
    Some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name from a registry must not change the path of a request.
    #[test]
    fn a_segment_stays_one_segment() {
        assert_eq!(path_segment("web-1_a.b~").as_deref(), Some("web-1_a.b~"));
        assert_eq!(path_segment("a/../b?c#d%2e é").as_deref(), Some("a%2F..%2Fb%3Fc%23d%252e%20%C3%A9"));
        assert_eq!([path_segment(""), path_segment("."), path_segment("..")], [None, None, None]);
    }
}
