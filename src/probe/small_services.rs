//! The small services that every system once had: echo (RFC 862), chargen (RFC 864), daytime (RFC 867) and time (RFC 868). Each
//! replies to any datagram.

use super::{Probe, ServerBytes};
use crate::model::{Identity, Transport};

pub(super) struct Echo;
pub(super) struct Chargen;
pub(super) struct Daytime;
pub(super) struct Time;

const LINE: &[u8] = b"portolan\r\n";
/// The printing characters of ASCII, from the space to `~`, whose ring the lines of chargen show.
const PRINTING: std::ops::RangeInclusive<u8> = b' '..=b'~';
/// The least of it that is no accident.
const MIN_RING: usize = 32;
const MAX_DAYTIME: usize = 128;
/// 1970 in seconds since 1900.
const YEAR_1970: u32 = 2_208_988_800;

impl Probe for Echo {
    fn protocol(&self) -> &'static str {
        super::ending::ECHO
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[7]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(LINE)
    }

    /// A reply that is the request itself is an echo, whatever the probe.
    fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
        None
    }
}

impl Probe for Chargen {
    fn protocol(&self) -> &'static str {
        "chargen"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[19]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(LINE)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
        let is_ring = line.len() >= MIN_RING && line.windows(2).all(|pair| pair[1] == successor(pair[0]));
        is_ring.then(|| Identity::of("chargen"))
    }
}

impl Probe for Daytime {
    fn protocol(&self) -> &'static str {
        "daytime"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[13]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(LINE)
    }

    /// The text has no certain form: one line with a time of day counts, in reply to this request alone.
    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        if received.transport != Transport::Udp || received.reply_to != Some("daytime") {
            return None;
        }

        let line = received.bytes.trim_ascii_end();
        let is_line = line.len() <= MAX_DAYTIME && line.iter().all(|byte| PRINTING.contains(byte));
        let has_time =
            line.windows(5).any(|text| matches!(text, [b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']));
        (is_line && has_time).then(|| Identity::of("daytime"))
    }
}

impl Probe for Time {
    fn protocol(&self) -> &'static str {
        "time"
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[37]
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(LINE)
    }

    /// Four bytes, in reply to this request alone: seconds since 1900, no earlier than 1970. inetutils-inetd sends four zeros
    /// behind them.
    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let is_asked = received.transport == Transport::Udp && received.reply_to == Some("time");
        let (seconds, rest) = received.bytes.split_first_chunk::<4>()?;
        let is_time = u32::from_be_bytes(*seconds) >= YEAR_1970 && matches!(rest, [] | [0, 0, 0, 0]);
        (is_asked && is_time).then(|| Identity::of("time"))
    }
}

/// The next character of the ring.
fn successor(byte: u8) -> u8 {
    if byte == *PRINTING.end() { *PRINTING.start() } else { byte.wrapping_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply<'a>(bytes: &'a [u8], reply_to: &'static str) -> ServerBytes<'a> {
        ServerBytes { bytes, transport: Transport::Udp, reply_to: Some(reply_to), ended: true }
    }

    #[test]
    fn the_ring_of_chargen_may_begin_anywhere() {
        let line: Vec<u8> = PRINTING.cycle().skip(60).take(72).chain(*b"\r\n").collect();
        assert!(Chargen.recognise(&reply(&line, "chargen")).is_some());
        for other in [LINE, &line[..20], &[&line[..40], b"!!"].concat()] {
            assert_eq!(Chargen.recognise(&reply(other, "chargen")), None, "{other:?}");
        }
    }

    #[test]
    fn a_time_counts_as_a_reply_to_its_own_request_only() {
        let text = b"Mon Nov 30 18:32:05 2026\r\n";
        assert!(Daytime.recognise(&reply(text, "daytime")).is_some());
        assert_eq!((Daytime.recognise(&reply(text, "dns")), Daytime.recognise(&reply(LINE, "daytime"))), (None, None));

        let seconds = [0xec, 0xa1, 0x5b, 0x20];
        assert!(Time.recognise(&reply(&seconds, "time")).is_some());
        assert_eq!(
            (Time.recognise(&reply(&seconds, "dns")), Time.recognise(&reply(b"\0\0\0\x01", "time"))),
            (None, None)
        );
    }
}
