//! Probes that a user defines in a file.

mod file;

use regex::bytes::Regex;

use super::{MAX_BANNER, PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

/// One probe of a file.
#[derive(Debug)]
struct CustomProbe {
    protocol: &'static str,
    transport: Transport,
    ports: &'static [u16],
    tls_ports: &'static [u16],
    send: Option<&'static [u8]>,
    likelihood: u8,
    pattern: Regex,
    product: Option<String>,
}

impl Probe for CustomProbe {
    fn protocol(&self) -> &'static str {
        self.protocol
    }

    fn ports(&self) -> &'static [u16] {
        if self.transport == Transport::Tcp { self.ports } else { &[] }
    }

    fn tls_ports(&self) -> &'static [u16] {
        self.tls_ports
    }

    fn udp_ports(&self) -> &'static [u16] {
        if self.transport == Transport::Udp { self.ports } else { &[] }
    }

    fn likelihood(&self) -> u8 {
        if self.transport == Transport::Tcp { self.likelihood } else { 0 }
    }

    fn udp_likelihood(&self) -> u8 {
        if self.transport == Transport::Udp { self.likelihood } else { 0 }
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        self.send.filter(|_| self.transport == Transport::Tcp).map(<[u8]>::to_vec)
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        self.send.filter(|_| self.transport == Transport::Udp)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // An incomplete line may contain an incomplete version.
        let whole = received.ended || received.bytes.ends_with(b"\n") || received.bytes.len() >= MAX_BANNER;
        if received.transport != self.transport || !whole {
            return None;
        }

        let groups = self.pattern.captures(&received.bytes[..received.bytes.len().min(MAX_BANNER)])?;
        let mut identity = Identity::of(self.protocol).product(self.product.clone().unwrap_or_default());
        for name in self.pattern.capture_names().flatten() {
            let Some(group) = groups.name(name) else { continue };
            let text = Untrusted::from_bytes(group.as_bytes());
            identity = match name {
                "product" => identity.product(text),
                "version" => identity.version(text),
                other => identity.fact(other.to_owned(), text),
            };
        }

        Some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_groups_become_facts() {
        let probe = CustomProbe {
            protocol: "acme",
            transport: Transport::Tcp,
            ports: &[],
            tls_ports: &[],
            send: None,
            likelihood: 0,
            pattern: Regex::new(r"(?-u)^ACME (?<version>[\d.]+) (?<region>\w+)").unwrap(),
            product: Some("Acme".into()),
        };

        let bytes = b"ACME 1.2.3 eu \xff\xfe\n";
        let received = ServerBytes { bytes, transport: Transport::Tcp, reply_to: None, ended: false };

        let identity = probe.recognise(&received).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Acme".into()), Some("1.2.3".into())));
        assert_eq!(identity.facts.get("region"), Some(&"eu".into()));
        assert!(probe.recognise(&ServerBytes { bytes: b"nothing\n", ..received }).is_none());

        // The line is incomplete, so the version may continue.
        let half = ServerBytes { bytes: b"ACME 1.2 e", ..received };
        assert!(probe.recognise(&half).is_none());
        assert!(probe.recognise(&ServerBytes { ended: true, ..half }).is_some());
    }
}
