//! Kafka (its "Kafka protocol guide"): ApiVersions, which a client may ask before anything else.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Kafka;

/// A request of 18 octets: ApiVersions (18), version 0, correlation id `port`, client id `portolan`.
const REQUEST: &[u8] = b"\0\0\0\x12\0\x12\0\0port\0\x08portolan";
const FETCH: u16 = 1;
const API_VERSIONS: u16 = 18;
/// Kafka 4.0 has 90 requests.
const MAX_REQUESTS: u32 = 512;
/// The longest answer that is read.
const MAX_BYTES: usize = 4 * 1024;

impl Probe for Kafka {
    fn word(&self) -> &'static str {
        "kafka"
    }

    fn ports(&self) -> &'static [u16] {
        &[9092]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[9093]
    }

    fn likelihood(&self) -> u8 {
        3
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(REQUEST.to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        versions(Bytes(said.bytes).part()?)
    }

    fn longest(&self) -> usize {
        MAX_BYTES
    }
}

/// The correlation id, an error code, and for each kind of request its number, its lowest and its highest version.
fn versions(answer: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(answer);
    let (id, error, count) = (bytes.take(4)?, bytes.u16()?, bytes.u32()?);
    if id != b"port" || count > MAX_REQUESTS {
        return None;
    }
    let mut fetch = None;
    let mut itself = false;
    for _ in 0..count {
        let (key, _, highest) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        match key {
            FETCH => fetch = Some(highest),
            API_VERSIONS => itself = true,
            _ => {}
        }
    }
    // Whoever answers this request has it on its list, unless the answer is that it has not this version of it.
    if !itself && error != 35 {
        return None;
    }
    Some(Identity::of("kafka").fact("requests", count).fact_if("fetch_version", fetch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::told;

    #[test]
    fn the_requests_are_listed() {
        // "ApiVersions Response (Version: 0)": produce 0 to 9, fetch 4 to 17, ApiVersions 0 to 3.
        let answer = b"\0\0\0\x1cport\0\0\0\0\0\x03\0\0\0\0\0\x09\0\x01\0\x04\0\x11\0\x12\0\0\0\x03";
        let identity = told(&Kafka, answer, Some("kafka")).unwrap();
        assert_eq!((&identity.facts["requests"], &identity.facts["fetch_version"]), (&3.into(), &17.into()));
        assert_eq!(told(&Kafka, &answer[..20], Some("kafka")), None);
        assert_eq!(told(&Kafka, REQUEST, None), None);
        assert_eq!(REQUEST.len(), 4 + 18);
    }

    proptest! {
        #[test]
        fn any_answer_is_taken(rest: Vec<u8>) {
            let _ = versions(&[b"port\0\0\0\0\0\x08".as_slice(), &rest].concat());
        }
    }
}
