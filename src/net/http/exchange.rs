//! One HTTP/1.1 request and its reply.

use super::body::Body;
use super::head::{Head, MAX_HEAD_BYTES, TOO_LONG, parse_head};
use super::{BodySoFar, Enough};
use crate::net::{Connection, ConnectionError};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    /// `GET`, `HEAD`, ...
    pub(crate) method: &'a str,
    /// The path with its query: `/`.
    pub(crate) target: &'a str,
    /// The value of the `Host` field.
    pub(crate) host: &'a str,
    /// Further fields, names and values, in place of default ones of the same name. An empty value leaves the field out.
    /// The caller ensures that they contain no line breaks.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// The body, sent with its length.
    pub(crate) body: Option<&'a [u8]>,
}

/// Limits for reading a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum length of the body in bytes; the rest is not read.
    pub(crate) body: usize,
}

/// The fields of a request that has none of the same name.
const DEFAULT_FIELDS: [(&str, &str); 4] = [
    ("User-Agent", concat!("portolan/", env!("CARGO_PKG_VERSION"))),
    ("Connection", "close"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
];
/// Maximum number of interim replies (1xx); RFC 9110 sets no limit, and real servers send one.
const MAX_INTERIM: usize = 8;

/// A reply.
#[derive(Debug)]
pub(crate) struct Response {
    /// Status and fields.
    pub(crate) head: Head,
    /// The body without chunk framing; compressed if the server ignored `Accept-Encoding`.
    pub(crate) body: Vec<u8>,
    /// Whether the body is complete.
    pub(crate) whole: bool,
    /// Why the body ended early, if it is neither complete nor at its limit.
    pub(crate) failed: Option<ConnectionError>,
}

impl Request<'_> {
    /// The bytes of the request. By default it asks for no compression, and for the connection to be closed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        use std::io::Write;
        let mut bytes = Vec::with_capacity(256);
        // Writing to a vector cannot fail.
        let _ = write!(bytes, "{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);

        let defaults = DEFAULT_FIELDS.iter().filter(|(name, _)| {
            let mut names = self.fields.iter().map(|(name, _)| name);
            !names.any(|other| other.eq_ignore_ascii_case(name))
        });
        for (name, value) in defaults.chain(self.fields).filter(|(_, value)| !value.is_empty()) {
            let _ = write!(bytes, "{name}: {value}\r\n");
        }
        if let Some(body) = self.body {
            let _ = write!(bytes, "Content-Length: {}\r\n", body.len());
        }

        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.unwrap_or_default());
        bytes
    }
}

/// Sends a request and reads the reply.
///
/// # Errors
/// `Garbled` if the reply is not HTTP; otherwise the connection's.
pub(crate) async fn exchange(
    peer: &mut Connection,
    request: &Request<'_>,
    limits: Limits,
) -> Result<Response, ConnectionError> {
    exchange_until(peer, request, limits, &mut |_| false).await
}

/// Sends a request and reads the reply, no further than `enough` asks for.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn exchange_until(
    peer: &mut Connection,
    request: &Request<'_>,
    limits: Limits,
    enough: Enough<'_>,
) -> Result<Response, ConnectionError> {
    peer.write(&request.to_bytes()).await?;

    let (mut raw, mut start) = (Vec::new(), 0);
    for _ in 0..=MAX_INTERIM {
        let (head, length) = read_head(peer, &mut raw, start).await?;
        start += length;
        if !matches!(head.status, 100 | 102..200) {
            let body = Body::new(head.framing(request.method)?, limits.body);
            return read_body(peer, head, body, &raw[start..], enough).await;
        }
    }
    Err(ConnectionError::Garbled("has more than 8 interim replies"))
}

async fn read_head(peer: &mut Connection, raw: &mut Vec<u8>, start: usize) -> Result<(Head, usize), ConnectionError> {
    let mut searched = start;
    loop {
        // A head ends with an empty line: only new bytes can contain it, so a slow sender costs no more than a quick
        // one.
        let unsearched = &raw[searched.saturating_sub(3).max(start)..];
        let ended = unsearched.windows(2).any(|pair| pair == b"\n\n")
            || unsearched.windows(3).any(|triple| triple == b"\n\r\n");
        // Bytes that do not begin like HTTP are rejected without waiting for the end.
        if (ended || searched - start < "HTTP/1.1 200".len())
            && let Some(found) = parse_head(&raw[start..])?
        {
            return Ok(found);
        }

        searched = raw.len();
        if raw.len() - start >= MAX_HEAD_BYTES {
            return Err(TOO_LONG.into());
        }
        if peer.read(raw).await? == 0 {
            return Err(ConnectionError::Closed);
        }
    }
}

async fn read_body(
    peer: &mut Connection,
    head: Head,
    mut body: Body,
    begun: &[u8],
    enough: Enough<'_>,
) -> Result<Response, ConnectionError> {
    body.take(begun)?;

    let (mut piece, mut failed) = (Vec::new(), None);
    let content_type = head.field("content-type").unwrap_or_default();
    let codings = head.codings();
    while !body.is_enough()
        && failed.is_none()
        && !enough(&BodySoFar { content_type, codings: &codings, bytes: &body.bytes })
    {
        piece.clear();
        match peer.read(&mut piece).await {
            Ok(0) if body.is_whole() => break,
            Ok(0) => failed = Some(ConnectionError::Closed),
            Ok(_) => body.take(&piece)?,
            // The head is useful without the rest.
            Err(error) => failed = Some(error),
        }
    }

    let whole = failed.is_none() && body.is_whole();
    Ok(Response { head, body: body.bytes, whole, failed })
}
