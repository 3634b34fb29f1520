//! Sets of IP addresses, stored as ranges: a /8 takes as much memory as one host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// Whether all of them stand for groups of hosts: multicast addresses, or the broadcast address of IPv4.
    pub fn is_of_groups(&self) -> bool {
        let ends = [self.first, self.last].map(|number| self.address(number));
        ends.iter().flatten().all(IpAddr::is_multicast)
            || ends.iter().flatten().all(|ip| *ip == IpAddr::V4(Ipv4Addr::BROADCAST))
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
    /// Copies share them: a list of millions is in memory once.
    stored: Arc<SortedRanges>,
}

/// Ranges in order, IPv4 first; they neither overlap nor touch.
#[derive(Debug, Default, PartialEq, Eq)]
struct SortedRanges {
    /// IPv4 addresses without a zone: long lists hold little else.
    v4: Vec<RangeV4>,
    /// The others.
    rest: Vec<AddressRange>,
    /// The number of addresses before each of these.
    before_rest: Vec<u128>,
}

/// A range of IPv4 addresses in a quarter of the memory of an [`AddressRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RangeV4 {
    first: u32,
    last: u32,
    /// The number of addresses in earlier ranges, which is less than `first`.
    before: u32,
}

impl From<RangeV4> for AddressRange {
    fn from(range: RangeV4) -> Self {
        Self { v6: false, zone: 0, first: range.first.into(), last: range.last.into() }
    }
}

impl SortedRanges {
    /// Adds a range that does not begin before any other.
    fn push(&mut self, range: AddressRange) {
        let v4 = (!range.v6 && range.zone == 0).then(|| (u32::try_from(range.first), u32::try_from(range.last)));
        match v4 {
            Some((Ok(first), Ok(last))) => self.push_v4(first, last),
            _ => self.push_rest(range),
        }
    }

    fn push_v4(&mut self, first: u32, last: u32) {
        match self.v4.last_mut() {
            Some(open) if first <= open.last.saturating_add(1) => open.last = open.last.max(last),
            Some(&mut open) => {
                let before = open.before + (open.last - open.first) + 1;
                self.v4.push(RangeV4 { first, last, before });
            }
            None => self.v4.push(RangeV4 { first, last, before: 0 }),
        }
    }

    fn push_rest(&mut self, range: AddressRange) {
        let before = self.len();

        match self.rest.last_mut() {
            Some(open)
                if (open.v6, open.zone) == (range.v6, range.zone) && range.first <= open.last.saturating_add(1) =>
            {
                open.last = open.last.max(range.last);
            }
            _ => {
                self.rest.push(range);
                self.before_rest.push(before);
            }
        }
    }

    /// The number of addresses; all of IPv6 counts as one less.
    fn len(&self) -> u128 {
        let last = match (self.rest.last(), self.before_rest.last()) {
            (Some(range), Some(before)) => Some((*before, range.beyond_first())),
            _ => self.v4.last().map(|open| (open.before.into(), (open.last - open.first).into())),
        };
        last.map_or(0, |(before, beyond_first)| before.saturating_add(beyond_first).saturating_add(1))
    }

    /// The number of ranges for which this holds, if it holds for none after one for which it does not.
    fn partition_point(&self, holds: impl Fn(AddressRange) -> bool) -> usize {
        let point = self.v4.partition_point(|&range| holds(range.into()));
        let in_rest = if point == self.v4.len() { self.rest.partition_point(|&range| holds(range)) } else { 0 };
        point + in_rest
    }

    /// The range with that number, and the number of addresses before it.
    fn range(&self, at: usize) -> Option<(AddressRange, u128)> {
        if let Some(&range) = self.v4.get(at) {
            return Some((range.into(), range.before.into()));
        }
        let at = at - self.v4.len();
        Some((*self.rest.get(at)?, *self.before_rest.get(at)?))
    }

    /// The ranges from that number on.
    fn ranges_from(&self, at: usize) -> impl Iterator<Item = AddressRange> {
        let v4 = self.v4.iter().skip(at).map(|&range| range.into());
        v4.chain(self.rest.iter().skip(at.saturating_sub(self.v4.len())).copied())
    }
}

impl Addresses {
    /// The union of the ranges.
    pub fn new(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        Self::default().with(ranges)
    }

    /// The addresses of this set and of these ranges.
    #[must_use]
    pub fn with(&self, ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let mut more: Vec<AddressRange> = ranges.into_iter().collect();
        if more.is_empty() {
            return self.clone();
        }
        more.sort_unstable();

        let mut stored = SortedRanges::default();
        let (mut known, mut more) = (self.ranges().peekable(), more.into_iter().peekable());
        loop {
            let is_next_new = match (known.peek(), more.peek()) {
                (Some(known), Some(more)) => more < known,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (None, None) => break,
            };
            let next = if is_next_new { more.next() } else { known.next() };
            if let Some(range) = next {
                stored.push(range);
            }
        }
        Self::of(stored)
    }

