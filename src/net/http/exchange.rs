//! One HTTP/1.1 request and its reply.

use super::body::Body;
use super::head::{Head, MAX_HEAD_BYTES, parse_head};
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
    /// Further fields, names and values. The caller ensures that they contain no line breaks.
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
    /// The bytes of the request. It asks for no compression, and for the connection to be closed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        use std::io::Write;
        let mut bytes = Vec::with_capacity(256);
        let agent = concat!("portolan/", env!("CARGO_PKG_VERSION"));
        // Writing to a vector cannot fail.
        let _ = write!(bytes, "{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);

        if !self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
            let _ = write!(bytes, "User-Agent: {agent}\r\n");
        }
        if !self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
            let _ = write!(bytes, "Connection: close\r\n");
        }

        let _ = write!(bytes, "Accept: */*\r\nAccept-Encoding: identity\r\n");
        for (name, value) in self.fields {
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
    peer.write(&request.to_bytes()).await?;
    read_response(peer, request.method, limits, &mut Vec::new()).await
}

/// Reads the reply to a request with `method`. `raw` holds the bytes that were already read, and receives the head.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn read_response(
    peer: &mut Connection,
    method: &str,
    limits: Limits,
    raw: &mut Vec<u8>,
) -> Result<Response, ConnectionError> {
    let mut start = 0;
    for _ in 0..=MAX_INTERIM {
        let (head, length) = read_head(peer, raw, start).await?;
        start += length;
        if !matches!(head.status, 100 | 102..200) {
            return read_body(peer, head, method, limits, &raw[start..]).await;
        }
    }
    Err(ConnectionError::TooLong)
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
            return Err(ConnectionError::TooLong);
        }
        if peer.read(raw).await? == 0 {
            return Err(ConnectionError::Closed);
        }
    }
}

async fn read_body(
    peer: &mut Connection,
    head: Head,
    method: &str,
    limits: Limits,
    begun: &[u8],
) -> Result<Response, ConnectionError> {
    let mut body = Body::new(head.framing(method)?, limits.body);
    body.take(begun)?;

    let (mut piece, mut failed) = (Vec::new(), None);
    while !body.is_enough() && failed.is_none() {
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
