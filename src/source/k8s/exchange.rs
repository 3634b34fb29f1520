//! One request and its whole reply, limited in bytes.

use std::io::Read;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

use super::failure::ApiFailure;

/// The maximum size of a reply, uncompressed and compressed. A page of slices with a thousand endpoints each, the maximum of
/// Kubernetes, has 90 MB.
pub(super) const MAX_BYTES: usize = 128 << 20;
const MAX_COMPRESSED: usize = 64 << 20;

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
    let body = if is_compressed { decompress(&body)? } else { body };

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

fn decompress(compressed: &[u8]) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(compressed).take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() > MAX_BYTES => Err(ApiFailure::TooLarge),
        Ok(_) => Ok(bytes),
        Err(error) => Err(ApiFailure::Malformed(error.to_string())),
    }
}
