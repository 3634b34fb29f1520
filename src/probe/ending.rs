//! How a conversation ended, and the identity of a server that no probe recognises.

use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::ConnectionError;

/// The fact that a conversation did not end in order: `timeout`, `reset`, `too-long` or `closed`.
pub(super) const ENDED: &str = "ended";
/// The fact that some connections failed or got different replies.
pub(crate) const UNSTABLE: &str = "unstable";
/// The protocol of a server that sends back what it receives (RFC 862), whatever that is.
pub(super) const ECHO: &str = "echo";
/// The length of an unrecognised first line that is kept.
const MAX_LINE: usize = 256;

/// The identity of a server that no probe recognises.
pub(super) fn unrecognised(bytes: &[u8], error: Option<&ConnectionError>) -> Identity {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let banner = (!line.is_empty()).then(|| Untrusted::from_bytes(&line[..line.len().min(MAX_LINE)]));
    Identity { banner, ..Identity::default() }.fact(ENDED, error.map_or("timeout", ending))
}

/// The value of the fact [`ENDED`].
pub(super) fn ending(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::TimedOut => "timeout",
        ConnectionError::Reset => "reset",
        ConnectionError::TooLong => "too-long",
        _ => "closed",
    }
}
