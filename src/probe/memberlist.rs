//! memberlist (HashiCorp's library, "net.go"), the gossip of Consul, Nomad and Serf: its ping, to which each member replies.
//! One with an encryption key stays silent.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Memberlist;

/// A ping (0) in MessagePack: the number 112, and no name, which every member takes for its own.
const PING: &[u8] = b"\0\x82\xa5SeqNo\x70\xa4Node\xa0";

impl Probe for Memberlist {
    fn protocol(&self) -> &'static str {
        "memberlist"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[8301, 8302, 7946]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses an acknowledgement (2) of the ping, also where it is compressed (9), or one of several messages (7).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let is_reply = match message.split_first()? {
        (2, fields) => is_acknowledgement(fields),
        (7, messages) => messages.windows(2).enumerate().any(|(at, _)| is_acknowledgement(&messages[at..])),
        (9, fields) => fields.starts_with(b"\x82\xa4Algo\0\xa3Buf"),
        _ => false,
    };
    is_reply.then(|| Identity::of("memberlist"))
}

/// Whether a map of two begins like this: its fields have an order of their own.
fn is_acknowledgement(fields: &[u8]) -> bool {
    fields.starts_with(b"\x82\xa5SeqNo\x70\xa7Payload")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_has_the_number_of_the_ping() {
        assert!(parse_reply(b"\x02\x82\xa5SeqNo\x70\xa7Payload\xa2ok").is_some());
        assert!(parse_reply(b"\x07\x02\0\x13\0\x13\x02\x82\xa5SeqNo\x70\xa7Payload\xa0\x02").is_some());
        assert!(parse_reply(b"\x09\x82\xa4Algo\0\xa3Buf\xc4\x01\0").is_some());
        for other in [PING, b"\x02\x82\xa5SeqNo\x71\xa7Payload\xa0", b"\x07", b""] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
