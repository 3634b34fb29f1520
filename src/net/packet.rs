//! The packets of a half-open scan: a SYN in its IP header, and its replies (RFC 9293 TCP, 791 and 8200 IP, 792 and
//! 4443 ICMP). The parsers return `None` for all other packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::model::Reason;

/// The protocol number of TCP.
const TCP: u8 = 6;
const HOPS: u8 = 64;
/// The value of most systems on Ethernet; a SYN without it identifies a scanner.
const MAX_SEGMENT: u16 = 1460;
const WINDOW: u16 = 64_240;
const V4_HEADER: usize = 20;
/// The fragment offset is in the lower 13 bits.
const FRAGMENT: u16 = 1 << 13;
const V6_HEADER: usize = 40;
/// A TCP header with one option: the maximum segment size.
const TCP_HEADER: usize = 24;
/// The size of the largest packet sent.
pub(super) const MAX_PACKET: usize = V6_HEADER + TCP_HEADER;

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Writes a SYN with its IP header, and returns its length. Both addresses are of one family.
pub(super) fn write_syn(from: SocketAddr, to: SocketAddr, sequence: u32, into: &mut [u8; MAX_PACKET]) -> usize {
    into.fill(0);
    let (header, sum) = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            into[0] = 0x45;
            into[2..4].copy_from_slice(&length(V4_HEADER + TCP_HEADER).to_be_bytes());
            // Don't fragment. The kernel fills in the identification and the checksum.
            into[6] = 0x40;
            (into[8], into[9]) = (HOPS, TCP);
            into[12..16].copy_from_slice(&from.octets());
            into[16..20].copy_from_slice(&to.octets());
            (V4_HEADER, words(&from.octets()) + words(&to.octets()))
        }
        (from, to) => {
            into[0] = 0x60;
            into[4..6].copy_from_slice(&length(TCP_HEADER).to_be_bytes());
            (into[6], into[7]) = (TCP, HOPS);
            let (from, to) = (as_v6(from).octets(), as_v6(to).octets());
            into[8..24].copy_from_slice(&from);
            into[24..40].copy_from_slice(&to);
            (V6_HEADER, words(&from) + words(&to))
        }
    };

    let tcp = &mut into[header..header + TCP_HEADER];
    tcp[0..2].copy_from_slice(&from.port().to_be_bytes());
    tcp[2..4].copy_from_slice(&to.port().to_be_bytes());
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    // Six words of header, no data.
    (tcp[12], tcp[13]) = (6 << 4, SYN);
    tcp[14..16].copy_from_slice(&WINDOW.to_be_bytes());
    (tcp[20], tcp[21]) = (2, 4);
    tcp[22..24].copy_from_slice(&MAX_SEGMENT.to_be_bytes());

    let sum = folded(sum + u32::from(TCP) + u32::from(length(TCP_HEADER)) + words(tcp));
    tcp[16..18].copy_from_slice(&(!sum).to_be_bytes());
    header + TCP_HEADER
}

/// A reply to a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The probed port.
    pub(super) port: u16,
    /// The sequence number of the SYN that it acknowledges.
    pub(super) answers: u32,
    pub(super) reason: Reason,
}

/// A segment that shows the state of the port: a SYN or a reset, each with an acknowledgement. A reset without one
/// does not belong to a SYN.
pub(super) fn segment(tcp: &[u8]) -> Option<Segment> {
    let flags = *tcp.get(13)?;
    let reason = match flags & (SYN | RST | ACK) {
        both if both == SYN | ACK => Reason::SynAck,
        both if both == RST | ACK => Reason::Refused,
        _ => return None,
    };
    Some(Segment { port: u16_at(tcp, 0)?, answers: u32_at(tcp, 8)?.wrapping_sub(1), reason })
}

