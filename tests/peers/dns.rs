//! Peers with malformed and hostile DNS replies over TCP.

use std::io;

use super::{Connection, Peer};

pub fn all() -> Vec<Peer> {
    vec![
        Peer::new("wrong id", |connection| {
            answering(connection, |query| [&[!query[0], !query[1]], &query[2..]].concat())
        }),
        Peer::new("wrong question", |connection| {
            answering(connection, |query| {
                let mut answer = answered(query, 0);
                if let Some(letter) = answer.get_mut(13) {
                    *letter ^= 1;
                }
                answer
            })
        }),
        Peer::new("always truncated", |connection| {
            answering(connection, |query| {
                let mut answer = answered(query, 0);
                answer[2] |= 2;
                answer
            })
        }),
        Peer::new("4,000 addresses", |connection| {
            answering(connection, |query| {
                [answered(query, 4000), b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01".repeat(4000)].concat()
            })
        }),
        Peer::new("aliases in a ring", |connection| {
            answering(connection, |query| {
                [answered(query, 100), b"\xc0\x0c\0\x05\0\x01\x7f\xff\xff\xff\0\x02\xc0\x0c".repeat(100)].concat()
            })
        }),
        Peer::new("a name that points to itself", |connection| {
            // The pointer stands where it points to (RFC 1035, 4.1.4).
            answering(connection, |query| {
                let at = u8::try_from(query.len()).unwrap_or(12);
                [answered(query, 1), vec![0xc0, at, 0, 16, 0, 3, 0, 0, 0, 0, 0, 2, 1, b'x']].concat()
            })
        }),
        Peer::new("lengths that lie", |mut connection| async move {
            connection.hear().await?;
            connection.say(b"\xff\xff").await?;
            connection.wait().await
        }),
    ]
}

/// The head and the question of an answer with so many records.
fn answered(query: &[u8], records: u16) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer.resize(answer.len().max(12), 0);
    answer[2] |= 0x80;
    answer[6..8].copy_from_slice(&records.to_be_bytes());
    answer
}

/// Reads one question behind its length, and answers.
async fn answering(mut connection: Connection, answer: impl Fn(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let heard = connection.hear().await?;
    let answer = answer(heard.get(2..).filter(|query| query.len() >= 12).unwrap_or(&[0; 12]));
    let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
    connection.say([&length[..], &answer].concat()).await?;
    connection.wait().await
}
