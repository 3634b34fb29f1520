//! The first messages of a server, as far as they are in clear text.

/// What a server chose.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) version: [u8; 2],
    pub(super) suite: u16,
    pub(super) group: Option<u16>,
    pub(super) chain: Vec<Vec<u8>>,
}

/// How far the bytes of a server were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// More may come.
    Incomplete(Option<Reply>),
    /// Nothing more is in clear text.
    Complete(Option<Reply>),
}

impl Reading {
    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(_))
    }

    /// The reply, as far as it was read.
    pub(super) fn into_reply(self) -> Option<Reply> {
        match self {
            Self::Incomplete(reply) | Self::Complete(reply) => reply,
        }
    }
}

const HANDSHAKE_RECORD: u8 = 22;
/// Handshake messages (RFC 5246, 7.4).
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_STATUS: u8 = 22;
/// Extensions of a ServerHello (RFC 8446, 4.2).
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const TLS12: [u8; 2] = [3, 3];

/// Reads the records of a server's first messages.
pub(super) fn read(bytes: &[u8]) -> Reading {
    let (messages, is_over) = handshake_bytes(bytes);
    let mut rest = messages.as_slice();
    let mut reply = None;

    while let Some((kind, body, after)) = message(rest) {
        rest = after;
        match (kind, &mut reply) {
            (SERVER_HELLO, None) => match server_hello(body) {
                // TLS 1.3 encrypts everything after its ServerHello.
                Some(hello) if hello.version > TLS12 => return Reading::Complete(Some(hello)),
                Some(hello) => reply = Some(hello),
                None => return Reading::Complete(None),
            },
            (CERTIFICATE, Some(reply)) => reply.chain = certificates(body),
            (CERTIFICATE_STATUS, Some(_)) => {}
            (SERVER_KEY_EXCHANGE, Some(reply)) => {
                // A named curve (RFC 8422, 5.4).
                if let [3, high, low, ..] = body {
                    reply.group = Some(u16::from_be_bytes([*high, *low]));
                }
            }
            _ => return Reading::Complete(reply),
        }
    }
    if is_over { Reading::Complete(reply) } else { Reading::Incomplete(reply) }
}

/// The handshake messages in the records, and whether another kind of record follows them.
fn handshake_bytes(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut messages = Vec::new();
    while let [kind, major, _, high, low, rest @ ..] = bytes {
        if *kind != HANDSHAKE_RECORD || *major != 3 {
            return (messages, true);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((body, after)) = rest.split_at_checked(length) else {
            return (messages, false);
        };
        messages.extend_from_slice(body);
        bytes = after;
    }
    // The first byte decides: a server that does not speak TLS may never send five.
    let is_over = bytes.first().is_some_and(|kind| *kind != HANDSHAKE_RECORD);
    (messages, is_over)
}

/// The first message: its type, its body, and what follows it.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, high, middle, low, rest @ ..] = bytes else { return None };
    let (body, after) = rest.split_at_checked(length(&[*high, *middle, *low]))?;
    Some((*kind, body, after))
}

/// RFC 5246, 7.4.1.3, and RFC 8446, 4.1.3. A HelloRetryRequest has the same form.
fn server_hello(body: &[u8]) -> Option<Reply> {
    let (version, rest) = body.split_first_chunk::<2>()?;
    let rest = rest.get(32..)?;
    let (session, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(*session)..)?;
    let (suite, rest) = rest.split_first_chunk::<2>()?;

    let mut reply = Reply { version: *version, suite: u16::from_be_bytes(*suite), ..Reply::default() };
    // The compression method, and the length of the extensions.
    let mut extensions = rest.get(3..).unwrap_or_default();
    while let [k1, k2, l1, l2, rest @ ..] = extensions {
        let (value, after) = rest.split_at_checked(length(&[*l1, *l2]))?;
        match (u16::from_be_bytes([*k1, *k2]), value) {
            (SUPPORTED_VERSIONS, [major, minor]) => reply.version = [*major, *minor],
            (KEY_SHARE, [high, low, ..]) => reply.group = Some(u16::from_be_bytes([*high, *low])),
            _ => {}
        }
        extensions = after;
    }
    Some(reply)
}

/// RFC 5246, 7.4.2.
fn certificates(body: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = body.get(3..).unwrap_or_default();
    let mut chain = Vec::new();
    while let [high, middle, low, after @ ..] = rest {
        let Some((certificate, after)) = after.split_at_checked(length(&[*high, *middle, *low])) else { break };
        chain.push(certificate.to_vec());
        rest = after;
    }
    chain
}

/// A big-endian length of at most three bytes.
fn length(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        [&[22, 3, 3, length[0], length[1]], message].concat()
    }

    fn hello(version: [u8; 2], extensions: &[u8]) -> Vec<u8> {
        let length = u8::try_from(extensions.len()).unwrap();
        let body = [&version[..], &[7; 32], &[0], &[0xc0, 0x13], &[0], &[0, length], extensions].concat();
        [&[2, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    }

    #[test]
    fn certificates_of_tls_1_2_are_read_across_records() {
        let certificate = [&[11, 0, 0, 11, 0, 0, 8][..], &[0, 0, 2, 1, 2], &[0, 0, 0]].concat();
        let exchange = [12, 0, 0, 5, 3, 0, 25, 1, 4];
        let messages = [hello([3, 3], &[]), certificate, exchange.to_vec(), vec![14, 0, 0, 0]].concat();
        let (one, two) = messages.split_at(60);
        let bytes = [record(one), record(two)].concat();

        let expected = Reply { version: [3, 3], suite: 0xc013, group: Some(25), chain: vec![vec![1, 2], vec![]] };
        assert_eq!(read(&bytes), Reading::Complete(Some(expected)));
        assert!(!read(&bytes[..bytes.len() - 1]).is_complete());
    }

    #[test]
    fn tls_1_3_ends_with_its_hello() {
        let retry = hello([3, 3], &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 25]);
        let reply = read(&record(&retry)).into_reply().unwrap();
        assert_eq!((reply.version, reply.group), ([3, 4], Some(25)));
    }

    #[test]
    fn other_replies_are_refusals() {
        for bytes in [&b"HTTP/1.1 400"[..], &[21, 3, 1, 0, 2, 2, 70], &[22, 3, 1, 0, 4, 1, 0, 0, 0]] {
            assert_eq!(read(bytes), Reading::Complete(None), "{bytes:?}");
        }
        assert_eq!(read(&[]), Reading::Incomplete(None));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>, at in 0..80_usize) {
            let _ = read(&bytes);
            let _ = read(&record(&bytes[..bytes.len().min(1000)]));
            let mut damaged = record(&hello([3, 3], &[0, 43, 0, 2, 3, 4]));
            if let (Some(place), Some(byte)) = (damaged.get_mut(at), bytes.first()) {
                *place = *byte;
            }
            let _ = read(&damaged);
        }
    }
}
