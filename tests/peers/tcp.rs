//! Peers that misbehave below any protocol, and banners.

use std::future::pending;
use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::time::sleep;

use super::{Connection, Peer};

/// Text that a terminal, a spreadsheet, a web page or a log would act upon.
pub const ESCAPES: &str = "\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x1bP+q\x1b\\\u{9b}31m\x08\r\u{202e}\u{200b}\
=cmd|'/c calc'!A1 <script>alert(1)</script>";

pub fn all() -> Vec<Peer> {
    vec![
        mute(),
        tarpit(),
        Peer::new("drip", drip),
        Peer::new("firehose", firehose),
        Peer::new("zero window", zero_window),
        Peer::new("reset at once", |connection| async move { connection.reset() }),
        Peer::new("reset after a byte", |mut connection| async move {
            connection.say("S").await?;
            connection.reset()
        }),
        Peer::new("reset in the middle", |mut connection| async move {
            connection.hear().await?;
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<tit").await?;
            connection.reset()
        }),
        Peer::new("escapes", |mut connection| async move {
            connection
                .say(
                    [ESCAPES.as_bytes(), b"\xff\0\n{\"level\":\"error\"}\n", "e\u{301}".repeat(10_000).as_bytes()]
                        .concat(),
                )
                .await?;
            connection.wait().await
        }),
        Peer::new("flip-flop", |mut connection| async move {
            if connection.number.is_multiple_of(2) {
                return connection.reset();
            }
            connection.say("SSH-2.0-Flip_1.0\r\n").await?;
            connection.wait().await
        }),
    ]
}

/// Accepts and does nothing.
pub fn mute() -> Peer {
    Peer::new("mute", |connection| async move {
        let _connection = connection;
        pending().await
    })
}

/// A line without meaning every 100 ms, for ever.
pub fn tarpit() -> Peer {
    Peer::new("tarpit", |mut connection| async move {
        for number in 0_u64.. {
            connection.say(format!("{:x}\r\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).await?;
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    })
}

/// An answer of HTTP, a byte every 300 ms.
async fn drip(mut connection: Connection) -> io::Result<()> {
    connection.hear().await?;
    for byte in format!("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{}", "x".repeat(10_000)).bytes() {
        connection.say([byte]).await?;
        sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

/// Bytes without meaning as fast as they go.
async fn firehose(mut connection: Connection) -> io::Result<()> {
    let noise: Vec<u8> = (0..64 * 1024_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
    loop {
        connection.say(&noise).await?;
    }
}

/// Never reads, with the least room for what comes.
async fn zero_window(connection: Connection) -> io::Result<()> {
    SockRef::from(&connection.stream).set_recv_buffer_size(1)?;
    pending().await
}
