//! STAMP (RFC 8762): one packet of a measurement, which a reflector sends back with its own times. TWAMP Light is the same
//! (RFC 5357, appendix I).

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Stamp;

/// An unauthenticated packet (4.2.1) of 44 bytes: its number, the time, how wrong that may be, and zeros.
const PACKET: &[u8] = b"portolan-1\0\0\x80\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Where a reflector repeats the number and the time (4.3.1).
const REPEATED: std::ops::Range<usize> = 24..36;

impl Probe for Stamp {
    fn protocol(&self) -> &'static str {
        "stamp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[862]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PACKET)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_reflected = received.transport == Transport::Udp && received.bytes.get(REPEATED) == Some(&PACKET[..12]);
        (is_reflected && received.bytes.len() >= PACKET.len()).then(|| Identity::of("stamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> ServerBytes<'_> {
        ServerBytes { bytes, transport: Transport::Udp, reply_to: Some("stamp"), ended: true }
    }

    #[test]
    fn a_reflector_repeats_the_number_and_the_time() {
        assert_eq!(PACKET.len(), 44);
        let times = b"port\xec\xa1\x5b\x20\0\0\0\0\x80\x01\0\0\xec\xa1\x5b\x20\0\0\0\0";
        let reply = [times, &PACKET[..12], b"\x80\x01\0\0\x40\0\0\0"].concat();
        assert!(Stamp.recognise(&received(&reply)).is_some());
        assert_eq!((Stamp.recognise(&received(PACKET)), Stamp.recognise(&received(&reply[..43]))), (None, None));
    }
}
