//! AMQP (0-9-1 specification; 1.0 by its protocol header): the broker tells its properties before anybody logs in.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Amqp;

/// The protocol header of 0-9-1 (4.2.2).
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// RabbitMQ's properties take about 500 octets.
const MAX_BYTES: usize = 8 * 1024;
/// So many properties are looked at.
const MAX_FIELDS: usize = 64;

impl Probe for Amqp {
    fn word(&self) -> &'static str {
        "amqp"
    }

    fn ports(&self) -> &'static [u16] {
        &[5672]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[5671]
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(HEADER.to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        // Whoever does not speak the version asked for, or is asked for a web page, answers with its own header.
        if let Some(version) = said.bytes.strip_prefix(b"AMQP") {
            let [id, numbers @ ..] = version.first_chunk::<4>()?;
            let [major, minor, revision] = if *id == 1 { [0, numbers[1], numbers[2]] } else { *numbers };
            return Some(Identity::of("amqp").fact("protocol_version", format!("{major}-{minor}-{revision}")));
        }
        start(said.bytes)
    }

    fn longest(&self) -> usize {
        MAX_BYTES
    }
}

/// A frame with the method Connection.Start.
fn start(bytes: &[u8]) -> Option<Identity> {
    let mut frame = Bytes(bytes);
    let (kind, channel) = (frame.u8()?, frame.u16()?);
    let mut method = Bytes(frame.part()?);
    if (kind, channel, frame.u8()?) != (1, 0, 0xce) || (method.u16()?, method.u16()?) != (10, 10) {
        return None;
    }
    let (major, minor) = (method.u8()?, method.u8()?);
    let (properties, mechanisms) = (method.part()?, method.part()?);
    let identity = Identity::of("amqp").fact("protocol_version", format!("{major}-{minor}"));
    let identity = identity.fact("sasl_mechanisms", Untrusted::from_bytes(mechanisms));
    let identity = match property(properties, b"product") {
        Some(product) => identity.product(product),
        None => identity,
    };
    let identity = match property(properties, b"version") {
        Some(version) => identity.version(version),
        None => identity,
    };
    let identity = identity.fact_if("cluster", property(properties, b"cluster_name"));
    Some(identity.fact_if("platform", property(properties, b"platform")))
}

/// The text of a property in a field table (4.2.5.5): names, each with the letter of a type and a value.
fn property(table: &[u8], wanted: &[u8]) -> Option<Untrusted> {
    let mut bytes = Bytes(table);
    for _ in 0..MAX_FIELDS {
        let name = bytes.short_text()?;
        let value = match bytes.u8()? {
            // Texts and whole tables count their length, the others have one.
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
    use crate::probe::told;

    fn part(content: &[u8]) -> Vec<u8> {
        [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    }

    fn frame(table: &[u8]) -> Vec<u8> {
        let method = [b"\0\x0a\0\x0a\0\x09", &*part(table), &part(b"PLAIN AMQPLAIN"), &part(b"en_US")].concat();
        [b"\x01\0\0", &*part(&method), b"\xce"].concat()
    }

    #[test]
    fn the_broker_tells_its_properties() {
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
        let identity = told(&Amqp, &frame(&table), Some("amqp")).unwrap();
        assert_eq!((identity.product, identity.version), (Some("RabbitMQ".into()), Some("3.10.8".into())));
        assert_eq!(identity.facts["protocol_version"], "0-9".into());
        assert_eq!(told(&Amqp, b"AMQP\0\0\x09\x01", Some("http")).unwrap().facts["protocol_version"], "0-9-1".into());
        assert_eq!(told(&Amqp, &frame(&table)[..20], Some("amqp")), None);
    }

    proptest! {
        #[test]
        fn any_table_is_taken(table: Vec<u8>, wanted: [u8; 1]) {
            let _ = (property(&table, &wanted), told(&Amqp, &frame(&table), None), start(&table));
        }
    }
}
