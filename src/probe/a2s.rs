//! The query of game servers (Valve's "Server queries", A2S_INFO): the server's name, game and version. Newer servers first send
//! a number for a second request, which is enough to know them.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct A2s;

const REQUEST: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";

impl Probe for A2s {
    fn protocol(&self) -> &'static str {
        "a2s"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[27015]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a reply in one packet: information, or a challenge of four bytes.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    match message.strip_prefix(b"\xff\xff\xff\xff")? {
        [b'I', _, rest @ ..] => information(rest),
        [b'A', _, _, _, _] => Some(Identity::of("a2s")),
        _ => None,
    }
}

/// Name, map, folder and game; the application's id, players, their limit, bots, the kinds of server and machine, two flags,
/// and the version.
fn information(rest: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(rest);
    let (name, map, _, game) = (bytes.until(0)?, bytes.until(0)?, bytes.until(0)?, bytes.until(0)?);
    bytes.take(2 + 1 + 1 + 1 + 1 + 1 + 2)?;
    let version = bytes.until(0)?;

    let identity = Identity::of("a2s").version(Untrusted::from_bytes(version));
    let identity = identity.fact("server_name", Untrusted::from_bytes(name));
    Some(identity.fact("game", Untrusted::from_bytes(game)).fact("map", Untrusted::from_bytes(map)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_game_is_read() {
        let reply = b"\xff\xff\xff\xffI\x11Name\0de_dust\0cstrike\0Counter-Strike\0\x0a\0\0\x10\0dl\0\x011.0.0.34\0";
        let identity = parse_reply(reply).unwrap();
        assert_eq!((identity.version, &identity.facts["game"]), (Some("1.0.0.34".into()), &"Counter-Strike".into()));
        assert!(parse_reply(b"\xff\xff\xff\xffA\x01\x02\x03\x04").is_some());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..20])), (None, None));
    }
}
