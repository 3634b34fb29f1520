//! portolan's own ranking of ports by how commonly they are open.
//!
//! It is based on judgement and the built-in port names (`port_names.rs`, whose sources are IANA's registry
//! and the services' own documentation); no other scanner's frequency data went into it. In order:
//! 1. the most commonly used ports, chosen by hand;
//! 2. every other port that has a name;
//! 3. usual alternatives: numbers counting up from a round number or a known port;
//! 4. the rest of the system ports (1-1023, RFC 6335), then everything else, by number.

use super::Ports;
use super::port_names::PORT_NAMES;

/// Ranked first: remote access, web, mail, names, files, databases.
#[rustfmt::skip]
const FIRST: &[u16] = &[
    443, 80, 22, 3389, 445, 25, 53, 21, 23, 8080, 8443, 139, 135, 110, 143, 993, 995, 587, 465, 3306, 5432, 5900,
    111, 389, 636, 88, 1433, 1521, 2049, 5060, 6379, 27017, 9200, 9100, 631, 8000, 8888, 3000, 5000, 9090,
    1883, 8883, 5672, 11211, 2375, 2379, 6443, 10250, 5985, 5986, 873, 179, 554, 8008, 8081, 9000, 8009,
];

/// Ranked first among UDP ports: names, addresses, time, management, discovery, tunnels, media, games.
#[rustfmt::skip]
const FIRST_UDP: &[u16] = &[
    53, 161, 123, 67, 137, 5353, 500, 1900, 69, 443, 4500, 138, 111, 514, 520, 3478, 5060, 1194, 51820, 1701, 88, 389,
    162, 68, 623, 1812, 1813, 1645, 1646, 2049, 11211, 5683, 5684, 1434, 3702, 5355, 17185, 4789, 3544, 177, 19, 7, 9,
    13, 17, 37, 464, 593, 631, 749, 996, 997, 998, 999, 1025, 1026, 1027, 1028, 1029, 2000, 2222, 2223, 3283, 3389,
    3456, 4672, 5000, 5351, 5061, 8443, 853, 6881, 7777, 9200, 10000, 10080, 19132, 20031, 27015, 27960, 30120, 31337,
    32768, 33434, 47808, 49152, 49153, 49154, 64738,
];

/// Usual ports of a second or third server.
const COUNTED_UP: &[(u16, u16)] = &[
    (8000, 8100),
    (3000, 3010),
    (5000, 5010),
    (9000, 9010),
    (4000, 4010),
    (7000, 7010),
    (6000, 6010),
    (8180, 8183),
    (8440, 8450),
    (8880, 8890),
    (9080, 9100),
    (9440, 9446),
    (10_000, 10_005),
    (2000, 2005),
    (1024, 1030),
    (5431, 5440),
    (6379, 6385),
    (27_017, 27_020),
    (49_152, 49_160),
];

/// Number of ports in a scan without `--ports`.
pub(crate) const DEFAULT_TOP: u16 = 1000;

/// All ports, most common first.
pub(crate) fn ranked_ports() -> impl Iterator<Item = u16> {
    ranked(FIRST)
}

fn ranked(first: &'static [u16]) -> impl Iterator<Item = u16> {
    let named = PORT_NAMES.iter().map(|known| known.port);
    let counted_up = COUNTED_UP.iter().flat_map(|&(first, last)| first..=last);
    let mut seen = vec![false; usize::from(u16::MAX) + 1];
    first
        .iter()
        .copied()
        .chain(named)
        .chain(counted_up)
        .chain(1..=u16::MAX)
        .filter(move |&port| !std::mem::replace(&mut seen[usize::from(port)], true))
}

impl Ports {
    /// The `count` most common ports of portolan's own ranking.
    pub fn top(count: u16) -> Self {
        ranked_ports().take(count.into()).collect()
    }

    /// The `count` most common UDP ports of portolan's own ranking.
    pub fn top_udp(count: u16) -> Self {
        ranked(FIRST_UDP).take(count.into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_has_one_rank() {
        let mut ranked: Vec<u16> = ranked_ports().collect();
        assert_eq!((ranked[0], ranked.len()), (443, 65_535));
        ranked.sort_unstable();
        ranked.dedup();
        assert_eq!(ranked.len(), 65_535);
    }

    #[test]
    fn what_has_a_name_is_among_the_default() {
        let top = Ports::top(DEFAULT_TOP);
        assert_eq!(top.len(), 1000);
        assert!(PORT_NAMES.iter().all(|known| top.contains(known.port)));
        assert_eq!(Ports::top(2).to_string(), "80,443");
        assert!(Ports::top(0).is_empty());
    }
}
