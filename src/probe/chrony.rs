//! The control port of chronyd (chrony's "candm.h", version 6): how many sources it has. It replies to everyone that
//! `cmdallow` admits.

use super::bytes::Bytes;
use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Chrony;

/// Version 6, a request (1), command 14 (N_SOURCES), the first attempt, the number `port`, and as many bytes as the reply has.
const REQUEST: &[u8] = b"\x06\x01\0\0\0\x0e\0\0port\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const REPLY: u8 = 2;
const N_SOURCES: u16 = 14;

impl Probe for Chrony {
    fn protocol(&self) -> &'static str {
        "chrony"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[323]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(REQUEST)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport == Transport::Udp { parse_reply(received.bytes) } else { None }
    }
}

/// Parses a reply: version, kind, command, its format, a status, the number of the request, and the count.
fn parse_reply(message: &[u8]) -> Option<Identity> {
    let mut bytes = Bytes(message);
    let (version, kind, _reserved, command) = (bytes.u8()?, bytes.u8()?, bytes.u16()?, bytes.u16()?);
    let (_format, status, _padding, number) = (bytes.u16()?, bytes.u16()?, bytes.take(6)?, bytes.take(4)?);
    bytes.take(8)?;
    if !(5..=7).contains(&version) || kind != REPLY || command != N_SOURCES || number != b"port" {
        return None;
    }

    let count = if status == 0 { bytes.u32() } else { None };
    let identity = Identity::of("chrony").product("chrony").fact_if("sources", count.map(i64::from));
    Some(identity.fact_if("status_code", Some(status).filter(|status| *status != 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_counted() {
        assert_eq!(REQUEST.len(), 32);
        let reply = b"\x06\x02\0\0\0\x0e\0\x02\0\0\0\0\0\0\0\0port\0\0\0\0\0\0\0\0\0\0\0\x04";
        assert_eq!(parse_reply(reply).unwrap().facts["sources"], 4.into());
        let refused = [&reply[..9], b"\x02", &reply[10..28]].concat();
        assert_eq!(parse_reply(&refused).unwrap().facts["status_code"], 2.into());
        assert_eq!((parse_reply(REQUEST), parse_reply(&reply[..27])), (None, None));
    }
}
