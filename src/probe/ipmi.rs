//! IPMI's transport, RMCP (DSP0136, 3.2.4): the presence ping of ASF, to which a management controller replies with a pong.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Ipmi;

/// RMCP version 6 without acknowledgement, class ASF; IANA's number 4542, presence ping, tag 112, no data.
const PING: &[u8] = b"\x06\0\xff\x06\0\0\x11\xbe\x80\x70\0\0";

impl Probe for Ipmi {
    fn protocol(&self) -> &'static str {
        "ipmi"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[623]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a presence pong (3.2.4.3).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let rest = message.strip_prefix(b"\x06\0\xff\x06\0\0\x11\xbe\x40\x70\0\x10")?;
    // IANA's number of the vendor, its own data, and the supported entities: the top bit is IPMI.
    let [a, b, c, d, _, _, _, _, entities, ..] = *rest else { return None };
    let enterprise = u32::from_be_bytes([a, b, c, d]);
    Some(Identity::of("ipmi").fact("enterprise", enterprise).fact("ipmi_supported", entities & 0x80 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_is_read() {
        let pong = b"\x06\0\xff\x06\0\0\x11\xbe\x40\x70\0\x10\0\0\x11\xbe\0\0\0\0\x81\0\0\0\0\0\0\0";
        let identity = parse_reply(pong).unwrap();
        assert_eq!((&identity.facts["enterprise"], &identity.facts["ipmi_supported"]), (&4542.into(), &true.into()));
        assert_eq!((parse_reply(PING), parse_reply(&pong[..18])), (None, None));
    }
}
