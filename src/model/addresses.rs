//! Sets of IP addresses, stored as ranges: a /8 takes as much memory as one host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses from `first` to `last`, both of one family and one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    v6: bool,
    /// The interface index of link-local addresses; 0 for none.
    zone: u32,
    first: u128,
    last: u128,
}

impl AddressRange {
    /// The range between two addresses; `None` if they differ in family or are in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let block = Self { v6: first.is_ipv6(), zone: 0, first: number(first), last: number(last) };
        (first.is_ipv6() == last.is_ipv6() && block.first <= block.last).then_some(block)
    }

    /// The same addresses on the interface with that index (RFC 4007: a link-local address says nothing without it).
    #[must_use]
    pub fn in_zone(self, zone: u32) -> Self {
        Self { zone, ..self }
    }

    /// Whether these are IPv6 addresses.
    pub fn is_ipv6(&self) -> bool {
        self.v6
    }

    /// The address with this number in its family.
    fn address(&self, number: u128) -> Option<IpAddr> {
        Some(if self.v6 {
            Ipv6Addr::from_bits(number).into()
        } else {
            // IPv4 ranges hold no larger numbers.
            Ipv4Addr::from_bits(u32::try_from(number).ok()?).into()
        })
    }

    /// The number of addresses minus one, which fits even for all of IPv6.
    fn beyond_first(&self) -> u128 {
        self.last - self.first
    }
}

impl From<IpAddr> for AddressRange {
    fn from(ip: IpAddr) -> Self {
        Self { v6: ip.is_ipv6(), zone: 0, first: number(ip), last: number(ip) }
    }
}

impl From<ipnet::IpNet> for AddressRange {
    /// The network of the address, including its first and last address.
    fn from(net: ipnet::IpNet) -> Self {
        Self { v6: net.network().is_ipv6(), zone: 0, first: number(net.network()), last: number(net.broadcast()) }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// A set of addresses without duplicates.
///
/// ```
/// use portolan::model::{Addresses, Target};
///
/// let Target::AddressRange(ten) = "10.0.0.0/8".parse()? else { unreachable!() };
/// let Target::AddressRange(few) = "10.0.0.0-9".parse()? else { unreachable!() };
/// let rest = Addresses::new([ten, ten]).without(&Addresses::new([few]));
/// assert_eq!(rest.len(), (1 << 24) - 10);
/// assert_eq!(rest.get(0).unwrap().to_string(), "10.0.0.10");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Sorted, IPv4 first; they neither overlap nor touch.
    blocks: Vec<AddressRange>,
    /// The number of addresses before each range.
    before: Vec<u128>,
}

impl Addresses {
    /// The union of the ranges.
    pub fn new(blocks: impl IntoIterator<Item = AddressRange>) -> Self {
        let mut sorted: Vec<AddressRange> = blocks.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<AddressRange> = Vec::with_capacity(sorted.len());
        for block in sorted {
            match merged.last_mut() {
                Some(open)
                    if (open.v6, open.zone) == (block.v6, block.zone) && block.first <= open.last.saturating_add(1) =>
                {
                    open.last = open.last.max(block.last);
                }
                _ => merged.push(block),
            }
        }
        Self::from_sorted(merged)
    }

    fn from_sorted(blocks: Vec<AddressRange>) -> Self {
        let mut before = Vec::with_capacity(blocks.len());
        let mut sum: u128 = 0;
        for block in &blocks {
            before.push(sum);
            sum = sum.saturating_add(block.beyond_first()).saturating_add(1);
        }
        Self { blocks, before }
    }

    /// All addresses, without a zone.
    pub fn all() -> Self {
        let v4 = AddressRange::new([0; 4].into(), [255; 4].into());
        let v6 = AddressRange::new([0; 16].into(), [255; 16].into());

        Self::new([v4, v6].into_iter().flatten())
    }

    /// The addresses in this set but not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.blocks.len());
        for &block in &self.blocks {
            let mut rest = Some(block);
            // Skip ranges that end before this one begins.
            let from =
                other.blocks.partition_point(|cut| (cut.v6, cut.zone, cut.last) < (block.v6, block.zone, block.first));
            let end = (block.v6, block.zone, block.last);
            for cut in other.blocks[from..].iter().take_while(|cut| (cut.v6, cut.zone, cut.first) <= end) {
                let Some(open) = rest else { break };
                if cut.first > open.first {
                    left.push(AddressRange { last: cut.first - 1, ..open });
                }
                rest = (cut.last < open.last).then(|| AddressRange { first: cut.last + 1, ..open });
            }
            left.extend(rest);
        }
        Self::from_sorted(left)
    }

