//! Subversion's own protocol (its source, `libsvn_ra_svn/protocol`): the server greets with its versions and capabilities.

use super::words::list;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Svn;

impl Probe for Svn {
    fn protocol(&self) -> &'static str {
        "svn"
    }

    fn ports(&self) -> &'static [u16] {
        &[3690]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || received.bytes.ends_with(b") ) ");
        if !complete {
            return None;
        }
        // `( failure ( ( apr-err message file line ) ) )`
        if let Some([b'0'..=b'9', ..]) = received.bytes.strip_prefix(b"( failure ( ( ") {
            return Some(Identity::of("svn").fact("refused", true));
        }
        let rest = received.bytes.strip_prefix(b"( success ( ")?;

        // `( success ( minver maxver ( mechanism... ) ( capability... ) ) )`
        let mut lists = rest.split(|byte| *byte == b'(');
        let versions = lists.next()?.trim_ascii();
        let is_versions = !versions.is_empty() && versions.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ');
        let version = versions.rsplit(|byte| *byte == b' ').next()?;
        let capabilities = lists.nth(1).and_then(|words| words.split(|byte| *byte == b')').next()).unwrap_or_default();

        is_versions.then(|| {
            Identity::of("svn")
                .fact("protocol_version", Untrusted::from_bytes(version))
                .fact_if("capabilities", list(capabilities.split(|byte| *byte == b' ')))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_greeting_is_read() {
        let greeting = b"( success ( 2 2 ( ) ( edit-pipeline svndiff1 accepts-svndiff2 absent-entries ) ) ) ";
        let identity = recognise_tcp(&Svn, greeting, None).unwrap();
        assert_eq!(identity.facts["protocol_version"], "2".into());
        assert_eq!(
            identity.facts["capabilities"],
            vec!["edit-pipeline", "svndiff1", "accepts-svndiff2", "absent-entries"].into()
        );
        assert!(recognise_tcp(&Svn, b"( success ( ( ) ) ) ", None).is_none());
        let failure = b"( failure ( ( 170001 22:Authorization failed. 0: 0 ) ) ) ";
        assert_eq!(recognise_tcp(&Svn, failure, None).unwrap().facts["refused"], true.into());
        assert!(recognise_tcp(&Svn, b"( failure ( ( x ) ) ) ", None).is_none());
    }
}
