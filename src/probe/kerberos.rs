//! Kerberos (RFC 4120): a request for a ticket in a realm that no server has, which a key distribution center refuses.

use std::sync::LazyLock;

use super::ber::Elements;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Kerberos;

/// A reserved name (RFC 2606), so that no real user of a realm counts a failed attempt.
const REALM: &[u8] = b"PORTOLAN.INVALID";

static REQUEST: LazyLock<Vec<u8>> = LazyLock::new(as_request);

impl Probe for Kerberos {
    fn protocol(&self) -> &'static str {
        "kerberos"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[88]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(&REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_error(received.bytes) } else { None }
    }
}

/// An element in DER, with a content of less than 256 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&head[..], content].concat()
}

/// AS-REQ (5.4.1): message type 10 of version 5, for the user `portolan`, without any data to authenticate it.
fn as_request() -> Vec<u8> {
    let body = [
        // No options; the client, the realm, and its service of tickets (6.2); as long as possible; a nonce; AES and RC4.
        der(0xa0, b"\x03\x05\0\0\0\0\0"),
        der(0xa1, &principal(1, &[b"portolan"])),
        der(0xa2, &der(0x1b, REALM)),
        der(0xa3, &principal(2, &[b"krbtgt", REALM])),
        der(0xa5, &der(0x18, b"19700101000000Z")),
        der(0xa7, b"\x02\x04\x1b\x39\x2a\x11"),
        der(0xa8, &der(0x30, b"\x02\x01\x12\x02\x01\x11\x02\x01\x17")),
    ];
    let request = [der(0xa1, &[2, 1, 5]), der(0xa2, &[2, 1, 10]), der(0xa4, &der(0x30, &body.concat()))];
    der(0x6a, &der(0x30, &request.concat()))
}

/// PrincipalName (5.2.2) of a kind (6.2).
fn principal(kind: u8, names: &[&[u8]]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(|name| der(0x1b, name)).collect();
    der(0x30, &[der(0xa0, &[2, 1, kind]), der(0xa1, &der(0x30, &names))].concat())
}

/// Parses KRB-ERROR (5.9.1): message type 30 of version 5, its code, and the server's realm.
fn parse_error(message: &[u8]) -> Option<Identity> {
    let mut fields = Elements::of(message).inside(0x7e)?.inside(0x30)?;
    let version = fields.inside(0xa0)?.number()?;
    let kind = fields.inside(0xa1)?.number()?;
    if (version, kind) != (5, 30) {
        return None;
    }

    let (mut code, mut realm) = (None, None);
    while let Some((tag, content)) = fields.any() {
        match tag {
            0xa6 => code = Elements::of(content).number(),
            0xa9 => realm = Elements::of(content).next(0x1b),
            _ => {}
        }
    }
    let code = i64::from(code?);
    Some(Identity::of("kerberos").fact("error_code", code).fact_if("realm", realm.map(Untrusted::from_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_read() {
        // The lengths are those of the parts, and nothing is left.
        let mut request = Elements::of(&REQUEST);
        let mut inside = request.inside(0x6a).unwrap().inside(0x30).unwrap();
        assert!(request.any().is_none());
        assert_eq!(inside.inside(0xa1).unwrap().number(), Some(5));

        // KDC_ERR_WRONG_REALM (68) of a server for EXAMPLE.ORG.
        let fields = [
            der(0xa0, &[2, 1, 5]),
            der(0xa1, &[2, 1, 30]),
            der(0xa4, &der(0x18, b"20261130120000Z")),
            der(0xa5, b"\x02\x03\x0a\x1b\x2c"),
            der(0xa6, &[2, 1, 68]),
            der(0xa9, &der(0x1b, b"EXAMPLE.ORG")),
        ];
        let error = der(0x7e, &der(0x30, &fields.concat()));
        let identity = parse_error(&error).unwrap();
        assert_eq!((&identity.facts["error_code"], &identity.facts["realm"]), (&68.into(), &"EXAMPLE.ORG".into()));
        assert_eq!((parse_error(&REQUEST), parse_error(&error[..20])), (None, None));
    }
}
