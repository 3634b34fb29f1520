//! Modbus over TCP ("MODBUS Application Protocol Specification" 1.1b3, 6.21, and "MODBUS Messaging on TCP/IP", 3.1.3): reads
//! the identification of the device, which changes nothing. Any other request could.

use super::bytes::Bytes;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Modbus;

/// A transaction of our own, to the device itself (unit 255): read device identification, basic, from the first object.
const REQUEST: &[u8] = b"po\0\0\0\x05\xff\x2b\x0e\x01\0";
const READ_IDENTIFICATION: u8 = 0x2b;
const REFUSED: u8 = READ_IDENTIFICATION | 0x80;
/// The basic objects, in the order of their numbers: vendor, product code, revision.
const BASIC_OBJECTS: usize = 3;

impl Probe for Modbus {
    fn protocol(&self) -> &'static str {
        "modbus"
    }

    fn ports(&self) -> &'static [u16] {
        &[502]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(REQUEST.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.reply_to != Some("modbus") || received.bytes.starts_with(REQUEST) {
            return None;
        }
        parse_reply(received.bytes)
    }
}

/// Parses the reply: the identification, or an exception with its code. The latter is Modbus too.
fn parse_reply(reply: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(reply);
    if bytes.take(4)? != b"po\0\0" {
        return None;
    }
    let length = usize::from(bytes.u16()?);
    let mut bytes = Bytes(bytes.take(length)?);
    let unit = bytes.u8()?;
    let identity = Identity::of("modbus").fact("unit", i32::from(unit));

    match bytes.u8()? {
        REFUSED if length == 3 => Some(identity.fact("exception", i32::from(bytes.u8()?))),
        READ_IDENTIFICATION if bytes.take(2)? == b"\x0e\x01" => with_objects(identity, bytes),
        _ => None,
    }
}

/// Adds what the device says of itself.
fn with_objects(identity: Identity, mut bytes: Bytes<'_>) -> Option<Identity> {
    // Conformity, whether more follows, and the next object.
    bytes.take(3)?;
    let count = bytes.u8()?;
    let mut basic: [Option<Untrusted>; BASIC_OBJECTS] = Default::default();
    for _ in 0..count {
        let (number, text) = (bytes.u8()?, bytes.short_text()?);
        if let Some(object) = basic.get_mut(usize::from(number)).filter(|_| !text.is_empty()) {
            *object = Some(Untrusted::from_bytes(text));
        }
    }

    let [vendor, product, revision] = basic;
    let name: Vec<&str> = vendor.iter().chain(&product).map(Untrusted::as_raw).collect();
    let identity = if name.is_empty() { identity } else { identity.product(name.join(" ")) };
    Some(match revision {
        Some(revision) => identity.version(revision),
        None => identity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn a_device_names_itself_or_refuses() {
        // As in the specification's example (6.21), with the header of TCP.
        let objects = b"\x00\x0aHarbour Co\x01\x0aCrane 2000\x02\x05V2.11";
        let pdu = [&b"\xff\x2b\x0e\x01\x01\x00\x00\x03"[..], objects].concat();
        let reply = [b"po\0\0", &u16::try_from(pdu.len()).unwrap().to_be_bytes()[..], &pdu].concat();
        let identity = recognise_tcp(&Modbus, &reply, Some("modbus")).unwrap();
        assert_eq!(identity.product, Some("Harbour Co Crane 2000".into()));
        assert_eq!(identity.version, Some("V2.11".into()));

        let refusal = recognise_tcp(&Modbus, b"po\0\0\0\x03\xff\xab\x01", Some("modbus")).unwrap();
        assert_eq!(refusal.facts["exception"], 1.into());
        for other in
            [&b"po\0\0\0\x03\xff\x83\x01"[..], REQUEST, b"XX\0\0\0\x03\xff\xab\x01", b"po\0\0\0\x09\xff\xab\x01"]
        {
            assert!(recognise_tcp(&Modbus, other, Some("modbus")).is_none(), "{other:?}");
        }
        assert!(recognise_tcp(&Modbus, &reply, Some("http")).is_none());
    }
}
