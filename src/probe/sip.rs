//! SIP (RFC 3261): the OPTIONS request, which queries the capabilities and rings no telephone.

use super::words::{header, list, product_and_version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Sip;

/// The request of 11.1 from a reserved name (RFC 2606). With `rport` (RFC 3581) the reply goes to the source address.
const OPTIONS_UDP: &[u8] = b"OPTIONS sip:portolan.invalid SIP/2.0\r\n\
Via: SIP/2.0/UDP portolan.invalid;branch=z9hG4bKportolan;rport\r\n\
Max-Forwards: 70\r\nFrom: <sip:scan@portolan.invalid>;tag=portolan\r\nTo: <sip:scan@portolan.invalid>\r\n\
Call-ID: options@portolan.invalid\r\nCSeq: 1 OPTIONS\r\nContact: <sip:scan@portolan.invalid>\r\n\
Accept: application/sdp\r\nContent-Length: 0\r\n\r\n";

impl Probe for Sip {
    fn protocol(&self) -> &'static str {
        "sip"
    }

    fn ports(&self) -> &'static [u16] {
        &[5060]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[5061]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[5060]
    }

    fn likelihood(&self) -> u8 {
        3
    }

    fn hello(&self, target: &PortTarget) -> Option<Vec<u8>> {
        let transport = if target.tls.is_some() { "SIP/2.0/TLS" } else { "SIP/2.0/TCP" };
        let text = String::from_utf8_lossy(OPTIONS_UDP);
        Some(text.replace("SIP/2.0/UDP", transport).into_bytes())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(OPTIONS_UDP)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let complete = received.ended
            || received.transport == Transport::Udp
            || received.bytes.windows(4).any(|window| window == b"\r\n\r\n");
        if complete { parse_reply(received.bytes) } else { None }
    }
}

/// Parses `SIP/2.0 200 OK` and headers.
fn parse_reply(head: &[u8]) -> Option<Identity> {
    let status = head.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    let identity = Identity::of("sip").fact("status", status);

    let methods =
        header(head, "Allow").and_then(|methods| list(methods.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)));
    let identity = identity.fact_if("methods", methods);

    let Some(server) = header(head, "Server").or_else(|| header(head, "User-Agent")) else { return Some(identity) };
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
        // RFC 3261, 11.2, with a server's name from 20.35.
        let head = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKhjhs8ass877\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nServer: HomeServer v2\r\n\r\n";
        let identity = recognise_tcp(&Sip, head, Some("sip")).unwrap();
        assert_eq!((identity.product, identity.version), (Some("HomeServer v2".into()), None));
        assert_eq!(identity.facts["methods"], vec!["INVITE", "ACK", "CANCEL", "OPTIONS", "BYE"].into());
        let identity =
            recognise_tcp(&Sip, b"SIP/2.0 404 Not Found\r\nServer: kamailio (5.6.3 (x86_64/linux))\r\n\r\n", None)
                .unwrap();
        assert_eq!((identity.product, identity.version), (Some("kamailio".into()), Some("5.6.3".into())));
        assert_eq!(recognise_tcp(&Sip, OPTIONS_UDP, None), None);
    }

    proptest! {
        #[test]
        fn any_head_is_accepted(head: Vec<u8>) {
            let _ = parse_reply(&[b"SIP/2.0 200".as_slice(), &head].concat());
        }
    }
}
