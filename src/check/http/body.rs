//! The text of a body: expanded, if the server compressed it although nothing asked for it, and in its character set.

/// The number of nested compressions; servers use one.
const MAX_LAYERS: usize = 2;

/// Why a body cannot be read as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    /// The peer's fault.
    #[error("the body is not valid {0}")]
    Broken(String),
    /// Ours: it says nothing about the peer.
    #[error("the body is compressed with {0}, which portolan does not expand")]
    Unsupported(String),
}

/// The text of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BodyText {
    /// Without a byte order mark.
    pub(super) text: String,
    /// Whether the body is longer than the limit after expansion.
    pub(super) is_cut: bool,
}

/// The text of `bytes`, at most `limit` bytes after expansion. `is_partial` is whether more bytes would follow.
///
/// # Errors
/// If the bytes cannot be expanded.
pub(super) fn text(
    bytes: &[u8],
    content_encoding: &[u8],
    content_type: &[u8],
    limit: usize,
    is_partial: bool,
) -> Result<BodyText, BodyError> {
    let codings = content_encoding.to_ascii_lowercase();
    let codings = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let mut codings: Vec<&[u8]> = codings.filter(|coding| *coding != b"identity").collect();
    if codings.len() > MAX_LAYERS {
        return Err(BodyError::Unsupported(format!("{} layers", codings.len())));
    }

    let mut expanded = bytes.to_vec();
    let mut is_cut = false;
    while let Some(coding) = codings.pop() {
        let coding = String::from_utf8_lossy(coding).into_owned();
        expanded = expand(&coding, &expanded, limit, is_partial || is_cut)?;
        is_cut |= expanded.len() > limit;
        expanded.truncate(limit);
    }

    Ok(BodyText { text: decode(&expanded, content_type), is_cut })
}

/// The text without its byte order mark, which decides about the character set before `content_type` does.
#[cfg(feature = "bodies")]
fn decode(bytes: &[u8], content_type: &[u8]) -> String {
    charset(content_type).decode(bytes).0.into_owned()
}

#[cfg(not(feature = "bodies"))]
fn decode(bytes: &[u8], _content_type: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned()
}

/// The character set of a `Content-Type`: UTF-8 if it names none, or one that no browser knows.
#[cfg(feature = "bodies")]
fn charset(content_type: &[u8]) -> &'static encoding_rs::Encoding {
    let parameters = content_type.split(|byte| *byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let mut charsets = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_at_checked("charset=".len())?;
        name.eq_ignore_ascii_case(b"charset=").then_some(value)
    });

    let label = charsets.next().unwrap_or_default();
    let label = label.strip_prefix(b"\"").and_then(|label| label.strip_suffix(b"\"")).unwrap_or(label);
    encoding_rs::Encoding::for_label(label).unwrap_or(encoding_rs::UTF_8)
}

/// Expands at most `limit` bytes and one more, which shows that there are more.
#[cfg(feature = "bodies")]
fn expand(coding: &str, bytes: &[u8], limit: usize, is_partial: bool) -> Result<Vec<u8>, BodyError> {
    use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

    match coding {
        // An empty body has no header of its format.
        _ if bytes.is_empty() => Ok(Vec::new()),
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(bytes), limit, is_partial),
        // RFC 9110, 8.4.1.2 means zlib; some servers send the bare format.
        "deflate" => read(ZlibDecoder::new(bytes), limit, is_partial)
            .or_else(|()| read(DeflateDecoder::new(bytes), limit, is_partial)),
        other => return Err(BodyError::Unsupported(other.to_owned())),
    }
    .map_err(|()| BodyError::Broken(coding.to_owned()))
}

#[cfg(not(feature = "bodies"))]
fn expand(coding: &str, _bytes: &[u8], _limit: usize, _is_partial: bool) -> Result<Vec<u8>, BodyError> {
    Err(BodyError::Unsupported(coding.to_owned()))
}

