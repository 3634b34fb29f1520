//! SSDP, the discovery of UPnP (UPnP Device Architecture 2.0, 1.3): a search for root devices, to this host only.

use super::words::{header, product_and_version};
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Ssdp;

const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMan: \"ssdp:discover\"\r\nMX: 1\r\n\
ST: upnp:rootdevice\r\n\r\n";

impl Probe for Ssdp {
    fn protocol(&self) -> &'static str {
        "ssdp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[1900]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(SEARCH)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Udp || !received.bytes.starts_with(b"HTTP/1.1 200 ") {
            return None;
        }

        let usn = text(received.bytes, "USN")?;
        let identity = Identity::of("ssdp")
            .fact_if("location", text(received.bytes, "LOCATION"))
            .fact_if("server", text(received.bytes, "SERVER"))
            .fact("usn", usn);
        // `OS/version UPnP/1.0 product/version`
        let product = header(received.bytes, "SERVER").and_then(|server| server.rsplit(|byte| *byte == b' ').next());
        Some(match product.and_then(product_and_version) {
            Some((product, version)) => identity.product(product).version(version),
            None => identity,
        })
    }
}

/// The value of a header.
fn text(head: &[u8], name: &str) -> Option<Untrusted> {
    header(head, name).map(Untrusted::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_device_is_read() {
        // The response of UPnP Device Architecture 2.0, 1.3.3, with the values of MiniDLNA.
        let bytes = b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1810\r\nST: upnp:rootdevice\r\n\
            USN: uuid:4d696e69-444c-164e-9d41-080027a7a3a1::upnp:rootdevice\r\nEXT:\r\n\
            SERVER: Debian DLNADOC/1.50 UPnP/1.0 MiniDLNA/1.3.0\r\nLOCATION: http://10.0.0.5:8200/rootDesc.xml\r\n\r\n";
        let mut received = ServerBytes { bytes, transport: Transport::Udp, reply_to: Some("ssdp"), ended: true };
        let identity = Ssdp.recognise(&received).unwrap();
        assert_eq!((identity.product, identity.version), (Some("MiniDLNA".into()), Some("1.3.0".into())));
        assert_eq!(identity.facts["location"], "http://10.0.0.5:8200/rootDesc.xml".into());
        received.bytes = SEARCH;
        assert_eq!(Ssdp.recognise(&received), None);
    }
}
