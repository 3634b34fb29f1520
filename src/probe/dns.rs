//! DNS (RFC 1035): a query for the version of the software (RFC 4892).

use super::bytes::Bytes;
use super::words::{product_and_version, version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Dns;

/// `version.bind CH TXT` with the id `po`, without recursion.
const QUERY: &[u8] = b"po\0\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
/// The same with its length in front, for TCP.
const QUERY_OVER_TCP: &[u8] = b"\0\x1epo\0\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
/// The offset of the question.
const HEADER: usize = 12;

impl Probe for Dns {
    fn protocol(&self) -> &'static str {
        "dns"
    }

    fn ports(&self) -> &'static [u16] {
        &[53, 5353]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[853]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[53]
    }

    fn likelihood(&self) -> u8 {
        6
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(QUERY_OVER_TCP.to_vec())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let message = match received.transport {
            Transport::Udp => received.bytes,
            _ => Bytes(received.bytes).text()?,
        };
        parse_reply(message)
    }
}

/// Parses a response: it has the id of the query, and repeats its question or none.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (id, flags) = (bytes.take(2)?, bytes.u16()?);
    let (questions, answers) = (bytes.u16()?, bytes.u16()?);
    bytes.take(4)?;

    // QR is set, the opcode is 0 (query), and the reserved bit is 0.
    if id != b"po" || flags & 0xf840 != 0x8000 || questions > 1 || answers > 16 {
        return None;
    }
    if questions == 1
        && bytes.take(QUERY.len() - HEADER).is_none_or(|question| !question.eq_ignore_ascii_case(&QUERY[HEADER..]))
    {
        return None;
    }

    let identity = Identity::of("dns")
        .fact("rcode", rcode(flags & 15))
        .fact("recursion_available", flags & 0x80 != 0)
        .fact("authoritative", flags & 0x400 != 0);
    Some(match text(bytes, answers) {
        Some(text) => with_version(identity, text),
        None => identity,
    })
}

/// The first TXT record.
fn text(mut bytes: Bytes<'_>, answers: u16) -> Option<&[u8]> {
    for _ in 0..answers {
        name(&mut bytes)?;
        let (kind, class) = (bytes.u16()?, bytes.u16()?);
        bytes.u32()?;

        let data = bytes.text()?;
        if (kind, class) == (16, 3) {
            return Bytes(data).short_text();
        }
    }
    None
}

/// Skips a name: labels up to an empty one or a pointer, which is not followed.
fn name(bytes: &mut Bytes<'_>) -> Option<()> {
    loop {
        match bytes.u8()? {
            0 => return Some(()),
            length @ 1..=63 => bytes.take(length.into())?,
            0xc0.. => return bytes.u8().map(drop),
            _ => return None,
        };
    }
}

/// `9.18.33-1~deb12u2-Debian`, `dnsmasq-2.90`, `unbound 1.17.1`, `Knot DNS 3.2.6`.
fn with_version(identity: Identity, text: &[u8]) -> Identity {
    let identity = identity.fact("version_bind", Untrusted::from_bytes(text));
    // BIND sends its bare version, which has started with 9 since 2000.
    if text.starts_with(b"9.") {
        return identity.product("BIND").version(version(text));
    }
    match product_and_version(text) {
        Some((product, version)) => identity.product(product).version(version),
        None => identity,
    }
}

fn rcode(code: u16) -> Untrusted {
    match code {
        0 => "NOERROR".into(),
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        9 => "NOTAUTH".into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(flags: [u8; 2], text: &[u8]) -> Vec<u8> {
        let mut message = [b"po", &flags[..], b"\0\x01\0\x01\0\0\0\0", &QUERY[HEADER..]].concat();
        message.extend_from_slice(b"\xc0\x0c\0\x10\0\x03\0\0\0\0\0");
        message.push(u8::try_from(text.len() + 1).unwrap());
        message.push(u8::try_from(text.len()).unwrap());
        message.extend_from_slice(text);
        message
    }

    #[test]
    fn the_text_names_the_software() {
        for (text, product, version) in [
            ("9.18.33-1~deb12u2-Debian", Some("BIND"), Some("9.18.33-1~deb12u2-Debian")),
            ("dnsmasq-2.90", Some("dnsmasq"), Some("2.90")),
            ("unbound 1.17.1", Some("unbound"), Some("1.17.1")),
            ("none of your business", None, None),
        ] {
            let identity = parse_reply(&message([0x84, 0], text.as_bytes())).unwrap();
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product);
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version);
        }
    }

    #[test]
    fn only_replies_to_the_query_count() {
        let refused = b"po\x80\x05\0\0\0\0\0\0\0\0";
        assert_eq!(parse_reply(refused).unwrap().facts["rcode"], "REFUSED".into());
        assert_eq!(parse_reply(b"xx\x80\x05\0\0\0\0\0\0\0\0"), None);
        assert_eq!(parse_reply(QUERY), None);

        let mut other = message([0x84, 0], b"x");
        other[HEADER + 1] = b'w';
        assert_eq!(parse_reply(&other), None);
    }

    proptest! {
        #[test]
        fn any_message_is_accepted(rest: Vec<u8>, flags: u16, counts: [u8; 8]) {
            let _ = parse_reply(&[b"po".as_slice(), &flags.to_be_bytes(), &counts, &rest].concat());
            let _ = parse_reply(&[b"po\x80\0\0\0\0\x10\0\0\0\0".as_slice(), &rest].concat());
        }
    }
}
