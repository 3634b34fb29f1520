//! QUIC: the server lists its versions in reply to an unknown version (RFC 8999, 6; RFC 9000, 6).

use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Quic;

/// The connection ids. The server keeps no state: the reply ends the connection.
const DESTINATION: [u8; 8] = *b"portolan";
const SOURCE: [u8; 8] = *b"charting";
/// A version that is reserved to be unknown (RFC 9000, 15).
const UNKNOWN: [u8; 4] = [0x1a; 4];
/// Servers ignore shorter datagrams (RFC 9000, 14.1).
const LENGTH: usize = 1200;

/// A long header in that version, and padding.
static HELLO: [u8; LENGTH] = {
    let mut hello = [0; LENGTH];
    hello[0] = 0xc0;
    let mut at = 0;
    while at < 4 {
        hello[1 + at] = UNKNOWN[at];
        at += 1;
    }
    hello[5] = 8;
    hello[14] = 8;
    let mut at = 0;
    while at < 8 {
        hello[6 + at] = DESTINATION[at];
        hello[15 + at] = SOURCE[at];
        at += 1;
    }
    hello
};

impl Probe for Quic {
    fn protocol(&self) -> &'static str {
        "quic"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[443, 8443, 853]
    }

    fn udp_likelihood(&self) -> u8 {
        2
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(&HELLO)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Udp {
            return None;
        }

        // Version 0, and the connection ids swapped.
        let [first, 0, 0, 0, 0, 8, rest @ ..] = received.bytes else { return None };
        let versions = rest.strip_prefix(&SOURCE)?.strip_prefix(&[8])?.strip_prefix(&DESTINATION)?;
        if first & 0x80 == 0 || versions.is_empty() || versions.len() % 4 != 0 {
            return None;
        }
        let versions: Vec<Untrusted> = versions.chunks_exact(4).filter_map(version).take(32).map(Into::into).collect();
        Some(Identity::of("quic").fact("versions", versions))
    }
}

/// `1` (RFC 9000), `2` (RFC 9369), a draft, or the number in hexadecimal; `None` for reserved versions, which only exercise
/// version negotiation.
fn version(bytes: &[u8]) -> Option<String> {
    match *bytes {
        [0, 0, 0, 1] => Some("1".into()),
        [0x6b, 0x33, 0x43, 0xcf] => Some("2".into()),
        [0xff, 0, 0, draft] => Some(format!("draft-{draft}")),
        [a, b, c, d] if [a, b, c, d].iter().all(|byte| byte & 0x0f == 0x0a) => None,
        [a, b, c, d] => Some(format!("{a:02x}{b:02x}{c:02x}{d:02x}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(bytes: &[u8]) -> Option<Identity> {
        let (transport, reply_to) = (Transport::Udp, Some("quic"));
        Quic.recognise(&ServerBytes { bytes, transport, reply_to, ended: true })
    }

    #[test]
    fn only_replies_to_the_request_count() {
        let mut reply = vec![0x80, 0, 0, 0, 0, 8];
        reply.extend_from_slice(&SOURCE);
        reply.push(8);
        reply.extend_from_slice(&DESTINATION);
        reply.extend_from_slice(&[0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf, 0x1a, 0x2a, 0x3a, 0x4a]);
        let identity = recognise(&reply).unwrap();
        assert_eq!(identity.facts.get("versions"), Some(&vec!["1", "2"].into()));

        reply[7] ^= 1;
        assert_eq!(recognise(&reply), None);
        assert_eq!(recognise(&HELLO), None);
    }
}
