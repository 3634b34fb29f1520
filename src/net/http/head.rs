//! The head of a reply: status line and header fields.

use crate::net::ConnectionError;

/// Maximum length of a head in bytes, as in curl. Servers rarely send more than 8 KiB.
pub(crate) const MAX_HEAD_BYTES: usize = 300 * 1024;
/// Maximum number of header fields, as in curl.
const MAX_FIELDS: usize = 5_000;
/// More fields than almost every server sends.
const USUAL_FIELDS: usize = 128;
/// The error of a head beyond these limits.
pub(super) const TOO_LONG: HeadError =
    HeadError("has a head of more than 300 KiB or 5,000 fields, the limits of curl and portolan");

/// The head of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Three digits, not interpreted: some servers use their own (999).
    pub(crate) status: u16,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub(crate) minor: u8,
    /// The text after the status.
    pub(crate) reason: Box<str>,
    /// The fields in order; names are in lower case.
    pub(crate) fields: Vec<(Box<str>, Box<[u8]>)>,
}

/// Why bytes are not the head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not HTTP: {0}")]
pub(crate) struct HeadError(pub(crate) &'static str);

impl From<HeadError> for ConnectionError {
    fn from(error: HeadError) -> Self {
        Self::Garbled(error.0)
    }
}

/// How the end of a body is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// A fixed number of bytes.
    Length(u64),
    /// Chunks with their lengths (RFC 9112, 7.1).
    Chunked,
    /// Until the connection ends.
    ToEnd,
}

impl Head {
    /// The first field with this lower-case name.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Every field with this lower-case name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(field, _)| **field == *name).map(|(_, value)| &**value)
    }

    /// The codings of the body, separated by commas, in the order in which they were applied: several fields are one list
    /// (RFC 9110, 5.3), and transfer codings come last (RFC 9112, 7).
    pub(crate) fn codings(&self) -> Vec<u8> {
        coding_list(self.all("content-encoding"), self.all("transfer-encoding"))
    }

    /// Whether the body is in a transfer coding that no client knows (RFC 9112, 7).
    pub(crate) fn has_unknown_coding(&self) -> bool {
        const KNOWN: [&str; 7] = ["chunked", "identity", "gzip", "x-gzip", "deflate", "compress", "x-compress"];
        let codings = self.all("transfer-encoding").flat_map(|value| value.split(|byte| *byte == b','));
        codings
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty())
            .any(|coding| !KNOWN.iter().any(|known| coding.eq_ignore_ascii_case(known.as_bytes())))
    }

    /// How the body after this head ends, in a reply to a request with `method` (RFC 9112, 6.3).
    pub(super) fn framing(&self, method: &str) -> Result<Framing, HeadError> {
        if method == "HEAD" || matches!(self.status, 100..200 | 204 | 304) {
            return Ok(Framing::None);
        }

        if let Some(last) = self.all("transfer-encoding").last() {
            let chunked = last.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            return Ok(if chunked.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                Framing::Chunked
            } else {
                Framing::ToEnd
            });
        }

        let mut lengths = self.all("content-length").flat_map(|value| value.split(|byte| *byte == b','));
        let Some(first) = lengths.next().map(<[u8]>::trim_ascii) else { return Ok(Framing::ToEnd) };
        if lengths.any(|other| other.trim_ascii() != first) {
            return Err(HeadError("has two different lengths"));
        }

        let digits = std::str::from_utf8(first).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|text| text.parse().ok()).map(Framing::Length).ok_or(HeadError("has an invalid length"))
    }
}

/// The codings of these `Content-Encoding` and `Transfer-Encoding` fields; chunks are no coding of what is in them.
pub(crate) fn coding_list<'a>(
    content: impl Iterator<Item = &'a [u8]>,
    transfer: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let values: Vec<&[u8]> = content.chain(transfer).collect();
    let joined = values.join(&b","[..]);
    let codings = joined.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let codings: Vec<&[u8]> = codings.filter(|coding| !coding.eq_ignore_ascii_case(b"chunked")).collect();
    codings.join(&b","[..])
}

