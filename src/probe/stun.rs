//! STUN (RFC 8489): a binding request, to which a server replies with the address it sees.

use super::bytes::Bytes;
use super::words::product_and_version;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Stun;

/// A binding request without attributes: the magic cookie, and a transaction id.
const REQUEST: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42portolanstun";
const SOFTWARE: u16 = 0x8022;
/// The most attributes that are read.
const MAX_ATTRIBUTES: usize = 32;

impl Probe for Stun {
    fn protocol(&self) -> &'static str {
        "stun"
    }

    fn ports(&self) -> &'static [u16] {
        &[3478]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[5349]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[3478, 19302]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(REQUEST.to_vec())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        parse_reply(received.bytes)
    }
}

/// Parses a binding response, successful or not, to the request (5, 6.3).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let kind = bytes.u16()?;
    let length = usize::from(bytes.u16()?);
    if !matches!(kind, 0x0101 | 0x0111) || bytes.take(16)? != &REQUEST[4..] {
        return None;
    }

    let identity = Identity::of("stun");
    let Some(software) = software(Bytes(bytes.take(length)?)) else { return Some(identity) };
    let identity = identity.fact("software", Untrusted::from_bytes(software));
    Some(match product_and_version(software) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity,
    })
}

/// The attribute SOFTWARE (14.14).
fn software(mut attributes: Bytes<'_>) -> Option<&[u8]> {
    for _ in 0..MAX_ATTRIBUTES {
        let (kind, length) = (attributes.u16()?, usize::from(attributes.u16()?));
        let value = attributes.take(length)?;
        if kind == SOFTWARE {
            return Some(value.trim_ascii_end());
        }
        attributes.take(length.next_multiple_of(4) - length)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_software_is_read() {
        // The attributes of the response in RFC 5769, 2.2, with the name of a server.
        let address = b"\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43";
        let body = [&address[..], b"\x80\x22\0\x0cCoturn-4.6.1"].concat();
        let mut reply = vec![1, 1, 0, u8::try_from(body.len()).unwrap()];
        reply.extend_from_slice(&REQUEST[4..]);
        reply.extend_from_slice(&body);
        let identity = parse_reply(&reply).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Coturn".into()), Some("4.6.1".into())));
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..19])), (None, None));
    }
}
