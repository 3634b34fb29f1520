//! Peers that violate HTTP/2 (RFC 9113) and gRPC.

use std::io;

use super::{Connection, Peer};

pub fn all() -> Vec<Peer> {
    vec![
        Peer::new("SETTINGS flood", |connection| flood(connection, frame(4, 0, 0, &[]))),
        Peer::new("PING flood", |connection| flood(connection, frame(6, 0, 0, &[0; 8]))),
        Peer::new("RST_STREAM flood", |connection| flood(connection, frame(3, 0, 1, &[0, 0, 0, 8]))),
        Peer::new("a window of nothing", |connection| {
            // SETTINGS_INITIAL_WINDOW_SIZE 0.
            after(connection, frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]))
        }),
        Peer::new("an answer that claims 4 GiB", |connection| {
            let message = [&[0, 0xff, 0xff, 0xff, 0xff][..], &[0; 100]].concat();
            after(connection, [frame(4, 0, 0, &[]), headers(0), frame(0, 0, 1, &message)].concat())
        }),
        Peer::new("trailers only", |connection| after(connection, [frame(4, 0, 0, &[]), headers(1)].concat())),
        Peer::new("headers that go on for ever", |connection| {
            // HEADERS without END_HEADERS, and then CONTINUATION upon CONTINUATION.
            flood(connection, frame(9, 0, 1, &[0x40, 1, b'x', 1, b'y'].repeat(1000)))
        }),
    ]
}

/// A frame (4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `:status: 200` and `content-type: application/grpc` (RFC 7541), the end of the headers, and perhaps of the stream.
fn headers(end_stream: u8) -> Vec<u8> {
    let mut block = b"\x88\x5f\x10application/grpc".to_vec();
    if end_stream == 1 {
        block.extend_from_slice(b"\x40\x0bgrpc-status\x0212");
    }
    frame(1, 4 | end_stream, 1, &block)
}

/// Greets with SETTINGS, as servers of HTTP/2 do, and then says the same for ever.
async fn flood(mut connection: Connection, part: Vec<u8>) -> io::Result<()> {
    connection.say(frame(4, 0, 0, &[])).await?;
    connection.hear().await?;
    loop {
        connection.say(part.repeat(256)).await?;
    }
}

/// Sends a reply to the first request.
async fn after(mut connection: Connection, said: Vec<u8>) -> io::Result<()> {
    connection.hear().await?;
    connection.say(said).await?;
    connection.wait().await
}