/// The protocol and payload of an IPv4 packet; `None` for fragments except the first.
pub(super) fn v4_payload(packet: &[u8]) -> Option<(u8, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let first = packet.first()? >> 4 == 4 && header >= V4_HEADER && u16_at(packet, 6)? % FRAGMENT == 0;
    Some((*packet.get(9)?, packet.get(header..)?)).filter(|_| first)
}

/// An ICMP message about a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IcmpError {
    /// The destination of the SYN.
    pub(super) to: SocketAddr,
    /// Its sequence number.
    pub(super) about: u32,
    pub(super) reason: Reason,
}

/// The meaning of an ICMP message about a SYN, as the kernel reports it to a connecting socket (`icmp_err_convert` in
/// Linux).
pub(super) fn icmp_error_v4(icmp: &[u8]) -> Option<IcmpError> {
    let reason = match (icmp.first()?, icmp.get(1)?) {
        (3, 3) => Reason::Refused,
        // The packet is too long for the path: not an error of a SYN.
        (3, 4) => return None,
        (3, 0 | 2 | 6 | 8 | 9 | 11) => Reason::NetUnreachable,
        // Hop limit exceeded, or a header that a router rejects.
        (3 | 11 | 12, _) => Reason::HostUnreachable,
        _ => return None,
    };

    let packet = icmp.get(8..)?;
    let (protocol, tcp) = v4_payload(packet)?;
    let to = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?);
    icmp_error(protocol, tcp, to.into(), reason)
}

/// The same for ICMPv6.
pub(super) fn icmp_error_v6(icmp: &[u8]) -> Option<IcmpError> {
    let reason = match (icmp.first()?, icmp.get(1)?) {
        (1, 0) => Reason::NetUnreachable,
        (1, 4) => Reason::Refused,
        (1 | 3 | 4, _) => Reason::HostUnreachable,
        _ => return None,
    };

    let packet = icmp.get(8..)?;
    let to = Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?);
    let six = packet.first()? >> 4 == 6;
    icmp_error(*packet.get(6)?, packet.get(V6_HEADER..)?, to.into(), reason).filter(|_| six)
}

/// Parses the quoted packet, which may be truncated after its first bytes.
fn icmp_error(protocol: u8, tcp: &[u8], to: IpAddr, reason: Reason) -> Option<IcmpError> {
    let to = SocketAddr::new(to, u16_at(tcp, 2)?);
    Some(IcmpError { to, about: u32_at(tcp, 4)?, reason }).filter(|_| protocol == TCP)
}

/// The checksum of a packet whose checksum field is zero.
pub(super) fn checksum(packet: &[u8]) -> u16 {
    !folded(words(packet))
}

fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// The sum of big-endian words, for a checksum (RFC 1071). The input has an even length.
fn words(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum()
}

