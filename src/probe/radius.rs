//! RADIUS (RFC 2865): a request without a user name and a password, which logs no one in. A server that knows this client
//! refuses it, and others drop it silently (3).

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Radius;

/// Access-Request with identifier 112, 30 bytes: an authenticator, and NAS-Identifier (5.32).
const REQUEST: &[u8] = b"\x01\x70\0\x1eportolan-request\x20\x0aportolan";
const HEADER: usize = 20;

impl Probe for Radius {
    fn protocol(&self) -> &'static str {
        "radius"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[1812, 1645]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses Access-Accept, Access-Reject and Access-Challenge with the identifier of the request (3): a length, an
/// authenticator, and attributes that fill the rest.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let (&[code, 0x70, high, low], _) = message.split_first_chunk::<4>()? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let mut attributes = message.get(HEADER..)?;
    while let [_, size, ..] = *attributes {
        attributes = attributes.get(usize::from(size).max(2)..)?;
    }

    let reply = match code {
        2 => "accept",
        3 => "reject",
        11 => "challenge",
        _ => return None,
    };
    (length == message.len() && attributes.is_empty()).then(|| Identity::of("radius").fact("reply", reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_identifier_of_the_request() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[3]));
        let reject = b"\x03\x70\0\x18AAAAAAAAAAAAAAAA\x12\x04no";
        assert_eq!(parse_reply(reject).unwrap().facts["reply"], "reject".into());
        let other = b"\x03\x71\0\x14AAAAAAAAAAAAAAAA";
        assert_eq!((parse_reply(REQUEST), parse_reply(&reject[..22]), parse_reply(other)), (None, None, None));
    }
}
