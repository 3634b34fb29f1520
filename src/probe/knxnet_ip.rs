//! KNXnet/IP (ISO 22510): the request for a server's description, for which it opens no connection.

use super::bytes::{Bytes, hex};
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct KnxnetIp;

/// A header of version 1.0, service 0x0203, 14 bytes in all. Then the client's address for UDP, 0.0.0.0:0: the one that the
/// request comes from.
const REQUEST: &[u8] = b"\x06\x10\x02\x03\0\x0e\x08\x01\0\0\0\0\0\0";
const NAME_BYTES: usize = 30;

impl Probe for KnxnetIp {
    fn protocol(&self) -> &'static str {
        "knxnet-ip"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[3671]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the description (0x0204). It begins with the device (type 1), in 54 bytes: medium, status, address, project,
/// serial number, multicast address, MAC address and name.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    if bytes.take(4)? != b"\x06\x10\x02\x04"
        || usize::from(bytes.u16()?) != message.len()
        || bytes.take(2)? != b"\x36\x01"
    {
        return None;
    }

    bytes.take(1 + 1 + 2 + 2)?;
    let (serial, _multicast, mac, name) = (bytes.take(6)?, bytes.take(4)?, bytes.take(6)?, bytes.take(NAME_BYTES)?);
    let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty()).map(Untrusted::from_bytes);
    let identity = Identity::of("knxnet-ip").fact_if("device_name", name);
    Some(identity.fact("serial_number", hex(serial)).fact("mac", hex(mac)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_read() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[5]));
        let head =
            b"\x06\x10\x02\x04\0\x3c\x36\x01\x02\0\x11\0\0\0\0\xc5\x01\x02\x03\x04\xe0\0\x17\x0c\0\x24\x6d\x01\x02\x03";
        let reply = [&head[..], b"IP router", &[0; 21]].concat();
        assert_eq!(reply.len(), usize::from(reply[5]));
        let identity = parse_reply(&reply).unwrap();
        assert_eq!(identity.facts["device_name"], "IP router".into());
        assert_eq!(identity.facts["serial_number"], "00c501020304".into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..59])), (None, None));
    }
}