fn folded(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(u16::MAX)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn syn(from: &str, to: &str, sequence: u32) -> (SocketAddr, Vec<u8>) {
        let (mut packet, to) = ([0; MAX_PACKET], to.parse().unwrap());
        let length = write_syn(from.parse().unwrap(), to, sequence, &mut packet);
        (to, packet[..length].to_vec())
    }

    /// The TCP header of a reply.
    fn answer(port: u16, acknowledges: u32, flags: u8) -> Vec<u8> {
        let mut tcp = vec![0; 20];
        tcp[..2].copy_from_slice(&port.to_be_bytes());
        tcp[8..12].copy_from_slice(&acknowledges.to_be_bytes());
        tcp[13] = flags;
        tcp
    }

    #[test]
    fn a_syn_follows_the_standard() {
        let (_, packet) = syn("10.0.0.1:40000", "10.0.0.2:80", 0x0102_0304);
        assert_eq!(packet.len(), 44);
        assert_eq!(packet[..4], [0x45, 0, 0, 44]);
        assert_eq!((packet[9], &packet[12..20]), (6, &[10, 0, 0, 1, 10, 0, 0, 2][..]));
        assert_eq!(packet[20..34], [0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0x60, 2]);
        // The sum over everything, including the checksum, is all ones (RFC 1071).
        for (packet, addresses, header) in
            [(packet, 12, 20), (syn("[2001:db8::1]:40000", "[2001:db8::ffff:fffe]:65535", u32::MAX).1, 8, 40)]
        {
            let sum = words(&packet[addresses..header]) + 6 + 24 + words(&packet[header..]);
            assert_eq!(folded(sum), u16::MAX);
        }
    }

    #[test]
    fn only_replies_to_a_syn_are_parsed() {
        for (flags, reason) in [(SYN | ACK, Reason::SynAck), (RST | ACK, Reason::Refused)] {
            let segment = segment(&answer(443, 8, flags)).unwrap();
            assert_eq!((segment.port, segment.answers, segment.reason), (443, 7, reason));
        }
        for flags in [0, SYN, RST, ACK, ACK | 0x01, SYN | RST | ACK] {
            assert!(segment(&answer(443, 8, flags)).is_none(), "{flags:#x}");
        }

        assert_eq!(segment(&answer(443, 0, SYN | ACK)).unwrap().answers, u32::MAX);
    }

    fn v4_error(kind: u8, code: u8, quoted: &[u8]) -> Option<IcmpError> {
        icmp_error_v4(&[&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat())
    }

    fn v6_error(kind: u8, code: u8, quoted: &[u8]) -> Option<IcmpError> {
        icmp_error_v6(&[&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat())
    }

    #[test]
    fn an_icmp_error_identifies_its_syn() {
        let (to, packet) = syn("10.0.0.1:40000", "10.0.0.2:80", 9);
        let quoted = &packet[..28];
        assert_eq!(v4_error(3, 3, quoted), Some(IcmpError { to, about: 9, reason: Reason::Refused }));
        assert_eq!(v4_error(3, 13, quoted).unwrap().reason, Reason::HostUnreachable);
        assert_eq!(v4_error(3, 0, quoted).unwrap().reason, Reason::NetUnreachable);
        assert_eq!([(3, 4), (0, 0), (8, 0)].map(|(kind, code)| v4_error(kind, code, quoted)), [None, None, None]);

        let (to, packet) = syn("[::1]:40000", "[2001:db8::2]:80", 9);
        let quoted = &packet[..48];
        assert_eq!(v6_error(1, 4, quoted), Some(IcmpError { to, about: 9, reason: Reason::Refused }));
        assert_eq!(v6_error(1, 1, quoted).unwrap().reason, Reason::HostUnreachable);
        assert_eq!(v6_error(129, 0, quoted), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (segment(&bytes), v4_payload(&bytes), icmp_error_v4(&bytes), icmp_error_v6(&bytes));
        }

        /// Nearly valid packets are worse than noise.
        #[test]
        fn no_damage_makes_the_parsers_panic(cut in 0_usize..80, at in 0_usize..80, byte: u8, six: bool) {
            let packet = if six { syn("[::1]:1", "[::2]:2", 3).1 } else { syn("10.0.0.1:1", "10.0.0.2:2", 3).1 };
            let mut icmp = [&[if six { 1 } else { 3 }, 3, 0, 0, 0, 0, 0, 0], &packet[..]].concat();
            let at = at % icmp.len();
            icmp[at] = byte;
            icmp.truncate(cut);
            let _ = (icmp_error_v4(&icmp), icmp_error_v6(&icmp), v4_payload(&icmp), segment(&icmp));
        }

        #[test]
        fn a_quoted_syn_is_recognized(port in 1_u16.., sequence: u32, to: u32) {
            let to = SocketAddr::new(Ipv4Addr::from_bits(to).into(), port);
            let mut packet = [0; MAX_PACKET];
            let length = write_syn("10.0.0.1:9".parse().unwrap(), to, sequence, &mut packet);
            let icmp = [&[3, 1, 0, 0, 0, 0, 0, 0], &packet[..length]].concat();
            prop_assert_eq!(icmp_error_v4(&icmp), Some(IcmpError { to, about: sequence, reason: Reason::HostUnreachable }));
        }
    }
}
