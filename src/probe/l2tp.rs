//! L2TP (RFC 2661): a request to begin a connection in a version that no server has, which a server refuses at once (4.4.2,
//! result 5), so that no tunnel is left.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct L2tp;

/// A control message with a length and numbers (3.1), of 60 bytes, outside of any tunnel. Its values (4.4): SCCRQ, protocol
/// version 255.0, both kinds of framing, a host name, and the number of this side's tunnel.
const REQUEST: &[u8] = b"\xc8\x02\0\x3c\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x01\x80\x08\0\0\0\x02\xff\0\
\x80\x0a\0\0\0\x03\0\0\0\x03\x80\x0e\0\0\0\x07portolan\x80\x08\0\0\0\x09\0\x01";
const HOST_NAME: u16 = 7;
const VENDOR_NAME: u16 = 8;

impl Probe for L2tp {
    fn protocol(&self) -> &'static str {
        "l2tp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[1701]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a control message that acknowledges the request: SCCRP (2), StopCCN (4), or one without values.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (flags, length) = (bytes.u16()?, usize::from(bytes.u16()?));
    bytes.take(2 + 2 + 2)?;
    let acknowledged = bytes.u16()?;
    if flags & 0xcb0f != 0xc802 || length != message.len() || acknowledged != 1 {
        return None;
    }

    let identity = Identity::of("l2tp");
    if bytes.0.is_empty() {
        return Some(identity);
    }
    let (0, kind) = value(&mut bytes)? else { return None };
    if !matches!(kind, [0, 2 | 4]) {
        return None;
    }

    let (mut host, mut vendor) = (None, None);
    while let Some((attribute, content)) = value(&mut bytes) {
        match attribute {
            HOST_NAME => host = Some(Untrusted::from_bytes(content)),
            VENDOR_NAME => vendor = Some(Untrusted::from_bytes(content)),
            _ => {}
        }
    }
    Some(identity.fact_if("hostname", host).fact_if("vendor", vendor))
}

/// The next value of the IETF (4.1): its attribute and its content.
fn value<'a>(bytes: &mut Bytes<'a>) -> Option<(u16, &'a [u8])> {
    let length = usize::from(bytes.u16()? & 0x3ff);
    let mut content = Bytes(bytes.take(length.checked_sub(2)?)?);
    let (vendor, attribute) = (content.u16()?, content.u16()?);
    (vendor == 0).then_some((attribute, content.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_acknowledges_the_request() {
        assert_eq!(REQUEST.len(), usize::from(REQUEST[3]));
        let stop = b"\xc8\x02\0\x28\0\x01\0\0\0\0\0\x01\x80\x08\0\0\0\0\0\x04\x80\x0a\0\0\0\x07host\
\x80\x0a\0\0\0\x01\0\x05\x01\0";
        assert_eq!(parse_reply(stop).unwrap().facts["hostname"], "host".into());
        assert!(parse_reply(b"\xc8\x02\0\x0c\0\x01\0\0\0\0\0\x01").is_some());
        assert_eq!((parse_reply(REQUEST), parse_reply(&stop[..39])), (None, None));
    }
}
