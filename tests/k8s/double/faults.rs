//! What goes wrong on demand.

use std::time::Duration;

use bytes::Bytes;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// By a reset.
    Reset,
    /// By its plain end, without TLS's goodbye.
    Fin,
}

/// What a request meets instead of its answer, or in the middle of it.
#[derive(Clone, Debug)]
pub enum Fault {
    /// All goes well: for the first of those that meet something else later.
    Nothing,
    /// This status, with a `Status` object of this reason and message.
    Status(u16, &'static str, &'static str),
    /// 429 as the server's own protection says it: plain text and `Retry-After: 1`.
    TooManyRequests,
    /// 504, the asked version is not there yet.
    VersionTooLarge,
    /// 404 as for a group of APIs that this server never heard of.
    NoSuchResource,
    /// No answer at all, and the connection stays.
    Stall,
    /// So many bytes of the answer's body, then nothing, and the connection stays.
    StallAfter(usize),
    /// So many bytes of the answer's body, then the end of the connection.
    CutAfter(usize, StopReason),
    /// What comes is no JSON.
    Malformed,
    /// What comes has no end, and no line's end.
    Endless,
    /// A body that becomes larger than anything, once it is unpacked.
    Bomb,
}

/// The faults that wait for their requests.
#[derive(Default)]
pub struct Faults {
    waiting: Vec<(String, usize, Fault)>,
}

impl Faults {
    /// The next `times` requests whose path and query hold `part` meet this.
    pub fn add(&mut self, part: &str, times: usize, fault: Fault) {
        self.waiting.push((part.to_owned(), times, fault));
    }

    /// From now on everything goes well.
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
