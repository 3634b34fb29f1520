//! How much memory the bodies of all requests may take while they are received: thousands of clients with slow, long bodies
//! must not use up that of the machine.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::api_error::{ApiError, ApiResult};

/// The KiB of all bodies together: 256 of the longest ones.
const MAX_KIB: usize = 256 * 1024;
/// Shorter bodies are not counted: all connections together have little more room for them than for their heads.
const SMALL_BYTES: u64 = 8 * 1024;

/// The room for bodies, as an extension of each request.
#[derive(Clone, Debug)]
pub(super) struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB)))
    }

    /// Room for the body of a request, until it is dropped. `max`: the most bytes that are read of it.
    ///
    /// # Errors
    /// 503: the bodies of other requests take it.
    pub(super) fn take(
        extensions: &Extensions,
        headers: &HeaderMap,
        max: usize,
    ) -> ApiResult<Option<OwnedSemaphorePermit>> {
        let bytes = announced(headers).map_or(max as u64, |length| length.min(max as u64));
        let Some(Self(room)) = extensions.get::<Self>().filter(|_| bytes > SMALL_BYTES) else { return Ok(None) };

        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Arc::clone(room).try_acquire_many_owned(kib).map(Some).map_err(|_| {
            ApiError::unavailable("too_many_bodies", "the bodies of other requests use up the room for them")
        })
    }
}

/// The length of a body; `None` if it is sent in chunks.
fn announced(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    Some(headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bodies_share_room_and_short_ones_need_none() {
        let mut extensions = Extensions::new();
        extensions.insert(BodyRoom::new());
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let (long, short) = (of("content-length", "1048576"), of("content-length", "8192"));
        let chunked = of("transfer-encoding", "chunked");
        let take = |headers: &HeaderMap, max| BodyRoom::take(&extensions, headers, max);

        let mut held: Vec<_> = (0..255).map(|_| take(&long, 1 << 20).unwrap().unwrap()).collect();
        held.push(take(&chunked, 1 << 20).unwrap().unwrap());
        assert_eq!(take(&long, 1 << 20).unwrap_err().code, "too_many_bodies");
        assert!(take(&chunked, 1 << 20).is_err() && take(&long, 1 << 16).is_err());
        for headers in [&short, &HeaderMap::new(), &of("content-length", "x")] {
            assert!(take(headers, 1 << 20).unwrap().is_none());
        }
        held.pop();
        assert!(take(&long, 1 << 20).unwrap().is_some());
    }
}
