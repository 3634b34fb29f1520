//! BACnet/IP (ANSI/ASHRAE 135): the request for one property of a device (15.5), its vendor's name, which changes nothing.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Bacnet;

/// A unicast of 17 bytes (annex J), a message of the network that expects a reply (6.2), and ReadProperty with the number 112
/// (20.1.2): of device 4194303, which stands for any (12.11), property 121.
const REQUEST: &[u8] = b"\x81\x0a\0\x11\x01\x04\0\x05\x70\x0c\x0c\x02\x3f\xff\xff\x19\x79";
const NUMBER: u8 = 0x70;
const READ_PROPERTY: u8 = 12;

impl Probe for Bacnet {
    fn protocol(&self) -> &'static str {
        "bacnet"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[47_808]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses what belongs to the request (20.1): the property, an error, a rejection or an abortion.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (&[0x81, 0x0a | 0x0b], length) = (bytes.take(2)?, bytes.u16()?) else { return None };
    if usize::from(length) != message.len() {
        return None;
    }

    skip_network_layer(&mut bytes)?;
    let (kind, number) = (bytes.u8()? >> 4, bytes.u8()?);
    let identity = Identity::of("bacnet");
    match (number, kind) {
        (NUMBER, 3) if bytes.u8()? == READ_PROPERTY => Some(identity.fact_if("vendor", property(bytes))),
        (NUMBER, 5) if bytes.u8()? == READ_PROPERTY => Some(identity),
        (NUMBER, 6 | 7) if bytes.0.len() == 1 => Some(identity),
        _ => None,
    }
}

/// Skips version 1, the control octet, and the networks and addresses that it announces (6.2.2).
fn skip_network_layer(bytes: &mut Bytes<'_>) -> Option<()> {
    let (1, control) = (bytes.u8()?, bytes.u8()?) else { return None };
    let (has_destination, has_source) = (control & 0x20 != 0, control & 0x08 != 0);
    if control & 0x80 != 0 {
        return None;
    }

    for _ in 0..usize::from(has_destination) + usize::from(has_source) {
        bytes.take(2)?;
        bytes.short_text()?;
    }
    bytes.take(usize::from(has_destination)).map(drop)
}

/// The text of the property, behind the object and the property's number (20.2): a tag, its length, and UTF-8 (0).
fn property(mut bytes: Bytes<'_>) -> Option<Untrusted> {
    bytes.take(5)?;
    if bytes.take(3)? != b"\x19\x79\x3e" {
        return None;
    }

    let length = match bytes.u8()? {
        0x75 => bytes.u8()?,
        tag @ 0x71..=0x74 => tag & 7,
        _ => return None,
    };
    let text = bytes.take(length.into())?;
    text.strip_prefix(b"\0").map(Untrusted::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_is_read() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[3]));
        let reply = b"\x81\x0a\0\x1d\x01\0\x30\x70\x0c\x0c\x02\0\0\x07\x19\x79\x3e\x75\x09\0Harbours\x3f";
        assert_eq!(parse_reply(reply).unwrap().facts["vendor"], "Harbours".into());

        // From another network, 5, whose address there is 1: an error of class 1 and code 31.
        let error = b"\x81\x0a\0\x11\x01\x08\0\x05\x01\x01\x50\x70\x0c\x91\x01\x91\x1f";
        assert!(parse_reply(error).unwrap().facts.is_empty());
        assert!(parse_reply(b"\x81\x0a\0\x09\x01\0\x60\x70\x09").is_some());
        for other in [REQUEST, &reply[..20], b"\x81\0\0\x06\0\x30", b"\x81\x0a\0\x09\x01\0\x60\x71\x09"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
