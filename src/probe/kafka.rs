//! Kafka (its "Kafka protocol guide"): the ApiVersions request, which needs no session.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Kafka;

/// A request of 18 bytes: ApiVersions (18), version 0, correlation id `port`, client id `portolan`.
const REQUEST: &[u8] = b"\0\0\0\x12\0\x12\0\0port\0\x08portolan";
const FETCH: u16 = 1;
const API_VERSIONS: u16 = 18;
/// Kafka 4.0 has 90 kinds of requests.
const MAX_REQUESTS: u32 = 512;
/// The longest reply that is read.
const MAX_BYTES: usize = 4 * 1024;

impl Probe for Kafka {
    fn protocol(&self) -> &'static str {
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

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(REQUEST.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        versions(Bytes(received.bytes).part()?)
    }

    fn unavailable(&self, reply: &[u8]) -> Option<String> {
        let mut bytes = Bytes(Bytes(reply).part()?);
        let (_, error) = (bytes.take(4)?, bytes.u16()?);
        // The server refuses the version of the request, not the client.
        (!matches!(error, 0 | 35)).then(|| format!("refuses: error {}", error.cast_signed()))
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }
}

/// Parses the correlation id, an error code, and for each kind of request its key, lowest and highest version.
fn versions(reply: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(reply);
    let (id, error, count) = (bytes.take(4)?, bytes.u16()?, bytes.u32()?);
    if id != b"port" || count > MAX_REQUESTS {
        return None;
    }

    let mut fetch = None;
    let mut lists_itself = false;
    for _ in 0..count {
        let (key, _, highest) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        match key {
            FETCH => fetch = Some(highest),
            API_VERSIONS => lists_itself = true,
            _ => {}
        }
    }

    // A server lists this request too, except with error 35: unsupported version.
    if !lists_itself && error != 35 {
        return None;
    }
    Some(Identity::of("kafka").fact("requests", count).fact_if("fetch_version", fetch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_requests_are_listed() {
        // "ApiVersions Response (Version: 0)": produce 0 to 9, fetch 4 to 17, ApiVersions 0 to 3.
        let answer = b"\0\0\0\x1cport\0\0\0\0\0\x03\0\0\0\0\0\x09\0\x01\0\x04\0\x11\0\x12\0\0\0\x03";
        let identity = recognise_tcp(&Kafka, answer, Some("kafka")).unwrap();
        assert_eq!((&identity.facts["requests"], &identity.facts["fetch_version"]), (&3.into(), &17.into()));
        assert_eq!(recognise_tcp(&Kafka, &answer[..20], Some("kafka")), None);
        assert_eq!(recognise_tcp(&Kafka, REQUEST, None), None);
        assert_eq!(Kafka.unavailable(answer), None);
        let unknown = b"\0\0\0\x10port\xff\xff\0\0\0\x01\0\x12\0\0\0\x03";
        assert_eq!(Kafka.unavailable(unknown).as_deref(), Some("refuses: error -1"));
        assert_eq!(REQUEST.len(), 4 + 18);
    }

    proptest! {
        #[test]
        fn any_reply_is_accepted(rest: Vec<u8>) {
            let _ = versions(&[b"port\0\0\0\0\0\x08".as_slice(), &rest].concat());
        }
    }
}
