//! Cassandra (native_protocol_v4.spec of its source): the OPTIONS request, which needs no session.

use super::bytes::Bytes;
use super::words::list;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Cassandra;

/// A request of version 4 on stream `po` with an empty body. Every server since 2.2 supports it, or names its versions.
const OPTIONS: &[u8] = b"\x04\0po\x05\0\0\0\0";
const ERROR: u8 = 0;
const SUPPORTED: u8 = 6;
/// The longest list of values that is read.
const MAX_VALUES: u16 = 64;

impl Probe for Cassandra {
    fn protocol(&self) -> &'static str {
        "cassandra"
    }

    fn ports(&self) -> &'static [u16] {
        &[9042]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[9142]
    }

    fn likelihood(&self) -> u8 {
        2
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(OPTIONS.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(received.bytes);
        let (version, _, stream, kind) = (bytes.u8()?, bytes.u8()?, bytes.take(2)?, bytes.u8()?);
        if !(0x83..=0x86).contains(&version) || stream != b"po" {
            return None;
        }

        let identity = Identity::of("cassandra").fact("protocol_version", version & 0x7f);
        let body = bytes.part()?;
        match kind {
            SUPPORTED => supported(identity, body),
            ERROR => Some(identity.fact_if("error", error(body))),
            _ => None,
        }
    }

    fn unavailable(&self, reply: &[u8]) -> Option<String> {
        let mut bytes = Bytes(reply);
        let (_, kind) = (bytes.take(4)?, bytes.u8()?);
        let body = bytes.part().filter(|_| kind == ERROR)?;
        // Section 9 of the specification: server error, overloaded, is bootstrapping.
        let code = Bytes(body).u32().filter(|code| matches!(code, 0 | 0x1001 | 0x1002))?;
        let text = error(body).map(|text| text.to_string()).unwrap_or_default();
        Some(format!("refuses: {code:#06x} {text}"))
    }
}

/// Parses a string multimap: each name has a list of values.
fn supported(mut identity: Identity, body: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(body);

    let count = bytes.u16()?.min(MAX_VALUES);
    for _ in 0..count {
        let name = bytes.text()?;
        let values = bytes.u16()?;
        if values > MAX_VALUES {
            return None;
        }
        let values = (0..values).map(|_| bytes.text()).collect::<Option<Vec<_>>>()?;

        let fact = match name {
            b"CQL_VERSION" => "cql_versions",
            b"COMPRESSION" => "compressions",
            b"PROTOCOL_VERSIONS" => "protocol_versions",
            _ => continue,
        };
        identity = identity.fact_if(fact, list(values.into_iter()));
    }
    Some(identity)
}

fn error(body: &[u8]) -> Option<Untrusted> {
    let mut bytes = Bytes(body);
    bytes.u32()?;
    bytes.text().map(|text| Untrusted::from_bytes(&text[..text.len().min(256)]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [b"\x84\0po", &[kind][..], &length, body].concat()
    }

    #[test]
    fn the_supported_options_are_read() {
        // SUPPORTED as 4.2.4 of the specification lays it out.
        let body = b"\0\x02\0\x0bCQL_VERSION\0\x01\0\x053.4.6\0\x0bCOMPRESSION\0\x02\0\x06snappy\0\x03lz4";
        let identity = recognise_tcp(&Cassandra, &frame(SUPPORTED, body), Some("cassandra")).unwrap();
        assert_eq!(identity.facts["cql_versions"], vec!["3.4.6"].into());
        assert_eq!(identity.facts["compressions"], vec!["snappy", "lz4"].into());

        // 4.2.1: code 0x000A, a protocol error.
        let identity = recognise_tcp(&Cassandra, &frame(ERROR, b"\0\0\0\x0a\0\x03bad"), Some("cassandra")).unwrap();
        assert_eq!(identity.facts["error"], "bad".into());
        assert_eq!(recognise_tcp(&Cassandra, OPTIONS, None), None);
        assert_eq!(Cassandra.unavailable(&frame(ERROR, b"\0\0\0\x0a\0\x03bad")), None);
        let overloaded = Cassandra.unavailable(&frame(ERROR, b"\0\0\x10\x01\0\x03bad"));
        assert_eq!(overloaded.as_deref(), Some("refuses: 0x1001 bad"));
        assert_eq!(Cassandra.unavailable(&frame(SUPPORTED, body)), None);
    }

    proptest! {
        #[test]
        fn any_body_is_accepted(kind: u8, body: Vec<u8>) {
            let _ = (supported(Identity::default(), &body), error(&body));
            let _ = recognise_tcp(&Cassandra, &frame(kind, &body), None);
        }
    }
}
