//! PFCP of mobile networks (3GPP TS 29.244): the heartbeat of 7.4.2, which needs no association.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Pfcp;

/// Version 1 without a session: a request of 12 bytes with the number `\0po`, and when this side started (8.2.65).
const REQUEST: &[u8] = b"\x20\x01\0\x0c\0po\0\0\x60\0\x04\xe0\0\0\0";

impl Probe for Pfcp {
    fn protocol(&self) -> &'static str {
        "pfcp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[8805]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a heartbeat response (2), or that the version is not supported (11), with the number of the request (7.2.2).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (flags, kind, length) = (bytes.u8()?, bytes.u8()?, usize::from(bytes.u16()?));
    let is_reply = flags >> 5 == 1 && flags & 1 == 0 && matches!(kind, 2 | 11) && length == bytes.0.len();
    (is_reply && bytes.take(3)? == b"\0po").then(|| Identity::of("pfcp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_number_of_the_request() {
        assert_eq!(REQUEST.len(), 4 + usize::from(REQUEST[3]));
        let reply = b"\x20\x02\0\x0c\0po\0\0\x60\0\x04\xec\xa1\x5b\x20";
        assert!(parse_reply(reply).is_some());
        assert!(parse_reply(b"\x20\x0b\0\x04\0po\0").is_some());
        for other in [REQUEST, &reply[..15], b"\x20\x02\0\x04\0xy\0"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
