//! One HTTP/2 request and its reply.
//!
//! Floods (PING, SETTINGS, RST_STREAM, CONTINUATION) are limited by the byte limit of the connection below, and by
//! the h2 crate's own limits, set low here: there is only one stream.

use bytes::Bytes;
use futures_util::FutureExt;
use h2::client;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::{BodySoFar, Enough, coding_list};
use crate::net::bounded::AsyncStream;
use crate::net::{ConnectionError, Deadline};

/// Maximum size of header fields, and of trailers.
const MAX_FIELDS: u32 = 64 * 1024;
/// Flow-control window. HTTP/2 begins with this size (RFC 9113, 6.9.2).
const WINDOW: u32 = 65_535;

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct H2Response {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) fields: HeaderMap,
    /// The body as it was sent, up to its limit.
    pub(crate) body: Vec<u8>,
    /// The trailers, if there are any.
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether the reply is complete.
    pub(crate) whole: bool,
}

/// Sends a request with prior knowledge, with or without TLS, and reads the reply with at most `most` bytes of its
/// body. The caller limits the bytes of `stream`.
///
/// # Errors
/// `Garbled` if the reply is not HTTP/2; otherwise the connection's.
pub(crate) async fn exchange(
    stream: impl AsyncStream,
    request: Request<Bytes>,
    most: usize,
    deadline: Deadline,
) -> Result<H2Response, ConnectionError> {
    exchange_until(stream, request, most, deadline, &mut |_| false).await
}

/// Like [`exchange`], and reads no further than `enough` asks for.
///
/// # Errors
/// As [`exchange`].
pub(crate) async fn exchange_until(
    stream: impl AsyncStream,
    request: Request<Bytes>,
    most: usize,
    deadline: Deadline,
    enough: Enough<'_>,
) -> Result<H2Response, ConnectionError> {
    let spoken = speak(stream, request, most, deadline, enough);
    deadline.bound(spoken).await.map_err(|_| ConnectionError::TimedOut)?.map_err(failure)
}

async fn speak(
    stream: impl AsyncStream,
    request: Request<Bytes>,
    most: usize,
    deadline: Deadline,
    enough: Enough<'_>,
) -> Result<H2Response, h2::Error> {
    let mut builder = client::Builder::new();
    builder.enable_push(false).max_header_list_size(MAX_FIELDS).initial_window_size(WINDOW);
    builder.max_concurrent_reset_streams(4).max_send_buffer_size(64 * 1024).header_table_size(4096);
    let (sender, mut connection) = builder.handshake::<_, Bytes>(stream).await?;
    let mut exchanging = Box::pin(ask(sender, request, most, deadline, enough));
    // Nothing is spawned: the connection is driven while the reply is awaited, and ends with it.
    tokio::select! {
        biased;
        answer = &mut exchanging => answer,
        ended = &mut connection => match exchanging.now_or_never() {
            Some(answer) => answer,
            None => Err(ended.err().unwrap_or_else(|| h2::Reason::NO_ERROR.into())),
        },
    }
}

async fn ask(
    sender: client::SendRequest<Bytes>,
    request: Request<Bytes>,
    most: usize,
    deadline: Deadline,
    enough: Enough<'_>,
) -> Result<H2Response, h2::Error> {
    let mut sender = sender.ready().await?;
    let (parts, body) = request.into_parts();
    let (response, mut sending) = sender.send_request(Request::from_parts(parts, ()), body.is_empty())?;
    if !body.is_empty() {
        sending.send_data(body, true)?;
    }
    let (head, mut stream) = response.await?.into_parts();

    let mut answer =
        H2Response { status: head.status, fields: head.headers, body: Vec::new(), trailers: None, whole: false };
    let encodings = answer.fields.get_all("content-encoding").iter().map(HeaderValue::as_bytes);
    let codings = coding_list(encodings, std::iter::empty());
    loop {
        let content_type = answer.fields.get("content-type").map_or(&[][..], |value| value.as_bytes());
        if enough(&BodySoFar { content_type, codings: &codings, bytes: &answer.body }) {
            return Ok(answer);
        }

        let piece = match deadline.bound(stream.data()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => break,
            // What arrived before counts.
            Ok(Some(Err(_))) | Err(_) => return Ok(answer),
        };
        let room = most - answer.body.len();
        answer.body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room {
            return Ok(answer);
        }
        stream.flow_control().release_capacity(piece.len())?;
    }

    answer.trailers = stream.trailers().await.ok().flatten();
    answer.whole = true;
    Ok(answer)
}

fn failure(error: h2::Error) -> ConnectionError {
    if error.is_io() {
        return error.into_io().map_or(ConnectionError::Closed, ConnectionError::from);
    }
    match error.reason() {
        Some(h2::Reason::NO_ERROR) => ConnectionError::Closed,
        Some(h2::Reason::REFUSED_STREAM | h2::Reason::HTTP_1_1_REQUIRED) => {
            ConnectionError::Declined("refuses the stream")
        }
        _ => ConnectionError::Garbled("is not HTTP/2, or violates it"),
    }
}
