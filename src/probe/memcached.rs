//! memcached (doc/protocol.txt of its source): a text protocol.

use super::words::leading_version;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Memcached;

impl Probe for Memcached {
    fn protocol(&self) -> &'static str {
        "memcached"
    }

    fn ports(&self) -> &'static [u16] {
        &[11211]
    }

    fn likelihood(&self) -> u8 {
        5
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(b"version\r\n".to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
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
    }
}
