//! memcached (doc/protocol.txt of its source): a text protocol.

use super::words::version;
use super::{PortTarget, Probe, ServerBytes};
use crate::model::Identity;

pub(super) struct Memcached;

impl Probe for Memcached {
    fn word(&self) -> &'static str {
        "memcached"
    }

    fn ports(&self) -> &'static [u16] {
        &[11211]
    }

    fn likelihood(&self) -> u8 {
        5
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(b"version\r\n".to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let line = said.line()?;
        if said.to != Some("memcached") {
            return None;
        }
        // With -Y it wants a password before anything else.
        if line == b"CLIENT_ERROR unauthenticated" {
            return Some(Identity::of("memcached").product("memcached").fact("auth_required", true));
        }
        let told = line.strip_prefix(b"VERSION ").filter(|told| told.first().is_some_and(u8::is_ascii_digit))?;
        Some(Identity::of("memcached").product("memcached").version(version(told)).fact("auth_required", false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::told;

    #[test]
    fn the_version_is_told() {
        let identity = told(&Memcached, b"VERSION 1.6.18\r\n", Some("memcached")).unwrap();
        assert_eq!(identity.version, Some("1.6.18".into()));
        let identity = told(&Memcached, b"CLIENT_ERROR unauthenticated\r\n", Some("memcached")).unwrap();
        assert_eq!((identity.version, &identity.facts["auth_required"]), (None, &true.into()));
        assert_eq!(told(&Memcached, b"VERSION \r\n", Some("memcached")), None);
        assert_eq!(told(&Memcached, b"ERROR\r\n", Some("memcached")), None);
    }
}
