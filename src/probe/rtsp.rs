//! RTSP (RFC 2326, RFC 7826): the OPTIONS request, which any client may send.

use super::words::{header, list, product_and_version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Rtsp;

impl Probe for Rtsp {
    fn protocol(&self) -> &'static str {
        "rtsp"
    }

    fn ports(&self) -> &'static [u16] {
        &[554, 8554]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[322]
    }

    fn likelihood(&self) -> u8 {
        // Nearly every server replies to an HTTP GET with an RTSP response.
        1
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: portolan\r\n\r\n".to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended || received.bytes.windows(4).any(|window| window == b"\r\n\r\n");
        if complete { parse_reply(received.bytes) } else { None }
    }
}

/// Parses `RTSP/1.0 200 OK` and headers.
fn parse_reply(head: &[u8]) -> Option<Identity> {
    let status = head.strip_prefix(b"RTSP/1.0 ").or_else(|| head.strip_prefix(b"RTSP/2.0 "))?.get(..3)?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    let identity = Identity::of("rtsp").fact("status", status);

    let methods =
        header(head, "Public").and_then(|methods| list(methods.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)));
    let identity = identity.fact_if("methods", methods);

    let Some(server) = header(head, "Server") else { return Some(identity) };
    Some(match product_and_version(server) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity.product(Untrusted::from_bytes(server)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_reply_to_options_is_read() {
        // RFC 2326, 10.1, with a server's name from 12.36.
        let head = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: PhonyServer/1.0\r\nPublic: DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE\r\n\r\n";
        let identity = recognise_tcp(&Rtsp, head, Some("rtsp")).unwrap();
        assert_eq!((identity.product, identity.version), (Some("PhonyServer".into()), Some("1.0".into())));
        assert_eq!(identity.facts["methods"], vec!["DESCRIBE", "SETUP", "TEARDOWN", "PLAY", "PAUSE"].into());
        assert_eq!(recognise_tcp(&Rtsp, b"HTTP/1.0 200 OK\r\n\r\n", Some("rtsp")), None);
    }

    proptest! {
        #[test]
        fn any_head_is_accepted(head: Vec<u8>) {
            let _ = parse_reply(&[b"RTSP/1.0 200".as_slice(), &head].concat());
        }
    }
}