    fn of(mut stored: SortedRanges) -> Self {
        stored.v4.shrink_to_fit();
        Self { stored: Arc::new(stored) }
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
        let mut left = SortedRanges::default();
        for range in self.ranges() {
            let mut rest = Some(range);
            // Skip ranges that end before this one begins.
            let start = (range.v6, range.zone, range.first);
            let from = other.stored.partition_point(|cut| (cut.v6, cut.zone, cut.last) < start);
            let end = (range.v6, range.zone, range.last);
            for cut in other.stored.ranges_from(from).take_while(|cut| (cut.v6, cut.zone, cut.first) <= end) {
                let Some(open) = rest else { break };
                if cut.first > open.first {
                    left.push(AddressRange { last: cut.first - 1, ..open });
                }
                rest = (cut.last < open.last).then(|| AddressRange { first: cut.last + 1, ..open });
            }
            if let Some(range) = rest {
                left.push(range);
            }
        }

        Self::of(left)
    }

    /// The number of addresses; all of IPv6 counts as one less.
    pub fn len(&self) -> u128 {
        self.stored.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.stored.v4.is_empty() && self.stored.rest.is_empty()
    }

    /// The address with that number, in the order of addresses, IPv4 first.
    pub fn get(&self, index: u128) -> Option<IpAddr> {
        Some(self.get_zoned(index)?.0)
    }

    /// The same with its interface index; 0 for none.
    pub fn get_zoned(&self, index: u128) -> Option<(IpAddr, u32)> {
        let SortedRanges { v4, before_rest, .. } = &*self.stored;
        let in_v4 = v4.partition_point(|range| u128::from(range.before) <= index);
        let in_rest = before_rest.partition_point(|&before| before <= index);
        let (range, before) = self.stored.range((in_v4 + in_rest).checked_sub(1)?)?;

        let offset = index - before;
        let number = (offset <= range.beyond_first()).then(|| range.first + offset)?;
        Some((range.address(number)?, range.zone))
    }

    /// The number of an address in that order, if it is in the set, in no zone.
    pub fn position(&self, ip: IpAddr) -> Option<u128> {
        let key = (ip.is_ipv6(), 0, number(ip));
        let after = self.stored.partition_point(|range| (range.v6, range.zone, range.first) <= key);
        let (range, before) = self.stored.range(after.checked_sub(1)?)?;
        let holds = (range.v6, range.zone) == (key.0, key.1) && key.2 <= range.last;
        holds.then(|| before + (key.2 - range.first))
    }

    /// Whether an address is bound to one interface.
    pub fn has_zones(&self) -> bool {
        self.stored.rest.iter().any(|range| range.zone != 0)
    }

    /// The first and last address of each contiguous range, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        self.ranges().filter_map(|range| Some((range.address(range.first)?, range.address(range.last)?)))
    }

    /// Whether an address is in the set, in no zone.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.position(ip).is_some()
    }

    /// The ranges of the minimal list, in order.
    pub fn ranges(&self) -> impl Iterator<Item = AddressRange> {
        self.stored.ranges_from(0)
    }

    /// The number of these ranges.
    pub fn number_of_ranges(&self) -> usize {
        self.stored.v4.len() + self.stored.rest.len()
    }
}

/// The first and last address of each range; zones mean nothing on another machine.
impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.blocks())
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ends = Vec::<(IpAddr, IpAddr)>::deserialize(deserializer)?;
        let ranges = ends.into_iter().map(|(first, last)| AddressRange::new(first, last));
        let ranges: Option<Vec<AddressRange>> = ranges.collect();
        ranges.map(Self::new).ok_or_else(|| serde::de::Error::custom("a range ends before it begins"))
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
            prop_assert_eq!(&Addresses::new(leave.clone()).with(take.clone()), &Addresses::new(take.into_iter().chain(leave)));
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

    /// X5: a list of a million scattered addresses takes 12 MB, whatever number of plans share it.
    #[test]
    fn scattered_addresses_take_twelve_bytes_each() {
        let scattered = (0..1000_u32).map(|host| AddressRange::from(IpAddr::from(Ipv4Addr::from_bits(host * 2))));
        let set = Addresses::new(scattered);
        assert_eq!((set.number_of_ranges(), size_of::<RangeV4>()), (1000, 12));
        assert_eq!(set.stored.v4.capacity(), 1000);
        assert!(Arc::ptr_eq(&set.clone().stored, &set.stored));
        assert_eq!(set.get(999), Some(IpAddr::from(Ipv4Addr::from_bits(1998))));
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
