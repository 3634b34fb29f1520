//! rsync's own daemon (its manual, rsyncd.conf): the server greets with the version of its protocol.

use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Rsync;

impl Probe for Rsync {
    fn protocol(&self) -> &'static str {
        "rsync"
    }

    fn ports(&self) -> &'static [u16] {
        &[873]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
        // Older servers turn a client away before the greeting.
        if received.reply_to.is_none() && line.starts_with(b"@ERROR") {
            return Some(Identity::of("rsync").fact("refused", true));
        }

        let line = line.strip_prefix(b"@RSYNCD: ")?;
        // Newer versions list their digests after it.
        let version = line.split(|byte| *byte == b' ').next()?;
        let is_version = version.first().is_some_and(u8::is_ascii_digit);
        is_version.then(|| Identity::of("rsync").fact("protocol_version", Untrusted::from_bytes(version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_protocol_version_is_read() {
        let identity = recognise_tcp(&Rsync, b"@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\n", None).unwrap();
        assert_eq!(identity.facts["protocol_version"], "31.0".into());
        assert!(recognise_tcp(&Rsync, b"@RSYNCD: 30.0\n", None).is_some());
        assert!(recognise_tcp(&Rsync, b"@RSYNCD: EXIT\n", None).is_none());
        let busy = b"@ERROR: max connections (5) reached -- try again later\n";
        assert_eq!(recognise_tcp(&Rsync, busy, None).unwrap().facts["refused"], true.into());
        assert!(recognise_tcp(&Rsync, busy, Some("http")).is_none());
    }
}
