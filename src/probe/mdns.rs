//! mDNS (RFC 6762): a query for the kinds of service (RFC 6763, 9), sent to one host as a legacy resolver does (6.7).

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Mdns;

/// `_services._dns-sd._udp.local PTR IN` with the id `po`.
const QUERY: &[u8] = b"po\0\0\0\x01\0\0\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01";
/// The offset of the question.
const HEADER: usize = 12;

impl Probe for Mdns {
    fn protocol(&self) -> &'static str {
        "mdns"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[5353]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a legacy response: it repeats the id and the question, and is authoritative.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (id, flags, questions, answers) = (bytes.take(2)?, bytes.u16()?, bytes.u16()?, bytes.u16()?);
    bytes.take(4)?;
    // Responses are authoritative, and their code is 0 (18.2 to 18.11).
    if id != b"po" || flags & 0xfc0f != 0x8400 || questions > 1 || answers == 0 {
        return None;
    }

    let question = &QUERY[HEADER..];
    let names_it = bytes.take(question.len())?;
    let is_question = names_it.eq_ignore_ascii_case(question);
    // Without a question, the answer begins with the same name and type.
    (is_question || questions == 0).then_some(())?;
    names_it[..question.len() - 2]
        .eq_ignore_ascii_case(&question[..question.len() - 2])
        .then(|| Identity::of("mdns").fact("service_types", answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_replies_to_the_query_count() {
        let answer = b"\xc0\x0c\0\x0c\0\x01\0\0\0\x0a\0\x0c\x05_http\x04_tcp\xc0\x23";
        let reply = [b"po\x84\0\0\x01\0\x01\0\0\0\0", &QUERY[HEADER..], answer].concat();
        assert_eq!(parse_reply(&reply).unwrap().facts["service_types"], 1.into());
        assert_eq!((parse_reply(QUERY), parse_reply(&reply[..20])), (None, None));
    }
}
