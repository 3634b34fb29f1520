//! Calls of gRPC without a request: one for each connection.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bytes::Bytes;
use http::Request;

use super::{MAX_REPLY_BYTES, left, too_long};
use crate::net::http::{H2Answer, h2_exchange};
use crate::net::{ConnectionError, Deadline, runtime};

/// A message without fields: a flag for compression and a length come before it.
const EMPTY_MESSAGE: &[u8] = b"\0\0\0\0\0";
const FRAME_HEADER: usize = 5;
const OK: &str = "0";
const UNIMPLEMENTED: &str = "12";

/// Calls a method with an empty message and these further header fields. `None`: the server does not have it.
///
/// # Errors
/// As for a connection; refusals, and replies that are too long.
pub(super) fn call(
    stream: UnixStream,
    method: &str,
    fields: &[(&'static str, &'static str)],
    deadline: Instant,
) -> io::Result<Option<Vec<u8>>> {
    let request = Request::post(format!("http://localhost/{method}"));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Bytes::from_static(EMPTY_MESSAGE)).map_err(io::Error::other)?;
    let left = left(deadline)?;

    // This thread was started for this request alone, so no other runtime is active on it.
    let runtime = runtime(0).map_err(|error| io::Error::other(error.to_string()))?;
    let reply = runtime.block_on(async {
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let reply = h2_exchange(stream, request, MAX_REPLY_BYTES, Deadline::after(left)).await;
        reply.map_err(|error| match error {
            ConnectionError::TimedOut => io::Error::from(io::ErrorKind::TimedOut),
            other => io::Error::other(other),
        })
    })?;
    message(&reply)
}

fn message(reply: &H2Answer) -> io::Result<Option<Vec<u8>>> {
    if reply.body.len() >= MAX_REPLY_BYTES {
        return Err(too_long());
    }
    if !reply.whole {
        return Err(io::Error::other("its reply is incomplete"));
    }

    let trailers = reply.trailers.as_ref().and_then(|fields| fields.get("grpc-status"));
    match trailers.or(reply.fields.get("grpc-status")).and_then(|status| status.to_str().ok()) {
        Some(OK) => Ok(Some(reply.body.get(FRAME_HEADER..).unwrap_or_default().to_vec())),
        Some(UNIMPLEMENTED) => Ok(None),
        Some(code) if code.len() <= 2 => {
            Err(io::Error::other(format!("it refuses the request with the gRPC status {code}")))
        }
        _ => Err(io::Error::other("its reply is not gRPC")),
    }
}
