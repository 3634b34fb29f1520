//! What a server said, and the question that it may be an answer to.

use crate::model::Transport;

/// What a server said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerBytes<'a> {
    /// Its bytes, from the first of the connection on; one datagram over UDP.
    pub(crate) bytes: &'a [u8],
    /// How it was spoken to.
    pub(crate) transport: Transport,
    /// The word of the protocol whose question this answers; `None`: it greeted.
    pub(crate) to: Option<&'static str>,
    /// Whether nothing more comes.
    pub(crate) ended: bool,
}

impl<'a> ServerBytes<'a> {
    /// Whether the first line has no end: what stands in it may have been cut off in the middle of a word.
    pub(crate) fn is_cut(&self) -> bool {
        !self.bytes.contains(&b'\n')
    }

    /// The first line without its end; `None` as long as it is not whole and more may come.
    pub(crate) fn line(&self) -> Option<&'a [u8]> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        let line = match end {
            Some(end) => &self.bytes[..end],
            None if self.ended => self.bytes,
            None => return None,
        };
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
