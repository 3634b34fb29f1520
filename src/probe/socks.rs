//! SOCKS 5 (RFC 1928): offers two methods; the server chooses one before any request.

use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Socks;

/// Version 5, two methods: none, and name with password (RFC 1929).
const METHODS: &[u8] = b"\x05\x02\0\x02";

impl Probe for Socks {
    fn protocol(&self) -> &'static str {
        "socks"
    }

    fn ports(&self) -> &'static [u16] {
        &[1080, 1081, 9050, 9150]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(METHODS.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // Two bytes prove little, except as a reply to the offer, and without any more.
        if received.reply_to != Some("socks") || !received.ended {
            return None;
        }
        let identity = Identity::of("socks").fact("socks_version", 5);
        match received.bytes {
            [5, 0] => Some(identity.fact("auth_required", false)),
            [5, 2] => Some(identity.fact("auth_required", true)),
            // None of these methods is acceptable.
            [5, 0xff] => Some(identity.fact("auth_required", true)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn only_a_choice_of_the_offer_counts() {
        for (reply, auth) in [(b"\x05\0", false), (b"\x05\x02", true), (b"\x05\xff", true)] {
            assert_eq!(recognise_tcp(&Socks, reply, Some("socks")).unwrap().facts["auth_required"], auth.into());
        }
        for (reply, reply_to) in [(&b"\x05\0"[..], None), (b"\x05\x01", Some("socks")), (b"\x05\0\0", Some("socks"))] {
            assert_eq!(recognise_tcp(&Socks, reply, reply_to), None);
        }
    }
}
