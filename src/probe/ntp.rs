//! NTP (RFC 5905): a client request, to which a server replies with its time.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Ntp;

/// Version 4, mode 3 (client), and a transmit timestamp that the reply must repeat.
const QUERY: &[u8] = b"\xe3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0portolan";

impl Probe for Ntp {
    fn protocol(&self) -> &'static str {
        "ntp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[123]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn udp_likelihood(&self) -> u8 {
        5
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a server's reply (mode 4) to this request, identified by the origin timestamp.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (first, stratum) = (bytes.u8()?, bytes.u8()?);
    bytes.take(10)?;
    let reference = bytes.take(4)?;
    bytes.take(8)?;
    if first & 7 != 4 || bytes.take(8)? != b"portolan" || bytes.take(16).is_none() {
        return None;
    }

    let identity = Identity::of("ntp")
        .fact("ntp_version", first >> 3 & 7)
        .fact("stratum", stratum)
        .fact("synchronized", first >> 6 != 3 && stratum != 0);

    // At stratum 0 and 1 the reference is four letters: a kiss code, or the type of the clock.
    let letters = reference.iter().take_while(|letter| **letter != 0).all(u8::is_ascii_graphic);
    let name = reference.split(|letter| *letter == 0).next().filter(|name| !name.is_empty());
    let name = name.filter(|_| stratum < 2 && letters).map(Untrusted::from_bytes);
    Some(identity.fact_if("reference", name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Fact;

    fn message(first: u8, stratum: u8) -> Vec<u8> {
        [&[first, stratum, 6, 0xe8][..], &[0; 8], b"GPS\0", &[1; 8], b"portolan", &[2; 16]].concat()
    }

    #[test]
    fn a_reply_repeats_the_timestamp() {
        // The layout of RFC 5905, figure 8.
        let identity = parse_reply(&message(0x24, 1)).unwrap();
        assert_eq!((&identity.facts["stratum"], &identity.facts["reference"]), (&Fact::Number(1), &"GPS".into()));
        assert_eq!(identity.facts["synchronized"], true.into());
        assert_eq!(parse_reply(&message(0xe4, 0)).unwrap().facts["synchronized"], false.into());
        assert_eq!(parse_reply(&message(0x23, 1)), None);
        assert_eq!((parse_reply(QUERY), parse_reply(&message(0x24, 1)[..47])), (None, None));
    }

    proptest! {
        #[test]
        fn any_message_is_accepted(message: Vec<u8>) {
            let _ = parse_reply(&message);
        }
    }
}
