//! AMQP (0-9-1 specification; 1.0 by its protocol header): the broker sends its properties before the login.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Amqp;

/// The protocol header of 0-9-1 (4.2.2).
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// RabbitMQ's properties take about 500 bytes.
const MAX_BYTES: usize = 8 * 1024;
/// The most properties that are read.
const MAX_FIELDS: usize = 64;

impl Probe for Amqp {
    fn protocol(&self) -> &'static str {
        "amqp"
    }

    fn ports(&self) -> &'static [u16] {
        &[5672]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[5671]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(HEADER.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // A server replies with its own header to an unsupported version or a request of another protocol.
        if let Some(version) = received.bytes.strip_prefix(b"AMQP") {
            let [id, numbers @ ..] = version.first_chunk::<4>()?;
            let [major, minor, revision] = if *id == 1 { [0, numbers[1], numbers[2]] } else { *numbers };
            return Some(Identity::of("amqp").fact("protocol_version", format!("{major}-{minor}-{revision}")));
        }
        start(received.bytes)
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }
}

/// Parses a frame with the method Connection.Start.
fn start(bytes: &[u8]) -> Option<Identity> {
    let mut frame = Bytes(bytes);
    let (kind, channel) = (frame.u8()?, frame.u16()?);
    let mut method = Bytes(frame.part()?);

    if (kind, channel, frame.u8()?) != (1, 0, 0xce) || (method.u16()?, method.u16()?) != (10, 10) {
        return None;
    }

    let (major, minor) = (method.u8()?, method.u8()?);
    let (properties, mechanisms) = (method.part()?, method.part()?);
    let identity = Identity::of("amqp")
        .product(property(properties, b"product").unwrap_or_default())
        .version(property(properties, b"version").unwrap_or_default())
        .fact("protocol_version", format!("{major}-{minor}"))
        .fact("sasl_mechanisms", Untrusted::from_bytes(mechanisms))
        .fact_if("cluster", property(properties, b"cluster_name"))
        .fact_if("platform", property(properties, b"platform"));
    Some(identity)
}

/// The text of a property in a field table (4.2.5.5): each field has a name, a type letter and a value.
fn property(table: &[u8], wanted: &[u8]) -> Option<Untrusted> {
    let mut bytes = Bytes(table);
    for _ in 0..MAX_FIELDS {
        let name = bytes.short_text()?;
        let value = match bytes.u8()? {
            // Texts and tables contain their length; the other types have a fixed one.
            b'S' | b'F' | b'A' | b'x' => bytes.part()?,
            b't' | b'b' | b'B' => bytes.take(1)?,
            b's' | b'u' => bytes.take(2)?,
            b'I' | b'i' | b'f' => bytes.take(4)?,
            b'l' | b'L' | b'd' | b'T' => bytes.take(8)?,
            b'D' => bytes.take(5)?,
            b'V' => &[],
            _ => return None,
        };

        if name == wanted {
            return Some(Untrusted::from_bytes(value));
        }
    }

    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    fn part(content: &[u8]) -> Vec<u8> {
        [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn frame(table: &[u8]) -> Vec<u8> {
        let method = [b"\0\x0a\0\x0a\0\x09", &*part(table), &part(b"PLAIN AMQPLAIN"), &part(b"en_US")].concat();
        [b"\x01\0\0", &*part(&method), b"\xce"].concat()
    }

    #[test]
    fn the_properties_are_read() {
        // Connection.Start of the specification's 1.4.2.1, with the properties that it lists.
        let table = [
            b"\x0ccapabilitiesF",
            &*part(b"\x02okt\x01"),
            b"\x07productS",
            &part(b"RabbitMQ"),
            b"\x07versionS",
            &part(b"3.10.8"),
        ]
        .concat();
        let identity = recognise_tcp(&Amqp, &frame(&table), Some("amqp")).unwrap();
        assert_eq!((identity.product, identity.version), (Some("RabbitMQ".into()), Some("3.10.8".into())));
        assert_eq!(identity.facts["protocol_version"], "0-9".into());
        assert_eq!(
            recognise_tcp(&Amqp, b"AMQP\0\0\x09\x01", Some("http")).unwrap().facts["protocol_version"],
            "0-9-1".into()
        );
        assert_eq!(recognise_tcp(&Amqp, &frame(&table)[..20], Some("amqp")), None);
    }

    proptest! {
        #[test]
        fn any_table_is_accepted(table: Vec<u8>, wanted: [u8; 1]) {
            let _ = (property(&table, &wanted), recognise_tcp(&Amqp, &frame(&table), None), start(&table));
        }
    }
}
