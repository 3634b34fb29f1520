//! HTTP CONNECT: RFC 9110, section 9.3.6.

use std::fmt::Write as _;
use std::net::SocketAddr;

use rustix::io::Errno;

use crate::model::{ProxyUrl, Reason, base64};
use crate::net::{ConnectOutcome, Connection, ConnectionError, LocalShortage};

/// The longest status line.
const MAX_LINE_BYTES: usize = 1024;

/// Asks the proxy to connect.
pub(super) async fn connect(
    peer: &mut Connection,
    url: &ProxyUrl,
    target: SocketAddr,
) -> Result<ConnectOutcome, ConnectionError> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &url.credentials {
        let credentials = base64(format!("{user}:{}", password.expose()).as_bytes());
        // Writing to a String cannot fail.
        let _ = write!(request, "Proxy-Authorization: Basic {credentials}\r\n");
    }
    request.push_str("\r\n");
    peer.write(request.as_bytes()).await?;

    let mut reply = Vec::new();
    peer.read_until(&mut reply, MAX_LINE_BYTES, |bytes| bytes.contains(&b'\n')).await?;
    Ok(outcome(status(&reply)))
}

/// The status code of a reply.
fn status(reply: &[u8]) -> Option<u16> {
    let line = reply.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim_end().parse().ok()
}

/// Proxies do not say why they could not connect: a refused port and a host that is down are the same 5xx.
fn outcome(status: Option<u16>) -> ConnectOutcome {
    match status {
        Some(200..=299) => ConnectOutcome::Open { reason: Reason::SynAck, own: false },
        Some(407) => ConnectOutcome::Short(LocalShortage(Errno::ACCESS)),
        Some(504) => ConnectOutcome::No(Reason::NoResponse),
        Some(_) => ConnectOutcome::No(Reason::ProxyFailed),
        None => ConnectOutcome::Short(LocalShortage(Errno::PROTO)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for reply in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 abc\r\n", b"\xff\xfe\n"] {
            assert_eq!(status(reply), None, "{reply:?}");
        }
        assert!(matches!(outcome(Some(407)), ConnectOutcome::Short(_)), "not a state of the port");
        assert_eq!(outcome(Some(502)), ConnectOutcome::No(Reason::ProxyFailed));
    }
}
