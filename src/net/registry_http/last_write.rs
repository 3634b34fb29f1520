//! What a client wrote last, so that it reads its own writes whichever server of a cluster its next request reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, Method};

/// The index that a reply is true for.
const INDEX: HeaderName = HeaderName::from_static("x-portolan-index");
/// The index that a reply has to show: a server that is behind waits for it, up to 2 s.
pub(super) const MIN_INDEX: HeaderName = HeaderName::from_static("x-portolan-min-index");

/// The index of the last write of a client to a registry of portolan's own. Clones share it.
///
/// A read through a load balancer may reach a server that has not seen the write yet; it waits until it has.
#[derive(Clone, Debug, Default)]
pub struct LastWrite(Arc<AtomicU64>);

impl LastWrite {
    /// The index that a request has to ask for. `None`: nothing was written, or the request writes.
    pub(super) fn min_index(&self, method: &Method) -> Option<u64> {
        let index = self.0.load(Ordering::Relaxed);
        (index > 0 && method == Method::GET).then_some(index)
    }

    /// Takes note of the reply to a request, which asked for this index.
    ///
    /// A reply that is behind it means that the server waited in vain: it is cut off, or the database lost the write with its
    /// own failure. Later reads do not wait for the same again. What was written since the request was sent stays.
    pub(super) fn take_note(&self, method: &Method, asked: Option<u64>, reply: &HeaderMap) {
        let index = reply.get(INDEX).and_then(|index| index.to_str().ok()?.parse::<u64>().ok());
        let Some(index) = index else { return };
        if method != Method::GET {
            self.0.fetch_max(index, Ordering::Relaxed);
        } else if let Some(asked) = asked.filter(|asked| index < *asked) {
            let _ = self.0.compare_exchange(asked, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn reply(index: u64) -> HeaderMap {
        HeaderMap::from_iter([(INDEX, HeaderValue::from(index))])
    }

    fn asked(last: &LastWrite) -> Option<u64> {
        last.min_index(&Method::GET)
    }

    #[test]
    fn reads_ask_for_the_last_write_of_all_clones() {
        let last = LastWrite::default();
        let writer = last.clone();
        writer.take_note(&Method::GET, None, &reply(9));
        assert_eq!(asked(&last), None, "what was read needs no waiting");
        writer.take_note(&Method::POST, None, &reply(7));
        writer.take_note(&Method::PUT, None, &reply(5));
        writer.take_note(&Method::PUT, None, &HeaderMap::new());
        assert_eq!(asked(&last), Some(7));
        assert_eq!(last.min_index(&Method::POST), None, "a write waits for nothing");
    }

    #[test]
    fn a_server_that_waited_in_vain_is_not_asked_again() {
        let last = LastWrite::default();
        last.take_note(&Method::POST, None, &reply(7));
        last.take_note(&Method::GET, Some(7), &reply(7));
        assert_eq!(asked(&last), Some(7));
        last.take_note(&Method::GET, Some(7), &reply(6));
        assert_eq!(asked(&last), None);
        last.take_note(&Method::DELETE, None, &reply(8));
        assert_eq!(asked(&last), Some(8));
    }

    /// Its server did not have to wait for what was written while it replied.
    #[test]
    fn a_read_that_began_before_a_write_does_not_end_the_waiting_for_it() {
        let last = LastWrite::default();
        last.take_note(&Method::POST, None, &reply(7));
        last.take_note(&Method::GET, None, &reply(6));
        assert_eq!(asked(&last), Some(7), "nothing was written when it was sent");
        last.take_note(&Method::PUT, None, &reply(9));
        last.take_note(&Method::GET, Some(7), &reply(6));
        assert_eq!(asked(&last), Some(9));
    }
}
