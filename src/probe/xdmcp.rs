//! XDMCP ("X Display Manager Control Protocol", X.Org): a query, to which a display manager replies whether it would manage a
//! display.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Xdmcp;

/// Version 1, Query, one byte: no names of authentication.
const QUERY: &[u8] = b"\0\x01\0\x02\0\x01\0";

impl Probe for Xdmcp {
    fn protocol(&self) -> &'static str {
        "xdmcp"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[177]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses Willing (5), with a name of authentication, the host and its status; and Unwilling (6), without the first.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (version, operation) = (bytes.u16()?, bytes.u16()?);
    let mut fields = Bytes(bytes.text()?);
    if version != 1 || !matches!(operation, 5 | 6) || !bytes.0.is_empty() {
        return None;
    }

    if operation == 5 {
        fields.text()?;
    }
    let (host, status) = (fields.text()?, fields.text()?);
    let identity = Identity::of("xdmcp").fact("willing", operation == 5);
    let identity = identity.fact("hostname", Untrusted::from_bytes(host)).fact("status", Untrusted::from_bytes(status));
    fields.0.is_empty().then_some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read() {
        let willing = b"\0\x01\0\x05\0\x10\0\0\0\x04host\0\x06Linux ";
        let identity = parse_reply(willing).unwrap();
        assert_eq!((&identity.facts["hostname"], &identity.facts["willing"]), (&"host".into(), &true.into()));
        let unwilling = b"\0\x01\0\x06\0\x0a\0\x04host\0\x02no";
        assert_eq!(parse_reply(unwilling).unwrap().facts["willing"], false.into());
        assert_eq!(
            (parse_reply(QUERY), parse_reply(&willing[..12]), parse_reply(b"\0\x01\0\x05\0\0")),
            (None, None, None)
        );
    }
}
