//! git's own daemon (its manual, gitprotocol-pack): a request for a repository that no server has, which it refuses.

use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Git;

/// The longest refusal that is kept.
const MAX_TEXT: usize = 256;

impl Probe for Git {
    fn protocol(&self) -> &'static str {
        "git"
    }

    fn ports(&self) -> &'static [u16] {
        &[9418]
    }

    fn hello(&self, target: &PortTarget) -> Option<Vec<u8>> {
        let host = target.host.clone().unwrap_or_else(|| target.address.ip().to_string());
        let request = format!("git-upload-pack /portolan.invalid\0host={host}\0");
        Some(format!("{:04x}{request}", request.len() + 4).into_bytes())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let (length, rest) = received.bytes.split_at_checked(4)?;
        let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
        let line = rest.get(..length.checked_sub(4)?)?.trim_ascii_end();
        let refusal = line.strip_prefix(b"ERR ")?;
        Some(Identity::of("git").fact("refusal", Untrusted::from_bytes(&refusal[..refusal.len().min(MAX_TEXT)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Transport;
    use crate::probe::recognise_tcp;

    #[test]
    fn a_refusal_is_read() {
        let reply = b"0043ERR access denied or repository not exported: /portolan.invalid";
        let identity = recognise_tcp(&Git, reply, Some("git")).unwrap();
        assert_eq!(identity.facts["refusal"], "access denied or repository not exported: /portolan.invalid".into());
        assert_eq!((recognise_tcp(&Git, b"0000", None), recognise_tcp(&Git, b"00ffERR", None)), (None, None));
        let hello = Git.hello(&PortTarget::new(([127, 0, 0, 1], 9418).into(), Transport::Tcp)).unwrap();
        assert_eq!(hello.len(), usize::from_str_radix(std::str::from_utf8(&hello[..4]).unwrap(), 16).unwrap());
    }
}
