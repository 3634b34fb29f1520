//! LIFX (its "LAN protocol"): the request for a lamp's services, which changes nothing.

use super::bytes::{Bytes, hex};
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Lifx;

/// 36 bytes, protocol 1024 to every device, from the source `port`; the message GetService (2). Numbers are little-endian.
const REQUEST: &[u8] = b"\x24\0\0\x34port\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\0\0";
const PROTOCOL: u16 = 1024;
const STATE_SERVICE: u16 = 3;

impl Probe for Lifx {
    fn protocol(&self) -> &'static str {
        "lifx"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[56_700]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses StateService (3) for the source of the request: the device, and one of its services with its port.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (size, protocol, source) = (usize::from(bytes.u16_le()?), bytes.u16_le()?, bytes.take(4)?);
    let (device, _rest, kind) = (bytes.take(8)?, bytes.take(16)?, bytes.u16_le()?);
    let is_reply = size == message.len() && protocol & 0xfff == PROTOCOL && source == b"port" && kind == STATE_SERVICE;
    // The last two bytes of a device are zeros.
    is_reply.then(|| Identity::of("lifx").fact("mac", hex(&device[..6])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_read() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[0]));
        let reply = b"\x29\0\0\x14port\xd0\x73\xd5\x01\x02\x03\0\0LIFXV2\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01\x7c\xdd\0\0";
        assert_eq!(reply.len(), usize::from(reply[0]));
        assert_eq!(parse_reply(reply).unwrap().facts["mac"], "d073d5010203".into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..40])), (None, None));
    }
}
