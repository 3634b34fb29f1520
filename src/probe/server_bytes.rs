//! The bytes that a server sent, and the request that they may reply to.

use crate::model::Transport;

/// The bytes that a server sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerBytes<'a> {
    /// Everything since the start of the connection; one datagram over UDP.
    pub(crate) bytes: &'a [u8],
    pub(crate) transport: Transport,
    /// The protocol whose request the bytes reply to; `None` for a greeting.
    pub(crate) reply_to: Option<&'static str>,
    /// Whether no more bytes will come.
    pub(crate) ended: bool,
}

impl<'a> ServerBytes<'a> {
    /// Whether the first line has no end, so that its last word may be cut off.
    pub(crate) fn is_cut(&self) -> bool {
        !self.bytes.contains(&b'\n')
    }

    /// The first line without its end; `None` while it is incomplete and more bytes may come.
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
