//! SSH (RFC 4253): the server sends its version, its algorithms and, in the key exchange, its host key, all before the login.

mod exchange;

use super::{MAX_BANNER, Probe, ProbeFuture, ServerBytes, Talk};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::ConnectionError;

pub(super) struct Ssh;

const REFUSALS: [&[u8]; 2] = [b"Exceeded MaxStartups", b"Not allowed at this time"];

impl Probe for Ssh {
    fn protocol(&self) -> &'static str {
        "ssh"
    }

    fn ports(&self) -> &'static [u16] {
        &[22, 2222]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // What OpenSSH says in place of its version to one client too many.
        if received.line().is_some_and(|line| REFUSALS.contains(&line)) {
            return Some(Identity::of("ssh").product("OpenSSH").fact("refused", true));
        }
        let bytes = received.bytes.get(version_start(received.bytes)?..)?;
        let received = ServerBytes { bytes, ..*received };
        let line = received.line()?;
        if received.is_cut() { Some(Identity::of("ssh")) } else { version_line(line) }
    }

    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(speak(talk))
    }
}

async fn speak(talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let mut bytes = Vec::new();
    while version_end(&bytes).is_none() && bytes.len() < MAX_BANNER {
        if !talk.more(&mut bytes).await? {
            break;
        }
    }
    let Some(identity) = Ssh.recognise(&talk.target().received(&bytes, None, false)) else { return Ok(None) };

    let end = version_end(&bytes).unwrap_or(bytes.len());
    // It is SSH, even if the key exchange fails.
    Ok(Some(exchange::exchange(&mut talk.peer, bytes.split_off(end), identity).await))
}

/// Where the version begins: a server may send other lines of text before it (4.2), for example about its use.
fn version_start(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"SSH-") {
        return Some(0);
    }

    let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    starts.find(|&start| is_version(&bytes[start..]) && is_text(&bytes[..start]))
}

fn is_version(line: &[u8]) -> bool {
    line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.")
}

/// Whether these may be lines for a terminal, with colours (ESC) and a bell.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\r' | b'\n' | b'\t' | 0x1b | 7))
}

/// The end of the version's line, if that is complete.
fn version_end(bytes: &[u8]) -> Option<usize> {
    let start = version_start(bytes)?;
    bytes[start..].iter().position(|byte| *byte == b'\n').map(|end| start + end + 1)
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

    #[test]
    fn a_refusal_of_openssh_is_recognised() {
        for line in ["Exceeded MaxStartups\r\n", "Not allowed at this time\r\n"] {
            assert!(crate::probe::recognise_tcp(&Ssh, line.as_bytes(), None).is_some());
        }
        assert!(crate::probe::recognise_tcp(&Ssh, b"Not allowed\r\n", None).is_none());
    }

    #[test]
    fn lines_before_the_version_are_skipped() {
        let greeting = b"Authorized use only\r\nAsk the desk\r\nSSH-2.0-OpenSSH_9.2p1\r\n";
        let identity = crate::probe::recognise_tcp(&Ssh, greeting, None).unwrap();
        assert_eq!(identity.version, Some("9.2p1".into()));
        assert_eq!(version_end(greeting), Some(greeting.len()));
        let colored = b"\x1b[1mWelcome\x1b[0m\r\nSSH-2.0-OpenSSH_9.2p1\r\n";
        assert!(crate::probe::recognise_tcp(&Ssh, colored, None).is_some());
        for other in [&b"\x00\nSSH-2.0-x\n"[..], b"<p>\n SSH-2.0-x\n", b"we speak SSH-2.0-x\n"] {
            assert!(crate::probe::recognise_tcp(&Ssh, other, None).is_none());
        }
    }
}
