//! CoAP (RFC 7252): the ping of 4.3, an empty confirmable message, which every endpoint answers with a reset.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Coap;

/// Version 1, confirmable, no token, code 0.00, message id `po`.
const PING: &[u8] = b"\x40\0po";

impl Probe for Coap {
    fn protocol(&self) -> &'static str {
        "coap"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[5683]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_reset = received.transport == Transport::Udp && received.bytes == b"\x70\0po";
        is_reset.then(|| Identity::of("coap"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> ServerBytes<'_> {
        ServerBytes { bytes, transport: Transport::Udp, reply_to: Some("coap"), ended: true }
    }

    #[test]
    fn a_reset_of_the_ping_is_coap() {
        assert!(Coap.recognise(&received(b"\x70\0po")).is_some());
        assert_eq!((Coap.recognise(&received(PING)), Coap.recognise(&received(b"\x70\0pop"))), (None, None));
    }
}