/// The head that `bytes` begin with, and its length; `None` if it is not complete yet.
///
/// # Errors
/// If the bytes are not a head of HTTP/1, or the head is too long.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; USUAL_FIELDS];
    match parse_into(bytes, &mut fields) {
        Err(error) if error == TOO_LONG => parse_into(bytes, &mut vec![httparse::EMPTY_HEADER; MAX_FIELDS]),
        parsed => parsed,
    }
}

/// Parses a head with room for as many fields as `fields` has.
fn parse_into<'b>(bytes: &'b [u8], fields: &mut [httparse::Header<'b>]) -> Result<Option<(Head, usize)>, HeadError> {
    let mut response = httparse::Response::new(fields);
    let parsed = httparse::ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response(&mut response, bytes);

    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(TOO_LONG),
        Err(_) => return Err(HeadError("does not begin like HTTP")),
    };

    let (Some(status), Some(minor)) = (response.code, response.version) else { return Ok(None) };
    let fields = response.headers.iter().map(|field| (field.name.to_ascii_lowercase().into(), unfolded(field.value)));
    let reason = response.reason.unwrap_or_default().into();
    Ok(Some((Head { status, minor, reason, fields: fields.collect() }, length)))
}

/// A value in one line: a space stands for each fold (RFC 9112, 5.2).
fn unfolded(value: &[u8]) -> Box<[u8]> {
    if !value.contains(&b'\n') {
        return value.into();
    }
    let lines: Vec<&[u8]> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    lines.join(&b' ').into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Head {
        parse_head(text.as_bytes()).unwrap().unwrap().0
    }

    fn framing(fields: &str) -> Result<Framing, HeadError> {
        head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).framing("GET")
    }

    #[test]
    fn odd_heads_are_read() {
        assert_eq!(head("HTTP/1.1 999 Denied\r\n\r\n").status, 999);
        assert_eq!(head("HTTP/1.0 200\r\nA : b\r\n\r\n").field("a"), Some(&b"b"[..]));
        assert_eq!(head("HTTP/1.0 200\r\nA: b\r\n  c\r\n\td\r\n\r\n").field("a"), Some(&b"b c d"[..]));
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nServer: x"), Ok(None));
        assert!(parse_head(b"SSH-2.0-x\r\n").is_err());
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(1_000_000));
        assert!(parse_head(endless.as_bytes()).is_err());
        let long = format!("HTTP/1.1 200 OK\r\n{}B: c\r\n\r\n", "A: b\r\n".repeat(MAX_FIELDS - 1));
        assert_eq!(head(&long).field("b"), Some(&b"c"[..]));
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(MAX_HEAD_BYTES));
        assert!(parse_head(endless.as_bytes()).is_err());
    }

    #[test]
    fn only_one_header_determines_the_length_of_a_body() {
        assert_eq!(framing("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert!(framing("Content-Length: 5\r\nContent-Length: 6\r\n").is_err());
        assert!(framing("Content-Length: +5\r\n").is_err());
        assert!(framing("Content-Length: 99999999999999999999999\r\n").is_err());
        assert_eq!(framing("Content-Length: 9223372036854775807\r\n"), Ok(Framing::Length(i64::MAX as u64)));
        assert_eq!(framing("Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(framing(""), Ok(Framing::ToEnd));
        assert_eq!(head("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n").framing("GET"), Ok(Framing::None));
        assert_eq!(head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").framing("HEAD"), Ok(Framing::None));
    }

    #[test]
    fn unknown_transfer_codings_are_found() {
        let is_unknown =
            |value: &str| head(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {value}\r\n\r\n")).has_unknown_coding();
        for value in ["chunked", "Chunked", "gzip, chunked", "identity", ""] {
            assert!(!is_unknown(value), "{value}");
        }
        for value in ["foo", "foo, chunked", "chunked, chunkedd"] {
            assert!(is_unknown(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>, status: [u8; 12]) {
            let with_status = [&b"HTTP/1.1 200 OK\r\n"[..], &bytes, b"\r\n\r\n"].concat();
            for bytes in [bytes, with_status, [&b"HTTP/1."[..], &status].concat()] {
                if let Ok(Some((head, length))) = parse_head(&bytes) {
                    prop_assert!(length <= bytes.len());
                    let _ = head.framing("GET");
                }
            }
        }
    }
}
