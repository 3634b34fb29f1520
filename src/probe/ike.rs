//! IKE, the key exchange of IPsec (RFC 7296): a message of a version that no server has, to which a server replies with the
//! version it has (2.5), and without any state.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Ike;

/// A header of version 3: the initiator's cookie, no responder's, no payload, exchange 34, the initiator's flag, length 28.
const HEADER: &[u8] = b"portolan\0\0\0\0\0\0\0\0\0\x30\x22\x08\0\0\0\0\0\0\0\x1c";
/// A message on port 4500 that is not ESP begins with four zeros (RFC 3948, 2.2).
const MARKER: &[u8] = &[0; 4];
/// The same behind it.
const MARKED_HEADER: &[u8] = b"\0\0\0\0portolan\0\0\0\0\0\0\0\0\0\x30\x22\x08\0\0\0\0\0\0\0\x1c";
/// The port of a peer behind a router that translates addresses.
const NAT_PORT: u16 = 4500;

impl Probe for Ike {
    fn protocol(&self) -> &'static str {
        "ike"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[500, NAT_PORT]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(HEADER)
    }

    fn udp_payload_at(&self, port: u16) -> Option<&'static [u8]> {
        Some(if port == NAT_PORT { MARKED_HEADER } else { HEADER })
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Udp {
            return None;
        }
        parse_reply(received.bytes.strip_prefix(MARKER).unwrap_or(received.bytes))
    }
}

/// Parses the header of a reply to the message (RFC 7296, 3.1; RFC 2408, 3.1 for version 1).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    if bytes.take(8)? != b"portolan" {
        return None;
    }

    bytes.take(9)?;
    let (version, exchange, flags) = (bytes.u8()?, bytes.u8()?, bytes.u8()?);
    bytes.take(4)?;
    let (major, length) = (version >> 4, bytes.u32()?);
    let is_reply = match major {
        2 => flags & 0x20 != 0 && (34..=39).contains(&exchange),
        // The informational exchange.
        1 => exchange == 5,
        _ => false,
    };
    let is_whole = usize::try_from(length).is_ok_and(|length| length == message.len());
    (is_reply && is_whole).then(|| Identity::of("ike").fact("ike_version", format!("{major}.{}", version & 15)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        // The notification INVALID_MAJOR_VERSION of RFC 7296, 2.5 and 3.10.1.
        let reply = b"portolan\0\0\0\0\0\0\0\0\x29\x20\x22\x20\0\0\0\0\0\0\0\x24\0\0\0\x08\0\0\0\x05";
        assert_eq!(parse_reply(reply).unwrap().facts["ike_version"], "2.0".into());
        assert_eq!((parse_reply(HEADER), parse_reply(&reply[..30])), (None, None));
        assert_eq!(Ike.udp_payload_at(4500).unwrap().strip_prefix(MARKER), Ike.udp_payload_at(500));
    }
}
