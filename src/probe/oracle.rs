//! The listener of Oracle Database (Transparent Network Substrate; "Database Net Services Administrator's Guide"): it refuses
//! to tell its version to a stranger, in a packet that contains it.

use super::bytes::Bytes;
use super::words::contains;
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Oracle;

const CONNECT: u8 = 1;
const REFUSE: u8 = 4;
const RESEND: u8 = 11;
/// The connect data, which begins after the fixed part of the packet.
const COMMAND: &[u8] = b"(CONNECT_DATA=(COMMAND=version))";
const FIXED_BYTES: u8 = 58;

impl Probe for Oracle {
    fn protocol(&self) -> &'static str {
        "oracle"
    }

    fn ports(&self) -> &'static [u16] {
        &[1521, 1526]
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(connect())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let mut bytes = Bytes(received.bytes);
        let length = usize::from(bytes.u16()?);
        let checksum = bytes.u16()?;
        let kind = bytes.u8()?;
        if checksum != 0 || length != received.bytes.len() {
            return None;
        }

        match kind {
            RESEND if length == 8 && received.reply_to == Some("oracle") => Some(Identity::of("oracle")),
            REFUSE if contains(received.bytes, "(DESCRIPTION=") => refusal(received.bytes),
            _ => None,
        }
    }
}

/// A connect packet: version 310, compatible with 300, a session unit of 8 KiB, and otherwise zeros.
fn connect() -> Vec<u8> {
    let mut packet = vec![0; usize::from(FIXED_BYTES)];
    let length = u8::try_from(COMMAND.len()).unwrap_or(u8::MAX);
    packet[1] = FIXED_BYTES.saturating_add(length);
    packet[4] = CONNECT;
    packet[8..12].copy_from_slice(&[0x01, 0x36, 0x01, 0x2c]);
    // Session data unit, transport data unit, and the byte order: 1 as this side writes it.
    packet[14..18].copy_from_slice(&[0x20, 0x00, 0x7f, 0xff]);
    packet[22..24].copy_from_slice(&[0x00, 0x01]);
    packet[25] = length;
    packet[27] = FIXED_BYTES;
    packet.extend(COMMAND);
    packet
}

/// Parses `(DESCRIPTION=(TMP=)(VSNNUM=186647040)(ERR=1189)(ERROR_STACK=…))`.
fn refusal(packet: &[u8]) -> Option<Identity> {
    let number = value(packet, b"(VSNNUM=");
    let error = value(packet, b"(ERR=");
    if number.is_none() && error.is_none() {
        return None;
    }

    let identity = Identity::of("oracle").product("Oracle Database");
    let identity = identity.fact_if("refusal_code", error.and_then(|error| i32::try_from(error).ok()));
    Some(match number.filter(|number| *number > 0) {
        Some(number) => identity.version(version(number)),
        None => identity,
    })
}

/// The number after a name.
fn value(packet: &[u8], name: &[u8]) -> Option<u32> {
    let at = packet.windows(name.len()).position(|window| window == name)?;
    let digits = packet.get(at + name.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// The five parts of a version in one number, of 8, 4, 8, 4 and 8 bits.
fn version(number: u32) -> Untrusted {
    let part = |shift: u32, bits: u32| (number >> shift) & ((1 << bits) - 1);
    format!("{}.{}.{}.{}.{}", part(24, 8), part(20, 4), part(12, 8), part(8, 4), part(0, 8)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    fn packet(kind: u8, text: &str) -> Vec<u8> {
        let length = u16::try_from(8 + 4 + text.len()).unwrap();
        [&length.to_be_bytes()[..], &[0, 0, kind, 0, 0, 0, 0x22, 0, 0, 0], text.as_bytes()].concat()
    }

    #[test]
    fn the_packet_says_how_long_its_parts_are() {
        let packet = connect();
        assert_eq!((packet.len(), usize::from(packet[1]), usize::from(packet[25])), (90, 90, COMMAND.len()));
        assert_eq!(&packet[usize::from(packet[27])..], COMMAND);
    }

    #[test]
    fn a_refusal_names_the_version() {
        let text = "(DESCRIPTION=(TMP=)(VSNNUM=186647040)(ERR=1189)(ERROR_STACK=(ERROR=(CODE=1189)(EMFI=4))))";
        let identity = recognise_tcp(&Oracle, &packet(REFUSE, text), Some("oracle")).unwrap();
        assert_eq!((identity.version, &identity.facts["refusal_code"]), (Some("11.2.0.2.0".into()), &1189.into()));
        assert!(recognise_tcp(&Oracle, &packet(REFUSE, "(DESCRIPTION=(ERR=1153))"), Some("http")).is_some());
        assert!(recognise_tcp(&Oracle, b"\0\x08\0\0\x0b\0\0\0", Some("oracle")).is_some());

        for other in [packet(REFUSE, "(DESCRIPTION=)"), packet(6, text), connect(), b"\0\x08\0\0\x0b\0\0\0".to_vec()] {
            assert!(recognise_tcp(&Oracle, &other, Some("http")).is_none(), "{other:?}");
        }
        assert!(recognise_tcp(&Oracle, &packet(REFUSE, text)[..40], Some("oracle")).is_none());
    }
}
