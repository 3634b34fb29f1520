//! OpenVPN (its manual, "OpenVPN Wire Protocol"): the reset that begins a session, to which a server replies with its own. A
//! server with `tls-auth` or `tls-crypt` stays silent.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Openvpn;

/// P_CONTROL_HARD_RESET_CLIENT_V2 with key id 0, the session id, no acknowledgement, packet id 0.
const RESET: &[u8] = b"\x38portolan\0\0\0\0\0";
/// P_CONTROL_HARD_RESET_SERVER_V2 with key id 0.
const SERVER_RESET: u8 = 0x40;

impl Probe for Openvpn {
    fn protocol(&self) -> &'static str {
        "openvpn"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[1194]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(RESET)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Udp {
            return None;
        }
        // Its session id, one acknowledgement of packet 0, and our session id.
        let (head, rest) = received.bytes.split_at_checked(9)?;
        let is_reset = head[0] == SERVER_RESET && rest.starts_with(b"\x01\0\0\0\0portolan");
        is_reset.then(|| Identity::of("openvpn"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> ServerBytes<'_> {
        ServerBytes { bytes, transport: Transport::Udp, reply_to: Some("openvpn"), ended: true }
    }

    #[test]
    fn only_the_servers_reset_of_this_session_counts() {
        let reply = b"\x40harbours\x01\0\0\0\0portolan\0\0\0\0";
        assert!(Openvpn.recognise(&received(reply)).is_some());
        assert_eq!((Openvpn.recognise(&received(RESET)), Openvpn.recognise(&received(&reply[..15]))), (None, None));
    }
}
