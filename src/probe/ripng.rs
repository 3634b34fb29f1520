//! RIPng (RFC 2080): the request for one route (2.4.1), to which a router replies with its metric.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Ripng;

/// Command 1, version 1, and the entry of one address, `::1`, which no router has a route to.
const REQUEST: &[u8] = b"\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\x80\0";
const HEADER: usize = 4;
const ENTRY: usize = 20;
const MAX_METRIC: u8 = 16;

impl Probe for Ripng {
    fn protocol(&self) -> &'static str {
        "ripng"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[521]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a response with the entry of the request: the same prefix and length, and a metric of at most 16, which is infinity.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let (&[2, 1, 0, 0], entry) = message.split_first_chunk::<HEADER>()? else { return None };
    let is_same = entry.len() == ENTRY && entry[..16] == REQUEST[HEADER..][..16] && entry[18] == 128;
    (is_same && entry[19] <= MAX_METRIC).then(|| Identity::of("ripng"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_entry_of_the_request() {
        let reply = [b"\x02\x01\0\0", &REQUEST[HEADER..23], b"\x10"].concat();
        assert!(parse_reply(&reply).is_some());
        let other = [&reply[..23], b"\x11"].concat();
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..23]), parse_reply(&other)), (None, None, None));
    }
}
