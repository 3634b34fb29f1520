//! RIP (RFC 2453): the request for a route to the unspecified network, to which a router replies with what it has (3.9.1).

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Rip;

/// Command 1, version 2, and one entry: family 0, metric 16.
const REQUEST: &[u8] = b"\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
const HEADER: usize = 4;
const ENTRY: usize = 20;

impl Probe for Rip {
    fn protocol(&self) -> &'static str {
        "rip"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[520]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a response (3.6): 1 to 25 entries, all IPv4 routes; the first may be an authentication instead (4.1).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let (&[2, version @ 1..=2, 0, 0], entries) = message.split_first_chunk::<HEADER>()? else { return None };
    let count = entries.len() / ENTRY;
    let is_whole = entries.len() % ENTRY == 0 && (1..=25).contains(&count);
    let is_known = entries.chunks_exact(ENTRY).all(|entry| is_route(entry) || entry.starts_with(b"\xff\xff"));
    if !is_whole || !is_known {
        return None;
    }

    let routes = entries.chunks_exact(ENTRY).filter(|entry| is_route(entry)).count();
    Some(Identity::of("rip").fact("rip_version", version).fact_if("routes", i64::try_from(routes).ok()))
}

/// Whether an entry is of IPv4, with a metric of at most 16, which is infinity.
fn is_route(entry: &[u8]) -> bool {
    matches!(entry, [0, 2, ..]) && entry[16..19] == [0; 3] && entry[19] <= 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_counted() {
        let route = [&b"\0\x02\0\0\x0a\x01\0\0\xff\xff\0\0\0\0\0\0"[..], b"\0\0\0\x01"].concat();
        let reply = [b"\x02\x02\0\0", &route[..], &route].concat();
        let identity = parse_reply(&reply).unwrap();
        assert_eq!((&identity.facts["routes"], &identity.facts["rip_version"]), (&2.into(), &2.into()));
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..30]), parse_reply(b"\x02\x02\0\0")), (None, None, None));
    }
}
