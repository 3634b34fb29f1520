//! One request and its whole reply, limited in bytes.

use std::io::Read;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

use super::failure::ApiFailure;

/// The maximum size of a reply, uncompressed and compressed. A page of slices with a thousand endpoints each, the maximum of
/// Kubernetes, has 90 MB.
pub(super) const MAX_BYTES: usize = 128 << 20;
const MAX_COMPRESSED: usize = 64 << 20;
/// A list is about this many times as long as its compressed form.
const EXPECTED_RATIO: usize = 8;

/// Sends a request and reads the reply.
///
/// # Errors
/// No reply, a reply above the size limit, or an error reply.
pub(super) async fn exchange(
    client: Client,
    mut request: Request<Vec<u8>>,
    takes_gzip: bool,
) -> Result<Vec<u8>, ApiFailure> {
    if takes_gzip {
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let response = client.send(request.map(Body::from)).await.map_err(|error| ApiFailure::of_client(&error))?;

    let (parts, body) = response.into_parts();
    let is_compressed = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    let body = read(body, if is_compressed { MAX_COMPRESSED } else { MAX_BYTES }).await?;
    let body = if is_compressed { decompress(&body, MAX_BYTES)? } else { body };

    if parts.status.is_success() {
        return Ok(body);
    }
    Err(ApiFailure::of_answer(parts.status.as_u16(), &body, retry_after(&parts.headers)))
}

/// The time after which the server wants to be asked again.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) async fn read(mut body: Body, max: usize) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiFailure::of_client(&kube::Error::Service(error.into())))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > max {
                return Err(ApiFailure::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// Decompresses at most `max` bytes.
fn decompress(compressed: &[u8], max: usize) -> Result<Vec<u8>, ApiFailure> {
    let mut decoder = MultiGzDecoder::new(compressed);
    // `read_to_end` fills the free part of the buffer with zeros before each of its reads.
    let mut bytes = vec![0; (EXPECTED_RATIO * compressed.len()).clamp(1, max + 1)];
    let mut length = 0;

    loop {
        if length == bytes.len() {
            bytes.resize((2 * length).min(max + 1), 0);
        }
        match decoder.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) => return Err(ApiFailure::Malformed(error.to_string())),
        }
    }

    if length > max {
        return Err(ApiFailure::TooLarge);
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn replies_are_decompressed_up_to_their_limit() {
        for text in [vec![], b"abc".to_vec(), b"n".repeat(1 << 20), (0..=u8::MAX).cycle().take(100_000).collect()] {
            assert_eq!(decompress(&gzip(&text), 1 << 20).unwrap(), text);
        }
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decompress(&two, 100).unwrap(), b"one two");

        assert_eq!(decompress(&gzip(b"12345"), 5).unwrap(), b"12345");
        assert!(matches!(decompress(&gzip(b"123456"), 5), Err(ApiFailure::TooLarge)));
        assert!(matches!(decompress(&gzip(&b"n".repeat(1 << 20)), 1_000), Err(ApiFailure::TooLarge)));
        assert!(matches!(decompress(&gzip(b"abc")[..12], 5), Err(ApiFailure::Malformed(_))));
        assert!(matches!(decompress(b"", 5), Err(ApiFailure::Malformed(_))));
    }
}
