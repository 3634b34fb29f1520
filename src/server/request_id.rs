//! The id of a request, by which its client, the log and the audit log speak of the same one.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that has it, in requests and in answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a client that is used.
const MAX_BYTES: usize = 64;

/// The longest id that a server makes: eight hexadecimal digits, a dash and a number.
const MAX_OWN_BYTES: usize = 8 + 1 + 20;

/// The id of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestId {
    /// Made by the client.
    Client(HeaderValue),
    /// Made by the server. Most ids are written only once, in the answer.
    Server { prefix: u32, count: u64 },
}

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
        given.cloned().map_or_else(|| self.next(), RequestId::Client)
    }

    fn next(&self) -> RequestId {
        RequestId::Server { prefix: self.prefix, count: self.count.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// Letters, digits and the separators of usual ids: no log and no terminal needs to escape them.
fn is_usable(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte));
    is_plain && (1..=MAX_BYTES).contains(&text.len())
}

impl RequestId {
    /// The value of the header.
    pub(super) fn header(&self) -> HeaderValue {
        if let Self::Client(value) = self {
            return value.clone();
        }
        let mut text = [0; MAX_OWN_BYTES];
        let mut rest = text.as_mut_slice();
        let _ = write!(rest, "{self}");
        let unused = rest.len();
        // Digits, letters and a dash are always valid.
        HeaderValue::from_bytes(&text[..MAX_OWN_BYTES - unused]).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Only visible characters get in.
            Self::Client(value) => f.write_str(value.to_str().unwrap_or_default()),
            Self::Server { prefix, count } => write!(f, "{prefix:08x}-{count}"),
        }
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
            assert_eq!(id.to_string() == given, is_used, "{given}");
            assert_eq!(id.header(), id.to_string());
        }
        let mut headers = HeaderMap::new();

        headers.insert(REQUEST_ID, "a".repeat(MAX_BYTES + 1).parse().unwrap());
        assert!(ids.of(&headers).to_string().len() <= MAX_OWN_BYTES);
        let last = RequestId::Server { prefix: u32::MAX, count: u64::MAX };
        assert_eq!(last.header(), "ffffffff-18446744073709551615");
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }
}
