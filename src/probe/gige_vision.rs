//! GigE Vision (AIA, "GigE Vision", the control protocol GVCP): the discovery of a camera, which takes no control of it.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct GigeVision;

/// A command with an acknowledgement: discovery (2), no content, and the number `po`.
const REQUEST: &[u8] = b"\x42\x01\0\x02\0\0po";

impl Probe for GigeVision {
    fn protocol(&self) -> &'static str {
        "gige-vision"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[3956]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the acknowledgement: 248 bytes, in which the maker stands at 72, the model at 104 and the device's version at 136, with
/// 32 bytes each.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    if bytes.take(8)? != b"\0\0\0\x03\0\xf8po" {
        return None;
    }

    let content = bytes.take(248)?;
    let identity = Identity::of("gige-vision").fact_if("vendor", text(&content[72..104]));
    let identity = text(&content[104..136]).into_iter().fold(identity, Identity::product);
    Some(text(&content[136..168]).into_iter().fold(identity, Identity::version))
}

/// A text with zeros behind it.
fn text(field: &[u8]) -> Option<Untrusted> {
    field.split(|byte| *byte == 0).next().filter(|text| !text.is_empty()).map(Untrusted::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_is_read() {
        let mut reply = [&b"\0\0\0\x03\0\xf8po"[..], &[0; 248]].concat();
        for (at, word) in [(80, "Harbour Optics"), (112, "Lighthouse 5M"), (144, "1.2.3")] {
            reply[at..at + word.len()].copy_from_slice(word.as_bytes());
        }
        let identity = parse_reply(&reply).unwrap();
        assert_eq!((identity.product, identity.version), (Some("Lighthouse 5M".into()), Some("1.2.3".into())));
        assert_eq!(identity.facts["vendor"], "Harbour Optics".into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..255])), (None, None));
    }
}
