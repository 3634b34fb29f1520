//! DNS (RFC 1035): is asked for the version of its software, as RFC 4892 describes.

use super::bytes::Bytes;
use super::words::{product_and_version, version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Dns;

/// `version.bind CH TXT` with the id `po`, without a wish for recursion.
const QUERY: &[u8] = b"po\0\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
/// The same behind its length, as TCP has it.
const QUERY_OVER_TCP: &[u8] = b"\0\x1epo\0\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03";
/// Where the question begins.
const HEADER: usize = 12;

impl Probe for Dns {
    fn word(&self) -> &'static str {
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

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(QUERY_OVER_TCP.to_vec())
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let message = match said.transport {
            Transport::Udp => said.bytes,
            _ => Bytes(said.bytes).text()?,
        };
        answer(message)
    }
}

/// An answer to our question: it has our id, and whatever it repeats of the question is ours.
fn answer(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (id, flags) = (bytes.take(2)?, bytes.u16()?);
    let (questions, answers) = (bytes.u16()?, bytes.u16()?);
    bytes.take(4)?;
    // QR is set, it is a query (opcode 0), and the bit that must be zero is.
    if id != b"po" || flags & 0xf840 != 0x8000 || questions > 1 || answers > 16 {
        return None;
    }
    if questions == 1
        && bytes.take(QUERY.len() - HEADER).is_none_or(|asked| !asked.eq_ignore_ascii_case(&QUERY[HEADER..]))
    {
        return None;
    }
    let identity = Identity::of("dns")
        .fact("rcode", rcode(flags & 15))
        .fact("recursion_available", flags & 0x80 != 0)
        .fact("authoritative", flags & 0x400 != 0);
    Some(match text(bytes, answers) {
        Some(told) => with_version(identity, told),
        None => identity,
    })
}

/// The first text of the answers.
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

/// Passes over a name: labels up to an empty one or a pointer, which nothing here needs to follow.
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
    // BIND gives its bare version, which has begun with 9 since 2000.
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
            let identity = answer(&message([0x84, 0], text.as_bytes())).unwrap();
            assert_eq!(identity.product.as_ref().map(Untrusted::as_raw), product);
            assert_eq!(identity.version.as_ref().map(Untrusted::as_raw), version);
        }
    }

    #[test]
    fn only_an_answer_to_our_question_counts() {
        let refused = b"po\x80\x05\0\0\0\0\0\0\0\0";
        assert_eq!(answer(refused).unwrap().facts["rcode"], "REFUSED".into());
        assert_eq!(answer(b"xx\x80\x05\0\0\0\0\0\0\0\0"), None);
        assert_eq!(answer(QUERY), None);
        let mut other = message([0x84, 0], b"x");
        other[HEADER + 1] = b'w';
        assert_eq!(answer(&other), None);
    }

    proptest! {
        #[test]
        fn any_message_is_taken(rest: Vec<u8>, flags: u16, counts: [u8; 8]) {
            let _ = answer(&[b"po".as_slice(), &flags.to_be_bytes(), &counts, &rest].concat());
            let _ = answer(&[b"po\x80\0\0\0\0\x10\0\0\0\0".as_slice(), &rest].concat());
        }
    }
}
