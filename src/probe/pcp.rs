//! PCP (RFC 6887): the announcement of 14.1, which asks whether the server has restarted and opens no port.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Pcp;

/// Version 2, operation 0, no lifetime, and no address, which a server may call a mismatch (8.2).
const REQUEST: &[u8] = b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The highest result of 7.4.
const MAX_RESULT: u8 = 13;
const UNSUPPORTED_VERSION: u8 = 1;

impl Probe for Pcp {
    fn protocol(&self) -> &'static str {
        "pcp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[5351]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    /// A server without NAT-PMP refuses the version of its request (9), which is sent to the same port.
    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_asked = received.transport == Transport::Udp && matches!(received.reply_to, Some("pcp" | "nat-pmp"));
        if is_asked { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a response (7.2): the version, operation 128, a result, a lifetime, the seconds since the start, and zeros.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let (&[version, 0x80, _, result], rest) = message.split_first_chunk::<4>()? else { return None };
    let is_known = version == 2 || (version == 1 && result == UNSUPPORTED_VERSION);
    if !is_known || result > MAX_RESULT || rest.len() != REQUEST.len() - 4 || rest[8..].iter().any(|byte| *byte != 0) {
        return None;
    }

    let result = Some(result).filter(|result| *result != 0);
    Some(Identity::of("pcp").fact("pcp_version", version).fact_if("result_code", result))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(result: u8) -> Vec<u8> {
        [&[2, 0x80, 0, result, 0, 0, 0, 30, 0, 0, 0x10, 0][..], &[0; 12]].concat()
    }

    #[test]
    fn a_response_is_read_with_its_result() {
        let identity = parse_reply(&reply(12)).unwrap();
        assert_eq!((&identity.facts["pcp_version"], &identity.facts["result_code"]), (&2.into(), &12.into()));
        assert!(!parse_reply(&reply(0)).unwrap().facts.contains_key("result_code"));
        // What a server of NAT-PMP alone sends (RFC 6886, 3.5).
        for other in [REQUEST, b"\0\x80\0\x01\0\0\x10\0", &reply(14), &reply(0)[..23]] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
