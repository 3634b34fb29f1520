//! EtherNet/IP (the CIP networks library, volume 2): the request for a device's identity (2-4.2), which needs no session.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct EthernetIp;

/// Command 0x63 without content, and a context that comes back. Over UDP it begins with the longest delay of the reply: 1 ms.
const REQUEST: &[u8] = b"\x63\0\0\0\0\0\0\0\0\0\0\0\x01\0portol\0\0\0\0";
const IDENTITY: u16 = 0x0c;

impl Probe for EthernetIp {
    fn protocol(&self) -> &'static str {
        "ethernet-ip"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[44_818]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a reply with one item: the version, an address, vendor, type, product, revision, status, serial number and name.
/// Numbers are little-endian.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (command, length) = (bytes.u16_le()?, bytes.u16_le()?);
    let (_session, status, _context, _options) = (bytes.take(4)?, bytes.u32_le()?, bytes.take(8)?, bytes.take(4)?);
    let is_reply = command == 0x63 && status == 0 && usize::from(length) == bytes.0.len();
    if !is_reply || bytes.u16_le()? != 1 || bytes.u16_le()? != IDENTITY {
        return None;
    }

    let size = bytes.u16_le()?;
    let mut item = Bytes(bytes.take(size.into())?);
    let (_version, _address) = (item.u16_le()?, item.take(16)?);
    let (vendor, kind, _product) = (item.u16_le()?, item.u16_le()?, item.u16_le()?);
    let (major, minor, _status, serial) = (item.u8()?, item.u8()?, item.u16_le()?, item.u32_le()?);
    let name = item.short_text()?;

    let identity = Identity::of("ethernet-ip").product(Untrusted::from_bytes(name)).version(format!("{major}.{minor}"));
    let identity = identity.fact("vendor_id", i64::from(vendor)).fact("device_type", i64::from(kind));
    Some(identity.fact("serial_number", format!("{serial:08x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_read() {
        assert_eq!(REQUEST.len(), 24);
        let header = b"\x63\0\x32\0\0\0\0\0\0\0\0\0\x01\0portol\0\0\0\0";
        let item = b"\x01\0\x0c\0\x2c\0\x01\0\0\x02\xaf\x12\xc0\0\x02\x02\0\0\0\0\0\0\0\0\x01\0\x0e\0\x36\0\x14\x0b\x60\0\x34\x12\0\xc0\x0a1756-L61/B\x03";
        let reply = [&header[..], item].concat();
        assert_eq!(reply.len(), 24 + usize::from(reply[2]));
        let identity = parse_reply(&reply).unwrap();
        assert_eq!((identity.product, identity.version), (Some("1756-L61/B".into()), Some("20.11".into())));
        assert_eq!(identity.facts["serial_number"], "c0001234".into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..60])), (None, None));
    }
}
