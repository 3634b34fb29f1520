//! An HTTP response, independent of the HTTP version.

use tokio::time::Instant;

use crate::net::http::coding_list;

pub(super) struct HttpReply {
    pub(super) code: u16,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    /// The bytes as they were sent, up to the limit.
    pub(super) body: Vec<u8>,
    pub(super) end: BodyEnd,
    /// When the head of a stream arrived: how long its events take is no latency of the server.
    pub(super) stream_began: Option<Instant>,
}

/// Where the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// The body is complete.
    Whole,
    /// The body is longer than is read.
    Limit,
    /// The body is a stream of events, which may go on.
    Open,
}

impl HttpReply {
    pub(super) fn new(code: u16, fields: &http::HeaderMap, body: Vec<u8>, end: BodyEnd) -> Self {
        let fields = fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        Self { code, fields: fields.collect(), body, end, stream_began: None }
    }

    /// The values of a header, by its lower-case name.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_slice())
    }

    /// The codings of the body, as a list of `Content-Encoding`.
    pub(super) fn codings(&self) -> Vec<u8> {
        coding_list(self.values("content-encoding"), self.values("transfer-encoding"))
    }

    /// The first value of a header, or nothing.
    pub(super) fn value(&self, name: &str) -> &[u8] {
        self.values(name).next().unwrap_or_default()
    }
}
