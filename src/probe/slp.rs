//! SLP (RFC 2608): the request for the types of services (10.1), to which an agent replies with those that it advertises.

use super::bytes::Bytes;
use super::words::list;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Slp;

/// A header (8) of version 2 and function 9, with the number `po` and the language `en`. Then (10.1) no previous responder,
/// every naming authority, and the scope `DEFAULT`.
const REQUEST: &[u8] = b"\x02\x09\0\0\x1d\0\0\0\0\0po\0\x02en\0\0\xff\xff\0\x07DEFAULT";
const REPLY: u8 = 10;

impl Probe for Slp {
    fn protocol(&self) -> &'static str {
        "slp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[427]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a reply with the number of the request (8, 10.2): an error, and the types with commas between them.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (&[2, REPLY], length) = (bytes.take(2)?, bytes.take(3)?) else { return None };
    let length = u32::from_be_bytes([0, length[0], length[1], length[2]]);
    // Flags, and where an extension begins.
    bytes.take(2 + 3)?;
    if usize::try_from(length).ok()? != message.len() || bytes.take(2)? != b"po" {
        return None;
    }

    let (_language, error) = (bytes.text()?, bytes.u16()?);
    let types = bytes.text().unwrap_or_default();
    let types = list(types.split(|byte| *byte == b','));
    let error = Some(error).filter(|error| *error != 0);
    Some(Identity::of("slp").fact_if("service_types", types).fact_if("error_code", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::Untrusted;

    #[test]
    fn the_types_are_read() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[4]));
        let types = b"service:ntp,service:ipp";
        let reply = [&b"\x02\x0a\0\0\x2b\0\0\0\0\0po\0\x02en\0\0\0\x17"[..], types].concat();
        assert_eq!(reply.len(), usize::from(reply[4]));
        let identity = parse_reply(&reply).unwrap();
        assert_eq!(
            identity.facts["service_types"],
            ["service:ntp", "service:ipp"].map(Untrusted::from).to_vec().into()
        );

        let refused = b"\x02\x0a\0\0\x12\0\0\0\0\0po\0\x02en\0\x04";
        assert_eq!(parse_reply(refused).unwrap().facts["error_code"], 4.into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..20])), (None, None));
    }
}
