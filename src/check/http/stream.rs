//! Bodies that are streams of events: they are matched as they arrive, and need not end.

use tokio::time::Instant;

use super::MAX_BODY_BYTES;
use super::assertions::has_body_assertion;
use super::body;
use crate::model::CheckSpec;
use crate::net::http::BodySoFar;

/// The media types of streams. Others are complete when they end.
const STREAM_TYPES: [&str; 6] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/stream+json",
    "application/json-seq",
    "multipart/x-mixed-replace",
];
/// The bytes that are matched before the matching becomes sparse: a peer may send many tiny pieces.
const MAX_MATCHED: usize = 64 << 20;

/// Reads a stream only as far as the assertions need it.
pub(super) struct StreamMatcher<'s> {
    spec: &'s CheckSpec,
    /// When the head of a stream arrived; `None` if the body is none.
    pub(super) began: Option<Instant>,
    /// How many bytes were matched, all in all and the last time.
    matched: (usize, usize),
}

impl<'s> StreamMatcher<'s> {
    pub(super) fn new(spec: &'s CheckSpec) -> Self {
        Self { spec, began: None, matched: (0, 0) }
    }

    /// Whether enough was read.
    pub(super) fn is_enough(&mut self, body: &BodySoFar<'_>) -> bool {
        if !is_stream(body.content_type) {
            return false;
        }
        self.began.get_or_insert_with(Instant::now);
        if !has_body_assertion(self.spec) {
            return true;
        }

        let Some(pattern) = self.spec.expect_body.as_ref().filter(|_| self.spec.expect_json.is_empty()) else {
            return false;
        };
        let (all, last) = self.matched;
        let length = body.bytes.len();
        if length == last || all > MAX_MATCHED && length - last <= last / 16 {
            return false;
        }

        self.matched = (all + length, length);
        let text = body::text(body.bytes, body.codings, body.content_type, MAX_BODY_BYTES, true);
        text.is_ok_and(|body| {
            let complete = body.text.rfind('\n').map_or("", |end| &body.text[..=end]);
            pattern.is_match(complete)
        })
    }
}

fn is_stream(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let kind = parts.next().unwrap_or_default();
    // Kubernetes' watches have a parameter.
    STREAM_TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known.as_bytes()))
        || parts.any(|parameter| parameter.eq_ignore_ascii_case(b"stream=watch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_until_a_whole_line_matches() {
        let spec = CheckSpec { expect_body: "data: ok$|data: ok\n".parse().ok(), ..CheckSpec::default() };
        let mut matcher = StreamMatcher::new(&spec);
        let kinds = ["text/event-stream; charset=utf-8", "TEXT/EVENT-STREAM", "application/json;stream=watch"];
        for kind in kinds {
            for (bytes, enough) in [("", false), ("data: o", false), ("data: ok", false), ("data: ok\n", true)] {
                let body = BodySoFar { content_type: kind.as_bytes(), codings: b"", bytes: bytes.as_bytes() };
                assert_eq!(matcher.is_enough(&body), enough, "{kind} {bytes}");
            }
        }

        let page = BodySoFar { content_type: b"text/plain", codings: b"", bytes: b"data: ok\n" };
        assert!(!matcher.is_enough(&page), "any other body is read to its end");
        let (plain, events) = (CheckSpec::default(), BodySoFar { content_type: b"text/event-stream", ..page });
        assert!(StreamMatcher::new(&plain).is_enough(&events), "the head is enough without an assertion");
    }
}
