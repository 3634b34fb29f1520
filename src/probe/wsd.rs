//! WS-Discovery (OASIS, and the version of 2005 that printers, cameras and Windows have): a probe for any device, to which a
//! device replies with its kinds.

use std::sync::LazyLock;

use uuid::Uuid;

use super::words::contains;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct WsDiscovery;

/// The namespaces of its versions.
const NAMESPACES: [&str; 2] =
    ["http://schemas.xmlsoap.org/ws/2005/04/discovery", "http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01"];

static PROBE: LazyLock<Vec<u8>> = LazyLock::new(probe);

impl Probe for WsDiscovery {
    fn protocol(&self) -> &'static str {
        "ws-discovery"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[3702]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(&PROBE)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Probe (5.2.1 of the version of 2005). Its id is new in each run: a device does not reply to one twice (SOAP-over-UDP, 3.2).
fn probe() -> Vec<u8> {
    let id = Uuid::new_v4();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">\
         <s:Header><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>\
         <a:MessageID>urn:uuid:{id}</a:MessageID>\
         <a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>\
         <s:Body><d:Probe/></s:Body></s:Envelope>"
    )
    .into_bytes()
}

/// Parses ProbeMatches (5.3.1).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let is_known = NAMESPACES.iter().any(|name| contains(message, name));
    let is_reply = message.starts_with(b"<") && is_known && contains(message, "ProbeMatches");
    is_reply.then(|| {
        let identity = Identity::of("ws-discovery");
        identity.fact_if("types", text_of(message, b"Types")).fact_if("addresses", text_of(message, b"XAddrs"))
    })
}

/// The text of the first element with this name in any namespace: `<d:Types>dn:Device</d:Types>`.
fn text_of(message: &[u8], name: &[u8]) -> Option<Untrusted> {
    let end = [name, b">"].concat();
    let at = message.windows(end.len()).position(|window| window == end)?;
    let text = message.get(at + end.len()..)?.split(|byte| *byte == b'<').next()?.trim_ascii();
    (!text.is_empty()).then(|| Untrusted::from_bytes(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_of_a_device_are_read() {
        let reply = b"<?xml version=\"1.0\"?><s:Envelope xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><s:Body>\
<d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>";
        assert_eq!(parse_reply(reply).unwrap().facts["types"], "dn:NetworkVideoTransmitter".into());
        assert_eq!((parse_reply(&PROBE), parse_reply(b"<ProbeMatches/>")), (None, None));
    }
}