    /// The number of addresses; all of IPv6 counts as one less.
    pub fn len(&self) -> u128 {
        match (self.blocks.last(), self.before.last()) {
            (Some(block), Some(before)) => before.saturating_add(block.beyond_first()).saturating_add(1),
            _ => 0,
        }
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The address with that number, in the order of addresses, IPv4 first.
    pub fn get(&self, index: u128) -> Option<IpAddr> {
        Some(self.get_zoned(index)?.0)
    }

    /// The same with its interface index; 0 for none.
    pub fn get_zoned(&self, index: u128) -> Option<(IpAddr, u32)> {
        let at = self.before.partition_point(|&before| before <= index).checked_sub(1)?;
        let (block, offset) = (self.blocks[at], index - self.before[at]);
        let number = (offset <= block.beyond_first()).then(|| block.first + offset)?;
        Some((block.address(number)?, block.zone))
    }

    /// The number of an address in that order, if it is in the set, in no zone.
    pub fn position(&self, ip: IpAddr) -> Option<u128> {
        let key = (ip.is_ipv6(), 0, number(ip));
        let at = self.blocks.partition_point(|block| (block.v6, block.zone, block.first) <= key).checked_sub(1)?;
        let block = self.blocks[at];
        let holds = (block.v6, block.zone) == (key.0, key.1) && key.2 <= block.last;
        holds.then(|| self.before[at] + (key.2 - block.first))
    }

    /// Whether an address is bound to one interface.
    pub fn has_zones(&self) -> bool {
        self.blocks.iter().any(|block| block.zone != 0)
    }

    /// The first and last address of each contiguous range, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        self.blocks.iter().filter_map(|block| Some((block.address(block.first)?, block.address(block.last)?)))
    }

    /// Whether an address is in the set, in no zone.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let key = (ip.is_ipv6(), 0, number(ip));
        let after = self.blocks.partition_point(|block| (block.v6, block.zone, block.first) <= key);
        after > 0 && (self.blocks[after - 1].v6, self.blocks[after - 1].zone, self.blocks[after - 1].last) >= key
    }

    /// The minimal list of ranges.
    pub fn into_blocks(self) -> Vec<AddressRange> {
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn some_blocks() -> impl Strategy<Value = Vec<AddressRange>> {
        // Few and near each other, so that they overlap, touch and hit the ends of both families.
        let v4 = prop_oneof![0_u32..40, u32::MAX - 40..=u32::MAX];
        let block = (any::<bool>(), v4, 0_u32..12).prop_map(|(v6, first, more)| {
            let last = first.saturating_add(more);
            let ip =
                |bits: u32| if v6 { Ipv6Addr::from_bits(bits.into()).into() } else { Ipv4Addr::from_bits(bits).into() };
            AddressRange::new(ip(first), ip(last)).unwrap()
        });
        prop::collection::vec(block, 0..8)
    }

    fn written_out(blocks: &[AddressRange]) -> BTreeSet<(bool, u128)> {
        blocks.iter().flat_map(|block| (block.first..=block.last).map(|number| (block.v6, number))).collect()
    }

    proptest! {
        #[test]
        fn every_address_comes_exactly_once_and_none_that_is_excluded(take in some_blocks(), leave in some_blocks()) {
            let set = Addresses::new(take.clone()).without(&Addresses::new(leave.clone()));
            let mut expected = written_out(&take);
            for excluded in written_out(&leave) {
                expected.remove(&excluded);
            }
            let listed: Vec<_> = (0..set.len()).map(|at| set.get(at).unwrap()).map(|ip| (ip.is_ipv6(), number(ip))).collect();
            prop_assert_eq!(listed, expected.into_iter().collect::<Vec<_>>());
            prop_assert!((0..set.len()).all(|at| set.position(set.get(at).unwrap()) == Some(at)));
            let again = set.blocks().map(|(first, last)| AddressRange::new(first, last).unwrap());
            prop_assert_eq!(&Addresses::new(again), &set);
            prop_assert_eq!(set.get(set.len()), None);
        }

        #[test]
        fn contains_agrees_with_the_list(take in some_blocks(), bits in 0_u32..60) {
            let set = Addresses::new(take.clone());
            let ip = IpAddr::from(Ipv4Addr::from_bits(bits));
            prop_assert_eq!(set.contains(ip), written_out(&take).contains(&(false, bits.into())));
            prop_assert_eq!(set.position(ip).is_some(), set.contains(ip));
        }
    }

    #[test]
    fn one_address_in_two_zones_is_two() {
        let ip: IpAddr = "fe80::1".parse().unwrap();
        let [two, three] = [2, 3].map(|zone| AddressRange::from(ip).in_zone(zone));
        let set = Addresses::new([three, two, AddressRange::from(ip), two]);
        let zones: Vec<_> = (0..set.len()).map(|at| set.get_zoned(at).unwrap()).collect();
        assert_eq!(zones, [(ip, 0), (ip, 2), (ip, 3)]);
        assert_eq!(set.without(&Addresses::new([two])).len(), 2);
        assert!(set.contains(ip) && !Addresses::new([two]).contains(ip));
    }

    #[test]
    fn the_whole_of_ipv6_is_no_overflow() {
        let all = Addresses::new([AddressRange::from("::/0".parse::<ipnet::IpNet>().unwrap())]);
        assert_eq!(all.len(), u128::MAX);
        assert_eq!(all.get(u128::MAX).unwrap(), IpAddr::from([0xffff_u16; 8]));
        assert!(all.without(&all).is_empty());
    }
}
