//! memcached (doc/protocol.txt of its source): a text protocol.

use super::words::leading_version;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Memcached;

/// The same request in a datagram: the id `po`, the first of one, and reserved zeros.
const OVER_UDP: &[u8] = b"po\0\0\0\x01\0\0version\r\n";
/// The frame header, which a reply of one datagram repeats.
const FRAME: usize = 8;

impl Probe for Memcached {
    fn protocol(&self) -> &'static str {
        "memcached"
    }

    fn ports(&self) -> &'static [u16] {
        &[11211]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[11211]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(OVER_UDP)
    }

    fn likelihood(&self) -> u8 {
        5
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(b"version\r\n".to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp {
            let version = received.bytes.strip_prefix(&OVER_UDP[..FRAME])?.strip_prefix(b"VERSION ")?;
            let version = leading_version(version)?;
            return Some(Identity::of("memcached").product("memcached").version(version).fact("auth_required", false));
        }

        let line = received.line()?;
        // What it says to one client too many, before any request.
        if line == b"ERROR Too many open connections" {
            return Some(Identity::of("memcached").product("memcached").fact("refused", true));
        }
        if received.reply_to != Some("memcached") {
            return None;
        }

        // With the option -Y, memcached requires a password first.
        if line == b"CLIENT_ERROR unauthenticated" {
            return Some(Identity::of("memcached").product("memcached").fact("auth_required", true));
        }

        let version = leading_version(line.strip_prefix(b"VERSION ")?)?;
        Some(Identity::of("memcached").product("memcached").version(version).fact("auth_required", false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_version_is_read() {
        let identity = recognise_tcp(&Memcached, b"VERSION 1.6.18\r\n", Some("memcached")).unwrap();
        assert_eq!(identity.version, Some("1.6.18".into()));
        let identity = recognise_tcp(&Memcached, b"CLIENT_ERROR unauthenticated\r\n", Some("memcached")).unwrap();
        assert_eq!((identity.version, &identity.facts["auth_required"]), (None, &true.into()));
        assert_eq!(recognise_tcp(&Memcached, b"VERSION \r\n", Some("memcached")), None);
        assert_eq!(recognise_tcp(&Memcached, b"ERROR\r\n", Some("memcached")), None);
        assert!(recognise_tcp(&Memcached, b"ERROR Too many open connections\r\n", None).is_some());
    }
}
