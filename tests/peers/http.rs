//! Peers with malformed and hostile HTTP replies.

use std::io;

use super::{Connection, Peer};

pub fn all() -> Vec<Peer> {
    vec![
        Peer::new("endless chunks", |connection| endless(connection, "Transfer-Encoding: chunked\r\n\r\n", chunk())),
        Peer::new("endless length", |connection| {
            endless(connection, "Content-Length: 9223372036854775807\r\n\r\n", zeros())
        }),
        Peer::new("endless body", |connection| endless(connection, "\r\n", zeros())),
        Peer::new("endless header", |connection| endless(connection, "X: ", zeros())),
        Peer::new("endless headers", |connection| endless(connection, "", b"X-Header: value\r\n".repeat(4096))),
        Peer::new("endless interim answers", |connection| {
            endless(connection, "\r\n", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1024))
        }),
        Peer::new("bomb", |connection| {
            // Stored blocks of nothing, behind gzip's header (RFC 1951, 3.2.4; RFC 1952), unrequested.
            let block = [&[0, 0xff, 0xff, 0, 0][..], &[0; 0xffff]].concat();
            endless(connection, "Content-Encoding: gzip\r\n\r\n\x1f\u{8b}\x08\0\0\0\0\0\0\u{3}", block)
        }),
        Peer::new("redirect to itself", |connection| {
            once(connection, "302 Found", "Location: /\r\nContent-Length: 0\r\n")
        }),
        Peer::new("redirect to a file", |connection| {
            once(connection, "302 Found", "Location: file:///etc/passwd\r\nContent-Length: 0\r\n")
        }),
        Peer::new("redirect of 1 MB", |connection| async move {
            let location = format!("Location: /{}\r\nContent-Length: 0\r\n", "x".repeat(1 << 20));
            once(connection, "301 Moved", &location).await
        }),
        Peer::new("title of 1 MB", |connection| async move {
            let body = format!("<title>{}</title>", "t".repeat(1 << 20));
            once(connection, "200 OK", &format!("Content-Length: {}\r\n\r\n{body}", body.len())).await
        }),
        Peer::new("two lengths", |connection| {
            once(connection, "200 OK", "Content-Length: 3\r\nContent-Length: 9\r\n\r\nabc")
        }),
        Peer::new("status 999", |connection| once(connection, "999 ", "Content-Length: 0\r\n")),
        Peer::new("no content with a body", |connection| {
            once(connection, "204 No Content", "Content-Length: 5\r\n\r\nhello")
        }),
    ]
}

fn zeros() -> Vec<u8> {
    vec![b'0'; 64 * 1024]
}

fn chunk() -> Vec<u8> {
    [b"10000\r\n", &*zeros(), b"\r\n"].concat()
}

/// A valid beginning, and then the same bytes for ever.
async fn endless(mut connection: Connection, head: &'static str, part: Vec<u8>) -> io::Result<()> {
    connection.hear().await?;
    connection.say("HTTP/1.1 200 OK\r\n").await?;
    connection.say(head).await?;
    loop {
        connection.say(&part).await?;
    }
}

async fn once(mut connection: Connection, status: &str, rest: &str) -> io::Result<()> {
    connection.hear().await?;
    connection.say(format!("HTTP/1.1 {status}\r\n{rest}\r\n")).await?;
    connection.wait().await
}
