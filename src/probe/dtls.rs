//! DTLS (RFC 6347): the first message of a handshake, to which a server replies with a cookie (4.2.1) and keeps no state.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Dtls;

/// ClientHello of DTLS 1.2 without a cookie, in one record: the usual suites, and the extensions of elliptic curves and
/// signatures, without which many servers refuse.
const HELLO: &[u8] = b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0r\x01\0\0f\0\0\0\0\0\0\0f\xfe\xfd\
portolanportolanportolanportolan\
\0\0\0\x12\xc0+\xc0/\xc0,\xc00\xcc\xa9\xcc\xa8\0\x9c\0/\x005\x01\0\0*\0\x0a\0\x06\0\x04\0\x1d\0\x17\0\x0b\0\x02\x01\0\0\x0d\0\x16\0\x14\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01\x02\x03\x02\x01";
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

impl Probe for Dtls {
    fn protocol(&self) -> &'static str {
        "dtls"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[4433, 5349, 5684]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(HELLO)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the first record (4.1): HelloVerifyRequest (3), ServerHello (2), or an alert.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (kind, version) = (bytes.u8()?, bytes.u16()?);
    // The epoch, and the number in it.
    bytes.take(2 + 6)?;
    let content = bytes.text()?;
    if !matches!(version, 0xfeff | 0xfefd) {
        return None;
    }

    let identity = Identity::of("dtls");
    match (kind, content) {
        (HANDSHAKE, [2 | 3, ..]) if content.len() >= 12 => Some(identity),
        (ALERT, [1 | 2, alert]) => Some(identity.fact("alert", *alert)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_enough() {
        let lengths = [u16::from_be_bytes([HELLO[11], HELLO[12]]), u16::from_be_bytes([HELLO[15], HELLO[16]])];
        assert_eq!(lengths.map(usize::from), [HELLO.len() - 13, HELLO.len() - 25]);

        let verify =
            [&b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x2f\x03\0\0\x23\0\0\0\0\0\0\0\x23\xfe\xff\x20"[..], &[7; 32]].concat();
        assert!(parse_reply(&verify).is_some());
        let alert = parse_reply(b"\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\x02\x02\x28").unwrap();
        assert_eq!(alert.facts["alert"], 40.into());
        assert_eq!((parse_reply(HELLO), parse_reply(&verify[..40])), (None, None));
    }
}
