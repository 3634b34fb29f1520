//! The distributed hash table of BitTorrent (BEP 5): its ping, from a node that others leave out of their tables (BEP 43).

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct BittorrentDht;

/// The query `ping` with the number `po` and an id of 20 bytes.
const PING: &[u8] = b"d1:ad2:id20:portolan asks a nodee1:q4:ping2:roi1e1:t2:po1:y1:qe";

impl Probe for BittorrentDht {
    fn protocol(&self) -> &'static str {
        "bittorrent-dht"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[6881]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(PING)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a dictionary with the number of the query: a response (`r`), which begins with an id of 20 bytes, or an error (`e`).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let fields = message.strip_prefix(b"d")?.strip_suffix(b"e")?;
    let is_response = contains(fields, b"1:rd2:id20:") && contains(fields, b"1:y1:r");
    let is_error = fields.starts_with(b"1:eli") && contains(fields, b"1:y1:e");
    ((is_response || is_error) && contains(fields, b"1:t2:po")).then(|| Identity::of("bittorrent-dht"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_number_of_the_query() {
        // The examples of BEP 5, with the number of the query.
        let reply = b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:po1:y1:re";
        let error = b"d1:eli201e23:A Generic Error Ocurrede1:t2:po1:y1:ee";
        assert!(parse_reply(reply).is_some() && parse_reply(error).is_some());
        for other in [PING, &reply[..40], b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
