//! NetBIOS name service (RFC 1002): the node status request, which lists the names of a host (4.2.17).

use super::bytes::{Bytes, hex};
use super::words::list;
use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Identity, Transport};

pub(super) struct Netbios;

/// NBSTAT IN for the name `*`, in its first-level encoding (4.1), with the id `po`.
const QUERY: &[u8] = b"po\0\0\0\x01\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01";
/// A name with its suffix, and its flags.
const NAME: usize = 18;

impl Probe for Netbios {
    fn protocol(&self) -> &'static str {
        "netbios-ns"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[137]
    }

    fn udp_likelihood(&self) -> u8 {
        1
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(QUERY)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses the node status response (4.2.18).
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (id, flags) = (bytes.take(2)?, bytes.u16()?);
    let (questions, answers) = (bytes.u16()?, bytes.u16()?);
    bytes.take(4)?;
    if id != b"po" || flags & 0xf800 != 0x8000 || (questions, answers) != (0, 1) {
        return None;
    }

    // The name of the query, the type and the class.
    if bytes.take(QUERY.len() - 12)? != &QUERY[12..] {
        return None;
    }
    bytes.take(6)?;
    let count = usize::from(bytes.u8()?);
    let names = bytes.take(count * NAME)?;
    let address = bytes.take(6);

    // A unique name with the suffix 0 is the host's, a group's is its workgroup's.
    let unique = names.chunks_exact(NAME).filter(|name| name[16] & 0x80 == 0 && name[15] == 0);
    let groups = names.chunks_exact(NAME).filter(|name| name[16] & 0x80 != 0 && name[15] == 0);
    let identity = Identity::of("netbios-ns")
        .fact_if("hostname", unique.map(without_suffix).map(Untrusted::from_bytes).next())
        .fact_if("workgroup", groups.map(without_suffix).map(Untrusted::from_bytes).next())
        .fact_if("names", list(names.chunks_exact(NAME).map(without_suffix)));
    // Samba sends zeros in place of the link address.
    Some(identity.fact_if("link_address", address.filter(|address| **address != [0; 6]).map(hex)))
}

/// A name without its padding, its suffix and its flags.
fn without_suffix(name: &[u8]) -> &[u8] {
    name[..15].trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, suffix: u8, flags: u8) -> Vec<u8> {
        [format!("{text:15}").as_bytes(), &[suffix, flags, 0]].concat()
    }

    #[test]
    fn the_names_are_read() {
        let names = [name("HARBOUR", 0, 0x04), name("WORKGROUP", 0, 0x84), name("HARBOUR", 0x20, 0x04)].concat();
        let head = [b"po\x84\0\0\0\0\x01\0\0\0\0", &QUERY[12..], b"\0\0\0\0\0\x65\x03"].concat();
        let reply = [&head[..], &names, &[0; 46]].concat();
        let identity = parse_reply(&reply).unwrap();
        assert_eq!(
            (&identity.facts["hostname"], &identity.facts["workgroup"]),
            (&"HARBOUR".into(), &"WORKGROUP".into())
        );
        assert!(!identity.facts.contains_key("link_address"));
        assert_eq!((parse_reply(QUERY), parse_reply(&reply[..60])), (None, None));
    }
}
