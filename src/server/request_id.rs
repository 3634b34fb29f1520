//! The id of a request, by which its client, the log and the audit log speak of the same one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that has it, in requests and in answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a client that is used.
const MAX_BYTES: usize = 64;

/// The id of a request, as an extension of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(HeaderValue);

/// Makes the ids of requests whose clients made none.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// Differs with each start of the server.
    prefix: u32,
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self { prefix: Uuid::new_v4().as_fields().0, count: AtomicU64::new(0) }
    }

    /// The id that the client made, if it can be used, or a new one.
    pub(super) fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID).filter(|value| value.to_str().is_ok_and(is_usable));
        RequestId(given.cloned().unwrap_or_else(|| self.next()))
    }

    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let text = format!("{:08x}-{count}", self.prefix);
        // Digits and letters are always valid.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from(count))
    }
}

/// Letters, digits and the separators of usual ids: no log and no terminal needs to escape them.
fn is_usable(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte));
    is_plain && (1..=MAX_BYTES).contains(&text.len())
}

impl RequestId {
    pub(super) fn as_str(&self) -> &str {
        // Only visible characters get in.
        self.0.to_str().unwrap_or_default()
    }

    /// The value of the header.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_client_is_used_only_if_it_is_short_and_plain() {
        let ids = RequestIds::new();
        let longest = "a".repeat(MAX_BYTES);
        for (given, is_used) in [
            ("6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11", true),
            ("a.b_c:d+e/f=", true),
            (longest.as_str(), true),
            ("", false),
            ("a b", false),
            ("<b>", false),
            ("a\tb", false),
            ("a\"b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, given.parse().unwrap());
            let id = ids.of(&headers);
            assert_eq!(id.as_str() == given, is_used, "{given}");
            assert_eq!(id.header(), id.as_str());
        }
        let mut headers = HeaderMap::new();

        headers.insert(REQUEST_ID, "a".repeat(MAX_BYTES + 1).parse().unwrap());
        assert!(ids.of(&headers).as_str().len() < MAX_BYTES);
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }
}
