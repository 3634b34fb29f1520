//! SNMP version 3 (RFC 3412, 3414): engine discovery, to which every agent replies without credentials.
//!
//! Versions 1 and 2c require a community, which is their password: guessing one would be a login attempt.

use super::ber::Elements;
use super::bytes::hex;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Snmp;

/// A GetRequest without a user to an unnamed engine (RFC 3414, 4). Message id and request id are 0x706f.
const QUERY: &[u8] = b"\x30\x3a\x02\x01\x03\x30\x0f\x02\x02\x70\x6f\x02\x03\0\xff\xe3\x04\x01\x04\x02\x01\x03\
\x04\x10\x30\x0e\x04\0\x02\x01\0\x02\x01\0\x04\0\x04\0\x04\0\
\x30\x12\x04\0\x04\0\xa0\x0c\x02\x02\x70\x6f\x02\x01\0\x02\x01\0\x30\0";

impl Probe for Snmp {
    fn protocol(&self) -> &'static str {
        "snmp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[161]
    }

    fn udp_likelihood(&self) -> u8 {
        5
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { report(received.bytes) } else { None }
    }
}

/// Parses a message of version 3 with an engine id.
fn report(message: &[u8]) -> Option<Identity> {
    let mut message = Elements::of(message).inside(0x30)?;
    if message.number()? != 3 || message.inside(0x30)?.number()? != 0x706f {
        return None;
    }

    let mut security = message.inside(0x04)?.inside(0x30)?;
    let (engine, boots, time) = (security.next(0x04)?, security.number()?, security.number()?);
    let identity = Identity::of("snmp")
        .fact("snmp_version", 3)
        .fact("engine_id", hex(&engine[..engine.len().min(32)]))
        .fact("engine_boots", boots)
        .fact("engine_time_s", time);

    // RFC 3411, SnmpEngineID: the first four bytes are the vendor's enterprise number, with the top bit set.
    let Some(number) = engine.first_chunk().map(|first| u32::from_be_bytes(*first) & 0x7fff_ffff) else {
        return Some(identity);
    };

    let identity = identity.fact("enterprise", number);
    Some(match vendor(number) {
        Some(name) => identity.product(name),
        None => identity,
    })
}

/// Vendors in IANA's registry of private enterprise numbers.
fn vendor(number: u32) -> Option<&'static str> {
    Some(match number {
        9 => "Cisco",
        11 => "HP",
        311 => "Microsoft",
        2011 => "Huawei",
        2636 => "Juniper",
        4413 => "Broadcom",
        8072 => "Net-SNMP",
        12356 => "Fortinet",
        14988 => "MikroTik",
        25461 => "Palo Alto Networks",
        30065 => "Arista",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Fact;

    fn wrap(tag: u8, content: Vec<u8>) -> Vec<u8> {
        [vec![tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// A report in the layout of RFC 3414, 4.
    fn discovered(engine: &[u8]) -> Vec<u8> {
        let security = [wrap(4, engine.to_vec()), b"\x02\x01\x07\x02\x02\x01\0\x04\0\x04\0\x04\0".to_vec()].concat();
        let header = wrap(0x30, b"\x02\x02\x70\x6f\x02\x03\0\xff\xe3\x04\x01\0\x02\x01\x03".to_vec());
        let parts = [b"\x02\x01\x03".to_vec(), header, wrap(4, wrap(0x30, security)), b"\x30\0".to_vec()];
        wrap(0x30, parts.concat())
    }

    #[test]
    fn the_engine_id_contains_the_vendor() {
        let identity = report(&discovered(b"\x80\0\x1f\x88\x80abcdefgh")).unwrap();
        assert_eq!(identity.product, Some("Net-SNMP".into()));
        assert_eq!(identity.facts["engine_boots"], Fact::Number(7));
        assert_eq!(identity.facts["engine_time_s"], Fact::Number(256));
        assert_eq!(report(&discovered(b"\x01")).unwrap().product, None);
        assert_eq!(report(b"\x30\x03\x02\x01\x01"), None);
    }

    #[test]
    fn the_request_has_correct_lengths() {
        assert_eq!(QUERY.len(), 2 + usize::from(QUERY[1]));
        assert!(report(QUERY).is_some_and(|identity| identity.facts["engine_id"] == "".into()));
    }

    proptest! {
        #[test]
        fn any_message_is_accepted(bytes: Vec<u8>, engine in prop::collection::vec(any::<u8>(), 0..40), at in 0..200_usize, octet: u8) {
            let _ = report(&bytes);
            let mut message = discovered(&engine);
            let at = at % message.len();
            message[at] = octet;
            let _ = report(&message);
        }
    }
}
