//! How much memory the bodies of all requests may take until they are answered: thousands of clients with slow, long bodies
//! must not use up that of the machine.

use std::sync::{Arc, OnceLock};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::api_error::{ApiError, ApiResult};

/// The KiB of all bodies together: 256 of the longest ones.
const MAX_KIB: usize = 256 * 1024;
/// Shorter bodies are not counted: all connections together have little more room for them than for their heads.
const SMALL_BYTES: u64 = 8 * 1024;

/// The room for bodies, which all requests share.
#[derive(Clone, Debug)]
pub(super) struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB)))
    }

    /// What a request with these headers needs to take room, as an extension of it; `None` if its body is short.
    pub(super) fn of_request(&self, headers: &HeaderMap) -> Option<RequestRoom> {
        let is_long = announced(headers).is_none_or(|length| length > SMALL_BYTES);
        is_long.then(|| RequestRoom { all: Arc::clone(&self.0), taken: Arc::default() })
    }
}

/// The room of one request. What it takes is given back when its last copy is gone: the reply has one until it is sent, or
/// its client has left.
#[derive(Clone, Debug)]
pub(super) struct RequestRoom {
    all: Arc<Semaphore>,
    taken: Arc<OnceLock<OwnedSemaphorePermit>>,
}

impl RequestRoom {
    /// Takes room for the body of a request. `max`: the most bytes that are read of it.
    ///
    /// # Errors
    /// 503: the bodies of other requests take it.
    pub(super) fn take(extensions: &Extensions, headers: &HeaderMap, max: usize) -> ApiResult<()> {
        let bytes = announced(headers).map_or(max as u64, |length| length.min(max as u64));
        let Some(Self { all, taken }) = extensions.get::<Self>().filter(|_| bytes > SMALL_BYTES) else { return Ok(()) };

        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(all).try_acquire_many_owned(kib).map_err(|_| {
            ApiError::unavailable("too_many_bodies", "the bodies of other requests use up the room for them")
        })?;
        // A body is received once.
        let _ = taken.set(permit);
        Ok(())
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

    /// The headers of a request with this one.
    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    /// Takes room as a request does; what the reply holds.
    fn take(room: &BodyRoom, headers: &HeaderMap, max: usize) -> ApiResult<Option<RequestRoom>> {
        let of_request = room.of_request(headers);
        let mut extensions = Extensions::new();
        if let Some(room) = &of_request {
            extensions.insert(room.clone());
        }
        RequestRoom::take(&extensions, headers, max).map(|()| of_request)
    }

    #[test]
    fn long_bodies_share_room_until_they_are_answered_and_short_ones_need_none() {
        let room = BodyRoom::new();
        let (long, short) = (with("content-length", "1048576"), with("content-length", "8192"));
        let chunked = with("transfer-encoding", "chunked");

        let mut held: Vec<_> = (0..255).map(|_| take(&room, &long, 1 << 20).unwrap().unwrap()).collect();
        held.push(take(&room, &chunked, 1 << 20).unwrap().unwrap());
        assert_eq!(take(&room, &long, 1 << 20).unwrap_err().code, "too_many_bodies");
        assert!(take(&room, &chunked, 1 << 20).is_err() && take(&room, &long, 1 << 16).is_err());
        for headers in [&short, &HeaderMap::new(), &with("content-length", "x")] {
            assert!(take(&room, headers, 1 << 20).unwrap().is_none());
        }
        held.pop();
        assert!(take(&room, &long, 1 << 20).unwrap().is_some());
    }
}
