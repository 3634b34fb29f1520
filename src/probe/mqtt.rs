//! MQTT 3.1.1 (OASIS): an anonymous session that ends with its connection. Brokers publish their version under `$SYS`.

use super::bytes::Bytes;
use super::words::product_and_version;
use super::{PortTarget, Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Mqtt;

/// CONNECT (3.1): clean session, no user name, password or client id, keep-alive 10 s.
const CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x0a\0\0";
/// SUBSCRIBE (3.8) with packet id 1, at most once.
const SUBSCRIBE: &[u8] = b"\x82\x18\0\x01\0\x13$SYS/broker/version\0";
const TOPIC: &[u8] = b"$SYS/broker/version";
const DISCONNECT: &[u8] = b"\xe0\0";

impl Probe for Mqtt {
    fn protocol(&self) -> &'static str {
        "mqtt"
    }

    fn ports(&self) -> &'static [u16] {
        &[1883]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[8883]
    }

    fn likelihood(&self) -> u8 {
        4
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(CONNECT.to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        acknowledged(received.bytes)
    }

    fn unavailable(&self, reply: &[u8]) -> Option<String> {
        // 3.2.2.3: the other codes refuse this client.
        reply.starts_with(b"\x20\x02\0\x03").then(|| "refuses: the server is unavailable (return code 3)".to_owned())
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            talk.peer.write(CONNECT).await?;
            let mut packets = Vec::new();
            talk.peer.fill(&mut packets, 4).await?;
            let Some(mut identity) = acknowledged(&packets) else { return Ok(None) };

            if packets[3] == 0 {
                talk.peer.write(SUBSCRIBE).await?;
                while published(&packets).is_none()
                    && packets.len() < self.max_bytes()
                    && talk.more(&mut packets).await?
                {}
                identity = with_version(identity, published(&packets));
                let _ = talk.peer.write(DISCONNECT).await;
            }
            Ok(Some(identity))
        })
    }
}

/// Parses CONNACK (3.2), the first packet from a broker. One that has only MQTT 5 refuses with a reason code (its 3.2.2.2), and
/// properties after it.
fn acknowledged(bytes: &[u8]) -> Option<Identity> {
    if let [0x20, 3..=127, 0, code @ 0x80..=0x9f, ..] = bytes {
        return Some(Identity::of("mqtt").fact("refusal_code", *code));
    }
    let [0x20, 2, 0, code @ 0..=5, ..] = bytes else { return None };
    let identity = Identity::of("mqtt").fact("auth_required", matches!(code, 4 | 5));
    Some(identity.fact_if("refusal_code", Some(*code).filter(|code| *code != 0)))
}

/// The message under the version topic.
fn published(bytes: &[u8]) -> Option<&[u8]> {
    let mut bytes = Bytes(bytes);
    loop {
        let kind = bytes.u8()?;
        // 2.2.3: seven bits of the length in each byte, the lowest first, at most four bytes.
        let mut length = 0;
        for position in 0.. {
            let next = bytes.u8().filter(|_| position < 4)?;
            length |= usize::from(next & 0x7f) << (7 * position);
            if next & 0x80 == 0 {
                break;
            }
        }

        let mut packet = Bytes(bytes.take(length)?);
        if kind >> 4 == 3 && packet.text() == Some(TOPIC) {
            return Some(packet.0);
        }
    }
}

/// `mosquitto version 2.0.11`, `HiveMQ 4.9`, or a bare number.
fn with_version(identity: Identity, message: Option<&[u8]>) -> Identity {
    let Some(message) = message else { return identity };
    let name = message.strip_prefix(b"mosquitto version ").map(Untrusted::from_bytes);
    match (name, product_and_version(message)) {
        (Some(version), _) => identity.product("mosquitto").version(version),
        (None, Some((product, version))) => identity.product(product).version(version),
        (None, None) => identity.version(Untrusted::from_bytes(&message[..message.len().min(64)])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_acknowledgement_and_the_version_are_read() {
        // 3.2 and 3.3 of the standard: CONNACK, SUBACK, and a retained PUBLISH.
        let packets = b"\x20\x02\0\0\x90\x03\0\x01\0\x31\x2d\0\x13$SYS/broker/versionmosquitto version 2.0.11";
        let identity = with_version(recognise_tcp(&Mqtt, packets, Some("mqtt")).unwrap(), published(packets));
        assert_eq!((identity.product, identity.version), (Some("mosquitto".into()), Some("2.0.11".into())));
        assert_eq!(recognise_tcp(&Mqtt, b"\x20\x02\0\x05", Some("mqtt")).unwrap().facts["auth_required"], true.into());
        assert_eq!(recognise_tcp(&Mqtt, b"\x20\x02\0\x07", Some("mqtt")), None);
        let only_5 = recognise_tcp(&Mqtt, b"\x20\x03\0\x84\0", Some("mqtt")).unwrap();
        assert_eq!(only_5.facts["refusal_code"], 0x84.into());
        assert_eq!(recognise_tcp(&Mqtt, b"\x20\x03\0\x04\0", Some("mqtt")), None);
        assert!(Mqtt.unavailable(b"\x20\x02\0\x03").is_some());
        assert_eq!(Mqtt.unavailable(b"\x20\x02\0\x05"), None);
        assert_eq!(published(b"\x31\xff\xff\xff\xff\x01"), None);

        assert_eq!(CONNECT.len(), 2 + usize::from(CONNECT[1]));
        assert_eq!(SUBSCRIBE.len(), 2 + usize::from(SUBSCRIBE[1]));
    }

    proptest! {
        #[test]
        fn any_packets_are_accepted(packets: Vec<u8>) {
            let _ = (acknowledged(&packets), with_version(Identity::default(), published(&packets)));
        }
    }
}
