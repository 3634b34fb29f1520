//! GTP of mobile networks: the echo request of its user plane (3GPP TS 29.281, 7.2.1) and of its control plane (TS 29.274,
//! 7.1.1), which every node replies to.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Gtp;

/// Version 1 with a sequence number, `po`: a request of 4 bytes for no tunnel.
const REQUEST: &[u8] = b"\x32\x01\0\x04\0\0\0\0po\0\0";
/// Version 2 without a tunnel: a request of 9 bytes with the number `\0po`, and how often this side restarted (0).
const CONTROL_REQUEST: &[u8] = b"\x40\x01\0\x09\0po\0\x03\0\x01\0\0";
const CONTROL_PORT: u16 = 2123;
const ECHO_RESPONSE: u8 = 2;
const VERSION_NOT_SUPPORTED: u8 = 3;

impl Probe for Gtp {
    fn protocol(&self) -> &'static str {
        "gtp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[2152, CONTROL_PORT]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn udp_payload_at(&self, port: u16) -> Option<&'static [u8]> {
        Some(if port == CONTROL_PORT { CONTROL_REQUEST } else { REQUEST })
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a reply with the number of the request, in either version.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (flags, kind, length) = (bytes.u8()?, bytes.u8()?, usize::from(bytes.u16()?));
    if !matches!(kind, ECHO_RESPONSE | VERSION_NOT_SUPPORTED) {
        return None;
    }

    // Version 1 does not count the tunnel's number.
    let version = match flags {
        0x32 if bytes.take(4)? == [0; 4] && length == bytes.0.len() && bytes.take(2)? == b"po" => 1,
        0x40 if length == bytes.0.len() && bytes.take(3)? == b"\0po" => 2,
        _ => return None,
    };
    Some(Identity::of("gtp").fact("gtp_version", version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_reply_with_the_number_of_the_request() {
        for request in [REQUEST, CONTROL_REQUEST] {
            let header = if request == REQUEST { 8 } else { 4 };
            assert_eq!(request.len(), header + usize::from(request[3]), "{request:?}");
        }
        assert_eq!(Gtp.udp_payload_at(2123), Some(CONTROL_REQUEST));

        let user = b"\x32\x02\0\x06\0\0\0\0po\0\0\x0e\0";
        let control = b"\x40\x02\0\x09\0po\0\x03\0\x01\0\x07";
        assert_eq!(parse_reply(user).unwrap().facts["gtp_version"], 1.into());
        assert_eq!(parse_reply(control).unwrap().facts["gtp_version"], 2.into());
        for other in [REQUEST, CONTROL_REQUEST, &user[..13], b"\x40\x02\0\x09\0xy\0\x03\0\x01\0\x07"] {
            assert_eq!(parse_reply(other), None, "{other:?}");
        }
    }
}
