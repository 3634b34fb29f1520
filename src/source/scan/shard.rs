//! `--shard K/N`: one of N parts of a scan, so that N machines share it.

use std::fmt;
use std::str::FromStr;

use super::plan_part::PlanPart;
use crate::model::{AddressRange, Addresses, ParseError, Permutation, Ports};

/// One of several equal parts of a scan. All of them together are the whole, and no two have a probe in common.
///
/// ```
/// let shard: portolan::source::Shard = "3/16".parse()?;
/// assert_eq!(shard.to_string(), "3/16");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

/// The order that the shards divide: the same on every machine.
const SEED: u64 = 0;
/// More addresses of a shard would take too much memory: each of them is stored.
const MAX_ADDRESSES: u128 = 1 << 22;
/// More machines share no scan.
const MAX_COUNT: u64 = 1 << 16;

impl Shard {
    /// The addresses and ports of this part: every n-th address of the permutation of all, or, of few addresses, every n-th
    /// port. `None` if the addresses are too many.
    pub(super) fn part(self, addresses: &Addresses, parts: &[PlanPart]) -> Option<(Addresses, Vec<PlanPart>)> {
        let hosts = u64::try_from(addresses.len()).ok()?;
        if hosts < self.count {
            let parts = parts.iter().map(|part| PlanPart { ports: self.ports(&part.ports), ..part.clone() });
            return Some((addresses.clone(), parts.filter(|part| !part.ports.is_empty()).collect()));
        }
        if u128::from(hosts / self.count) > MAX_ADDRESSES {
            return None;
        }

        let order = Permutation::new(hosts, SEED);
        let own = self.places(hosts).filter_map(|place| addresses.get_zoned(order.at(place).into()));
        let own = Addresses::new(own.map(|(ip, zone)| AddressRange::from(ip).in_zone(zone)));
        Some((own, parts.to_vec()))
    }

    fn ports(self, ports: &Ports) -> Ports {
        let all: Vec<u16> = ports.iter().collect();
        let order = Permutation::new(all.len() as u64, SEED);
        let places = self.places(all.len() as u64).filter_map(|place| usize::try_from(order.at(place)).ok());
        places.filter_map(|place| all.get(place).copied()).collect()
    }

    fn places(self, length: u64) -> impl Iterator<Item = u64> {
        let step = usize::try_from(self.count).unwrap_or(usize::MAX);
        (self.index..length).step_by(step)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hint = "write K/N with K from 1 to N, as in 3/16";
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
        match numbers {
            Some((k, n)) if (1..=n).contains(&k) && n <= MAX_COUNT => Ok(Self { index: k - 1, count: n }),
            _ => Err(ParseError::new("it is not a part of a whole", hint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Transport;

    proptest! {
        #[test]
        fn all_shards_together_are_everything_once(hosts in 1_u32..60, ports in 1_u16..40, count in 1_u64..20) {
            let last = std::net::Ipv4Addr::from_bits(0x0a00_0000 + hosts - 1);
            let addresses = Addresses::new(AddressRange::new([10, 0, 0, 0].into(), last.into()));
            let parts = [PlanPart { transport: Transport::Tcp, ports: (1..=ports).collect() }];

            let mut probes = BTreeSet::new();
            for index in 0..count {
                let (addresses, parts) = Shard { index, count }.part(&addresses, &parts).unwrap();
                for (first, last) in addresses.blocks() {
                    let (std::net::IpAddr::V4(first), std::net::IpAddr::V4(last)) = (first, last) else { unreachable!() };
                    for bits in first.to_bits()..=last.to_bits() {
                        for port in parts.iter().flat_map(|part| part.ports.iter()) {
                            prop_assert!(probes.insert((bits, port)), "twice");
                        }
                    }
                }
            }
            prop_assert_eq!(probes.len(), hosts as usize * usize::from(ports));
        }
    }

    #[test]
    fn a_shard_is_written_as_a_fraction() {
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "3/16");
        for text in ["", "3", "0/3", "4/3", "1/0", "1/99999999", "a/b", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
