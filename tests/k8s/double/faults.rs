//! Faults on demand.

use std::time::Duration;

use bytes::Bytes;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// By a reset.
    Reset,
    /// By closing it without TLS's close_notify.
    Fin,
}

/// The fault of a request, instead of its reply or in the middle of it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No fault: for the first requests before a later fault.
    Nothing,
    /// This status, with a `Status` object of this reason and message.
    Status(u16, &'static str, &'static str),
    /// 429 as the server's own protection says it: plain text and `Retry-After: 1`.
    TooManyRequests,
    /// 504, the requested version is not there yet.
    VersionTooLarge,
    /// 404 as for an unknown API group.
    NoSuchResource,
    /// No reply, and the connection stays open.
    Stall,
    /// N bytes of the body, then nothing, and the connection stays open.
    StallAfter(usize),
    /// N bytes of the body, then the end of the connection.
    CutAfter(usize, StopReason),
    /// The body is not JSON.
    Malformed,
    /// The body has no end, and no line end.
    Endless,
    /// A small body that decompresses to a huge one.
    Bomb,
}

/// The faults that are still pending.
#[derive(Default)]
pub struct Faults {
    waiting: Vec<(String, usize, Fault)>,
}

impl Faults {
    /// Applies to the next `times` requests whose path and query contain `part`.
    pub fn add(&mut self, part: &str, times: usize, fault: Fault) {
        self.waiting.push((part.to_owned(), times, fault));
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    pub fn take(&mut self, asked: &str) -> Option<Fault> {
        let at = self.waiting.iter().position(|(part, left, _)| *left > 0 && asked.contains(part.as_str()))?;
        let (_, left, fault) = &mut self.waiting[at];
        *left -= 1;
        Some(fault.clone()).filter(|fault| !matches!(fault, Fault::Nothing))
    }
}

/// What is left of the way to an end in the middle: the server has gone silent for so long when it is cut off, so that
/// what it said before is on its way.
pub const LAST_WORDS: Duration = Duration::from_millis(20);

/// The first bytes of a text.
pub fn first(text: &Bytes, count: usize) -> Bytes {
    text.slice(..count.min(text.len()))
}
