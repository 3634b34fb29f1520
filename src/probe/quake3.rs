//! The query of Quake III and its descendants (the network protocol of id Software's source, "getinfo"): the name of a server,
//! its game and its map.

use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Quake3;

/// A message outside of a connection, with a word that comes back.
const REQUEST: &[u8] = b"\xff\xff\xff\xffgetinfo portolan";

impl Probe for Quake3 {
    fn protocol(&self) -> &'static str {
        "quake3"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[27_960]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the reply: names and values, each behind a backslash.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let text = message.strip_prefix(b"\xff\xff\xff\xffinfoResponse\n\\")?;
    let words: Vec<&[u8]> = text.split(|byte| *byte == b'\\').collect();
    if value(&words, b"challenge") != Some(b"portolan") {
        return None;
    }

    let identity = Identity::of("quake3");
    let identity = identity.fact_if("server_name", value(&words, b"hostname").map(Untrusted::from_bytes));
    let identity = identity.fact_if("game", value(&words, b"gamename").map(Untrusted::from_bytes));
    Some(identity.fact_if("map", value(&words, b"mapname").map(Untrusted::from_bytes)))
}

/// The value behind a name.
fn value<'a>(words: &[&'a [u8]], name: &[u8]) -> Option<&'a [u8]> {
    words.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_game_is_read() {
        let reply = b"\xff\xff\xff\xffinfoResponse\n\\challenge\\portolan\\protocol\\68\\hostname\\Harbour\
\\mapname\\q3dm17\\clients\\0\\sv_maxclients\\8\\gametype\\0\\pure\\1\\gamename\\Quake3Arena";
        let identity = parse_reply(reply).unwrap();
        assert_eq!((&identity.facts["server_name"], &identity.facts["map"]), (&"Harbour".into(), &"q3dm17".into()));
        assert_eq!(identity.facts["game"], "Quake3Arena".into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..30])), (None, None));
    }
}
