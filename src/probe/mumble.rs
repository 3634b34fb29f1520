//! Mumble ("UDP ping packet" of its documentation): a ping, to which a server replies with its version.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Mumble;

/// Type 0, and eight bytes that come back.
const PING: &[u8] = b"\0\0\0\0portolan";

impl Probe for Mumble {
    fn protocol(&self) -> &'static str {
        "mumble"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[64738]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the reply: zero and three parts of the version, the eight bytes, users, their limit, and the bandwidth of each.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let &[0, major, minor, patch] = bytes.take(4)? else { return None };
    if bytes.take(8)? != b"portolan" {
        return None;
    }

    let (_, max_users, _) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
    let identity = Identity::of("mumble").product("Mumble").version(format!("{major}.{minor}.{patch}"));
    bytes.0.is_empty().then(|| identity.fact("max_users", i64::from(max_users)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        let reply = b"\0\x01\x05\0portolan\0\0\0\x01\0\0\0\x64\0\x01\x19\x40";
        let identity = parse_reply(reply).unwrap();
        assert_eq!((identity.version, &identity.facts["max_users"]), (Some("1.5.0".into()), &100.into()));
        assert_eq!((parse_reply(PING), parse_reply(&reply[..20])), (None, None));
    }
}
