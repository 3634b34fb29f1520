//! IAX2 (RFC 5456): the POKE of 6.7.1, which asks whether a peer is there and begins no call.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Iax2;

/// A full frame (8.1.1) from call 1 to none, with the time 112: an IAX control frame (6), POKE (30).
const POKE: &[u8] = b"\x80\x01\0\0\0\0\0\x70\0\0\x06\x1e";
const CONTROL: u8 = 6;

impl Probe for Iax2 {
    fn protocol(&self) -> &'static str {
        "iax2"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[4569]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(POKE)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a full frame to call 1 with the time of the POKE: PONG (3), ACK (4), REJECT (6) or INVAL (10).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (source, destination, time) = (bytes.u16()?, bytes.u16()?, bytes.u32()?);
    let (_sent, _received, kind, subclass) = (bytes.u8()?, bytes.u8()?, bytes.u8()?, bytes.u8()?);
    let is_reply = source & 0x8000 != 0 && destination & 0x7fff == 1 && time == 0x70 && kind == CONTROL;
    (is_reply && matches!(subclass, 3 | 4 | 6 | 10)).then(|| Identity::of("iax2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_to_the_call_and_its_time() {
        let pong = b"\x80\x05\0\x01\0\0\0\x70\0\x01\x06\x03";
        assert!(parse_reply(pong).is_some());
        for other in
            [POKE, &pong[..11], b"\x80\x05\0\x02\0\0\0\x70\0\x01\x06\x03", b"\0\x05\0\x01\0\0\0\x70\0\x01\x06\x03"]
        {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
