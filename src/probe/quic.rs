//! QUIC: asked in a version that there is not, it names those that it has (RFC 8999, 6; RFC 9000, 6).

use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Quic;

/// Our connection's two names. Nobody keeps them: the answer ends it.
const DESTINATION: [u8; 8] = *b"portolan";
const SOURCE: [u8; 8] = *b"charting";
/// A version that is reserved to be unknown to everybody (RFC 9000, 15).
const UNKNOWN: [u8; 4] = [0x1a; 4];
/// A server answers nothing shorter (RFC 9000, 14.1).
const LENGTH: usize = 1200;

/// A long header in that version, and nothing.
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
    fn word(&self) -> &'static str {
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

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        if said.transport != Transport::Udp {
            return None;
        }
        // Version 0, and our names the other way round.
        let [first, 0, 0, 0, 0, 8, rest @ ..] = said.bytes else { return None };
        let versions = rest.strip_prefix(&SOURCE)?.strip_prefix(&[8])?.strip_prefix(&DESTINATION)?;
        if first & 0x80 == 0 || versions.is_empty() || versions.len() % 4 != 0 {
            return None;
        }
        let versions: Vec<Untrusted> = versions.chunks_exact(4).filter_map(version).take(32).map(Into::into).collect();
        Some(Identity::of("quic").fact("versions", versions))
    }
}

/// `1` (RFC 9000), `2` (RFC 9369), a draft, or the number in hexadecimal; none for those that only keep everybody on
/// their toes.
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

    fn said(bytes: &[u8]) -> ServerBytes<'_> {
        ServerBytes { bytes, transport: Transport::Udp, to: Some("quic"), ended: true }
    }

    #[test]
    fn the_versions_are_read_from_an_answer_to_our_question_only() {
        let mut answer = vec![0x80, 0, 0, 0, 0, 8];
        answer.extend_from_slice(&SOURCE);
        answer.push(8);
        answer.extend_from_slice(&DESTINATION);
        answer.extend_from_slice(&[0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf, 0x1a, 0x2a, 0x3a, 0x4a]);
        let identity = Quic.recognise(&said(&answer)).unwrap();
        assert_eq!(identity.facts.get("versions"), Some(&vec!["1", "2"].into()));
        answer[7] ^= 1;
        assert_eq!(Quic.recognise(&said(&answer)), None);
        assert_eq!(Quic.recognise(&said(&HELLO)), None);
    }
}