#[cfg(feature = "bodies")]
fn read(decoder: impl std::io::Read, limit: usize, is_partial: bool) -> Result<Vec<u8>, ()> {
    use std::io::{ErrorKind, Read};

    let mut expanded = Vec::new();
    match decoder.take(limit as u64 + 1).read_to_end(&mut expanded) {
        Ok(_) => Ok(expanded),
        Err(error) if is_partial && error.kind() == ErrorKind::UnexpectedEof => Ok(expanded),
        Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8], encoding: &str, kind: &str) -> Result<String, BodyError> {
        text(bytes, encoding.as_bytes(), kind.as_bytes(), 1 << 20, false).map(|body| body.text)
    }

    #[cfg(feature = "bodies")]
    #[test]
    fn character_sets_and_byte_order_marks() {
        for (bytes, kind, expected) in [
            (&b"gr\xc3\xbcn"[..], "text/plain", "grün"),
            (b"gr\xfcn", "text/html; charset=ISO-8859-1", "grün"),
            (b"gr\xfcn", "text/html; level=1; Charset=\"latin1\"", "grün"),
            (b"\x80 5", "text/plain;charset=windows-1252", "€ 5"),
            (b"\xef\xbb\xbfok", "application/json", "ok"),
            (b"\xff\xfeo\0k\0", "", "ok"),
            (b"\xfe\xff\0o\0k", "text/plain; charset=utf-8", "ok"),
            (b"o\0k\0", "text/plain; charset=utf-16le", "ok"),
            (b"\xa5\xac", "text/plain; charset=gb2312", "ガ"),
            (b"ok", "text/plain; charset=", "ok"),
            (b"ok", "text/plain; charset=no-such-set", "ok"),
            (b"a\xffb", "text/plain", "a\u{fffd}b"),
        ] {
            assert_eq!(of(bytes, "", kind).as_deref(), Ok(expected), "{kind} {bytes:?}");
        }
    }

    #[cfg(feature = "bodies")]
    mod compressed {
        use std::io::Write;

        use flate2::Compression;
        use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

        use super::*;

        fn gzip(bytes: &[u8]) -> Vec<u8> {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }

        #[test]
        fn compressed_bodies_are_expanded() {
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
            zlib.write_all(b"ok").unwrap();
            let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
            bare.write_all(b"ok").unwrap();
            let (zlib, bare) = (zlib.finish().unwrap(), bare.finish().unwrap());

            let twice = [gzip(b"o"), gzip(b"k")].concat();
            for (bytes, coding) in [
                (gzip(b"ok"), "gzip"),
                (gzip(b"ok"), "X-GZIP"),
                (gzip(b"ok"), "identity, gzip"),
                (twice, "gzip"),
                (gzip(&zlib), "deflate, gzip"),
                (zlib, "deflate"),
                (bare, "deflate"),
            ] {
                assert_eq!(of(&bytes, coding, "").as_deref(), Ok("ok"), "{coding}");
            }
            assert_eq!(of(b"", "gzip", "").as_deref(), Ok(""), "as a reply to HEAD has it");
            assert_eq!(of(b"ok", "gzip", ""), Err(BodyError::Broken("gzip".into())));
            assert_eq!(of(&gzip(b"ok")[..9], "gzip", ""), Err(BodyError::Broken("gzip".into())));
            assert_eq!(of(b"ok", "br", ""), Err(BodyError::Unsupported("br".into())));
            assert_eq!(of(b"ok", "gzip,gzip,gzip", ""), Err(BodyError::Unsupported("3 layers".into())));
        }

        #[test]
        fn expansion_is_bounded() {
            let bomb = gzip(&vec![b'0'; 32 << 20]);
            assert!(bomb.len() < 64 << 10);
            for (bytes, coding) in [(bomb.clone(), "gzip"), (gzip(&bomb), "gzip, gzip")] {
                let body = text(&bytes, coding.as_bytes(), b"", 1 << 20, false).unwrap();
                assert_eq!((body.text.len(), body.is_cut), (1 << 20, true), "{coding}");
            }

            let half = &bomb[..bomb.len() / 2];
            assert!(text(half, b"gzip", b"", 1 << 20, true).unwrap().text.starts_with("000"));
        }
    }
}
