//! SSH (RFC 4253): the server sends its version, its algorithms and, in the key exchange, its host key, all before the login.

mod exchange;

use super::{MAX_BANNER, Probe, ProbeFuture, ServerBytes, Talk};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::ConnectionError;

pub(super) struct Ssh;

impl Probe for Ssh {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn ports(&self) -> &'static [u16] {
        &[22, 2222]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // Lines before the version are allowed (4.2), but servers do not send them.
        if !received.bytes.starts_with(b"SSH-") {
            return None;
        }

        let line = received.line()?;
        if received.is_cut() { Some(Identity::of("ssh")) } else { version_line(line) }
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(speak(talk))
    }
}

async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let mut bytes = Vec::new();
    talk.peer.read_until(&mut bytes, MAX_BANNER, |bytes| bytes.contains(&b'\n') || !may_be_ssh(bytes)).await?;
    let Some(identity) = Ssh.recognise(&talk.target().received(&bytes, None, false)) else { return Ok(None) };

    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    // It is SSH, even if the key exchange fails.
    Ok(Some(exchange::exchange(&mut talk.peer, bytes.split_off(end), identity).await))
}

/// Whether the first bytes can be the start of `SSH-`.
fn may_be_ssh(bytes: &[u8]) -> bool {
    b"SSH-".starts_with(&bytes[..bytes.len().min(4)])
}

/// Parses `SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3`: protocol, software, comment.
fn version_line(line: &[u8]) -> Option<Identity> {
    let rest = line.strip_prefix(b"SSH-")?;
    let dash = rest.iter().position(|byte| *byte == b'-')?;
    let (protocol, software) = (&rest[..dash], &rest[dash + 1..]);
    let (software, comment) = match software.iter().position(|byte| *byte == b' ') {
        Some(space) => (&software[..space], Some(&software[space + 1..])),
        None => (software, None),
    };

    // Most servers write `name_version`; some use a dash, such as `libssh-0.10.4`.
    let split = software.iter().position(|byte| *byte == b'_').or_else(|| {
        let digits = software.windows(2).position(|pair| pair[0] == b'-' && pair[1].is_ascii_digit());
        digits.filter(|at| *at > 0)
    });
    let (product, version) = match split {
        Some(at) => (&software[..at], Some(&software[at + 1..])),
        None => (software, None),
    };

    let identity = Identity::of("ssh")
        .product(Untrusted::from_bytes(product))
        .version(Untrusted::from_bytes(version.unwrap_or_default()))
        .fact("protocol_version", Untrusted::from_bytes(protocol))
        .fact_if("comment", comment.map(Untrusted::from_bytes));
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_is_parsed() {
        let identity = version_line(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3").unwrap();
        assert_eq!((identity.product, identity.version), (Some("OpenSSH".into()), Some("9.2p1".into())));
        assert_eq!(identity.facts.get("comment"), Some(&"Debian-2+deb12u3".into()));
        let identity = version_line(b"SSH-2.0-libssh-0.10.4").unwrap();
        assert_eq!((identity.product, identity.version), (Some("libssh".into()), Some("0.10.4".into())));
        assert_eq!(version_line(b"SSH-2.0-dropbear").unwrap().version, None);
        assert_eq!(version_line(b"SSH-"), None);
    }
}
