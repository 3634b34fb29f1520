//! RakNet (its reference, "Unconnected ping"), which Minecraft's Bedrock servers use: a ping, to which a server replies with
//! what its players see.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Raknet;

/// Message 1, eight bytes that come back, the mark of messages outside of a connection, and this client's number.
const PING: &[u8] = b"\x01portolan\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78\0\0\0\0\0\0\0\x01";
const MARK: &[u8] = b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
const PONG: u8 = 0x1c;

impl Probe for Raknet {
    fn protocol(&self) -> &'static str {
        "raknet"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[19_132, 19_133]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the pong: the eight bytes, the server's number, the mark, and a text. Minecraft's begins with the edition, the
/// name, the protocol's number and the version, with semicolons between them.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (PONG, b"portolan", _number, MARK) = (bytes.u8()?, bytes.take(8)?, bytes.take(8)?, bytes.take(16)?) else {
        return None;
    };

    let identity = Identity::of("raknet");
    let mut fields = bytes.text().unwrap_or_default().split(|byte| *byte == b';');
    let product = match fields.next() {
        Some(b"MCPE") => "Minecraft: Bedrock Edition",
        Some(b"MCEE") => "Minecraft: Education Edition",
        _ => return Some(identity),
    };
    let (name, version) = (fields.next().map(Untrusted::from_bytes), fields.nth(1).map(Untrusted::from_bytes));
    let identity = identity.product(product).fact_if("server_name", name);
    Some(version.into_iter().fold(identity, Identity::version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        let text = b"MCPE;Dedicated Server;527;1.19.1;0;10;13253860892328930865;Bedrock level;Survival;1;19132;19133;";
        let length = [0, u8::try_from(text.len()).unwrap()];
        let reply = [b"\x1cportolanharbours", MARK, &length, text].concat();
        let identity = parse_reply(&reply).unwrap();
        assert_eq!(
            (identity.version, &identity.facts["server_name"]),
            (Some("1.19.1".into()), &"Dedicated Server".into())
        );
        assert!(parse_reply(&reply[..33]).unwrap().product.is_none(), "another program's");
        assert_eq!((parse_reply(PING), parse_reply(&reply[..32])), (None, None));
    }
}
