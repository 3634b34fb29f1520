//! SSH (RFC 4253): greets with its version, names its algorithms, and shows its host key in the key exchange, long before
//! anybody would log in.

mod exchange;

use super::{MAX_BANNER, Probe, ServerBytes, Speaking, Talk};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::ConnectionError;

pub(super) struct Ssh;

impl Probe for Ssh {
    fn word(&self) -> &'static str {
        "ssh"
    }

    fn ports(&self) -> &'static [u16] {
        &[22, 2222]
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        // Lines before the version are allowed (4.2), and nobody sends them.
        if !said.bytes.starts_with(b"SSH-") {
            return None;
        }
        let line = said.line()?;
        if said.is_cut() { Some(Identity::of("ssh")) } else { version_line(line) }
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> Speaking<'a> {
        Box::pin(speak(talk))
    }
}

async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let mut bytes = Vec::new();
    let ends = |bytes: &[u8]| bytes.contains(&b'\n') || !b"SSH-".starts_with(&bytes[..bytes.len().min(4)]);
    talk.peer.read_until(&mut bytes, MAX_BANNER, ends).await?;
    let Some(identity) = Ssh.recognise(&talk.asked().said(&bytes, None, false)) else { return Ok(None) };
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    // Whatever goes wrong from here on, it is SSH.
    Ok(Some(exchange::exchange(&mut talk.peer, bytes.split_off(end), identity).await))
}

/// `SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3`: protocol, software, comment.
fn version_line(line: &[u8]) -> Option<Identity> {
    let rest = line.strip_prefix(b"SSH-")?;
    let dash = rest.iter().position(|byte| *byte == b'-')?;
    let (protocol, software) = (&rest[..dash], &rest[dash + 1..]);
    let (software, comment) = match software.iter().position(|byte| *byte == b' ') {
        Some(space) => (&software[..space], Some(&software[space + 1..])),
        None => (software, None),
    };
    // Most write `name_version`; some write a dash, as in `libssh-0.10.4`.
    let split = software.iter().position(|byte| *byte == b'_').or_else(|| {
        let digits = software.windows(2).position(|pair| pair[0] == b'-' && pair[1].is_ascii_digit());
        digits.filter(|at| *at > 0)
    });
    let (product, version) = match split {
        Some(at) => (&software[..at], Some(&software[at + 1..])),
        None => (software, None),
    };
    let identity = Identity::of("ssh").product(Untrusted::from_bytes(product));
    let identity = identity.version(Untrusted::from_bytes(version.unwrap_or_default()));
    let identity = identity.fact("protocol_version", Untrusted::from_bytes(protocol));
    Some(identity.fact_if("comment", comment.map(Untrusted::from_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_is_taken_apart() {
        let identity = version_line(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3").unwrap();
        assert_eq!((identity.product, identity.version), (Some("OpenSSH".into()), Some("9.2p1".into())));
        assert_eq!(identity.facts.get("comment"), Some(&"Debian-2+deb12u3".into()));
        let identity = version_line(b"SSH-2.0-libssh-0.10.4").unwrap();
        assert_eq!((identity.product, identity.version), (Some("libssh".into()), Some("0.10.4".into())));
        assert_eq!(version_line(b"SSH-2.0-dropbear").unwrap().version, None);
        assert_eq!(version_line(b"SSH-"), None);
    }
}
