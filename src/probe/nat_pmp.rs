//! NAT-PMP (RFC 6886): the request for the external address of a router (3.2), which opens no port.

use std::net::Ipv4Addr;

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct NatPmp;

/// Version 0, operation 0.
const REQUEST: &[u8] = b"\0\0";

impl Probe for NatPmp {
    fn protocol(&self) -> &'static str {
        "nat-pmp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[5351]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_asked = received.transport == Transport::Udp && received.reply_to == Some("nat-pmp");
        if is_asked { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a response: version 0, operation 128, a result, the seconds since its table began, and the address. One that refuses
/// may leave the address out (3.5).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let (&[0, 128, high, low, _, _, _, _], rest) = message.split_first_chunk::<8>()? else { return None };
    let result = u16::from_be_bytes([high, low]);
    let address = <[u8; 4]>::try_from(rest).ok().map(Ipv4Addr::from);
    let is_whole = address.is_some() || (rest.is_empty() && result != 0);
    // 3.5 has five results.
    if !is_whole || result > 5 {
        return None;
    }

    let address = address.filter(|address| result == 0 && !address.is_unspecified()).map(|address| address.to_string());
    let identity = Identity::of("nat-pmp").fact_if("external_address", address);
    Some(identity.fact_if("result_code", Some(result).filter(|result| *result != 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_external_address_is_read() {
        let identity = parse_reply(b"\0\x80\0\0\0\0\x10\0\xc0\0\x02\x01").unwrap();
        assert_eq!(identity.facts["external_address"], "192.0.2.1".into());
        let refused = parse_reply(b"\0\x80\0\x02\0\0\x10\0").unwrap();
        assert_eq!(refused.facts["result_code"], 2.into());
        for other in [REQUEST, b"\0\x80\0\0\0\0\0\0", b"\0\x80\0\x09\0\0\0\0", b"\0\x80\0\0\0\0\0\0\x01\x02"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
