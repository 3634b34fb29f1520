//! TFTP (RFC 1350): a request to read a file that no server has. The server replies from a port of its own, which is that
//! transfer's.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Tftp;

/// RRQ of a file in binary mode.
const READ: &[u8] = b"\0\x01portolan.no-such-file\0octet\0";
/// ERROR and DATA.
const ERROR: &[u8] = b"\0\x05";
const FIRST_BLOCK: &[u8] = b"\0\x03\0\x01";
/// The highest error code of RFC 2347.
const MAX_ERROR: u8 = 8;
/// The longest block without options.
const MAX_BLOCK: usize = 512;

impl Probe for Tftp {
    fn protocol(&self) -> &'static str {
        "tftp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[69]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(READ)
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn replies_from_another_port(&self) -> bool {
        true
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_reply = received.transport == Transport::Udp && received.reply_to == Some("tftp");
        (is_reply && (is_error(received.bytes) || is_first_block(received.bytes))).then(|| Identity::of("tftp"))
    }
}

/// An error with a code of the standard and a text that ends with a NUL.
fn is_error(bytes: &[u8]) -> bool {
    let Some([0, code, text @ .., 0]) = bytes.strip_prefix(ERROR) else { return false };
    *code <= MAX_ERROR && !text.contains(&0)
}

/// The server has such a file after all, or makes it up.
fn is_first_block(bytes: &[u8]) -> bool {
    bytes.strip_prefix(FIRST_BLOCK).is_some_and(|block| block.len() <= MAX_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_tftp(bytes: &[u8], reply_to: Option<&'static str>) -> bool {
        Tftp.recognise(&ServerBytes { bytes, transport: Transport::Udp, reply_to, ended: true }).is_some()
    }

    #[test]
    fn an_error_or_a_block_in_reply_to_a_request_is_tftp() {
        let error = b"\0\x05\0\x01File not found\0";
        assert!(is_tftp(error, Some("tftp")) && is_tftp(b"\0\x03\0\x01data", Some("tftp")));
        assert!(!is_tftp(error, Some("dns")), "only in reply to its own request");
        for other in [&error[..17], b"\0\x05\0\x09no\0", b"\0\x05\0\x01a\0b\0", b"\0\x03\0\x02data", READ, b""] {
            assert!(!is_tftp(other, Some("tftp")), "{other:?}");
        }
    }
}
