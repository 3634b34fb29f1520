//! Sets of port numbers as people write them: `22,80,8000-9000,https`.

use std::fmt;
use std::str::FromStr;

use super::ParseError;
use super::port_names::PORT_NAMES;
use crate::clean::clean;

/// A set of port numbers (1-65535), kept as sorted ranges that neither touch nor overlap. `-` alone is all of them.
///
/// ```
/// let ports: portolan::model::Ports = "8000-8999,ssh,8500-9000".parse()?;
/// assert!(ports.contains(22) && ports.contains(9000) && !ports.contains(80));
/// assert_eq!(ports.to_string(), "22,8000-9000");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports {
    ranges: Vec<(u16, u16)>,
}

impl Ports {
    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= port);
        after > 0 && self.ranges[after - 1].1 >= port
    }

    /// Every port that [`PORT_NAMES`] has a name for.
    pub fn common() -> Self {
        Self::from_ranges(PORT_NAMES.iter().map(|known| (known.port, known.port)).collect())
    }

    /// The intersection; it may be empty.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.ranges.iter().flat_map(|a| other.ranges.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
        Self { ranges: pairs.filter(|(first, last)| first <= last).collect() }
    }

    /// Every port that is in one of the sets.
    #[must_use]
    pub fn union(sets: &[Self]) -> Self {
        Self::from_ranges(sets.iter().flat_map(|set| set.ranges.iter().copied()).collect())
    }

    /// Every port: 1-65535.
    pub fn all() -> Self {
        Self { ranges: vec![(1, u16::MAX)] }
    }

    /// The ports in this set but not in the other; it may be empty.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.ranges.len());
        for &(first, last) in &self.ranges {
            let mut next = u32::from(first);
            for &(cut_first, cut_last) in other.ranges.iter().filter(|cut| cut.1 >= first && cut.0 <= last) {
                if let (Ok(from), true) = (u16::try_from(next), u32::from(cut_first) > next) {
                    left.push((from, cut_first - 1));
                }
                next = u32::from(cut_last) + 1;
            }
            if let (Ok(from), true) = (u16::try_from(next), next <= u32::from(last)) {
                left.push((from, last));
            }
        }

        Self { ranges: left }
    }

    /// The number of ports, at most 65,535.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|&(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// All ports, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.ranges.iter().flat_map(|&(first, last)| first..=last)
    }

    fn from_ranges(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }
}

impl FromIterator<u16> for Ports {
    /// The set of these ports; port 0 is left out.
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        Self::from_ranges(ports.into_iter().filter(|&port| port != 0).map(|port| (port, port)).collect())
    }
}

impl FromStr for Ports {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "-" {
            return Ok(Self::all());
        }
        if text.trim().is_empty() {
            return Err(ParseError::new("no port is given", "write ports as 22,80,8000-9000"));
        }
        text.split(',').map(|part| parse_part(part.trim())).collect::<Result<_, _>>().map(Self::from_ranges)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

/// A word without what stands before its last `@`: that may be a password.
pub(super) fn after_user(word: &str) -> &str {
    word.rsplit_once('@').map_or(word, |(_, host)| host)
}

fn parse_part(part: &str) -> Result<(u16, u16), ParseError> {
    if part.is_empty() {
        return Err(ParseError::new("a comma has no port next to it", "write ports as 22,80,8000-9000"));
    }
    if let Some(port) = by_name(part) {
        return Ok((port, port));
    }
    // What follows may be a password: a user's name is short, too.
    let is_port =
        |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') || by_name(rest).is_some();
    if let Some((transport @ ("U" | "T" | "u" | "t"), rest)) = part.split_once(':').filter(|(_, rest)| is_port(rest)) {
        let udp = if transport.eq_ignore_ascii_case("u") { "--udp " } else { "" };
        let why = "TCP and UDP ports cannot be combined here";
        return Err(ParseError::new(why, format!("write {udp}--ports {}", clean(rest))));
    }
    let Some((first, last)) = part.split_once('-') else {
        return parse_number(part).map(|port| (port, port));
    };
    if let (Some(first), Some(last)) = (by_name(first), by_name(last)) {
        let hint =
            format!("write the numbers ({}-{}), or list the names with commas", first.min(last), first.max(last));
        return Err(ParseError::new("a range takes numbers, not names", hint));
    }
    let (first, last) = (parse_number(first)?, parse_number(last)?);
    if first > last {
        return Err(ParseError::new("the range runs backwards", format!("write {last}-{first}")));
    }

    Ok((first, last))
}

fn parse_number(text: &str) -> Result<u16, ParseError> {
    let hint = "ports go from 1 to 65535";
    if text.is_empty() {
        return Err(ParseError::new("a range lacks one of its ends", "write both ends, as in 8000-9000"));
    }
    // `u16::from_str` would take a leading plus sign.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        let hint = "write numbers, or names from `portolan ports`";
        return Err(ParseError::new(format!("'{}' is neither a port nor a known name", clean(after_user(text))), hint));
    }

    match text.parse() {
        Ok(0) => Err(ParseError::new("there is no port 0 to listen on", hint)),
        Ok(port) => Ok(port),
        Err(_) => Err(ParseError::new(format!("{} is larger than any port", clean(text)), hint)),
    }
}

fn by_name(name: &str) -> Option<u16> {
    PORT_NAMES.iter().find(|known| known.name.eq_ignore_ascii_case(name)).map(|known| known.port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(text: &str) -> String {
        text.parse::<Ports>().unwrap_err().to_string()
    }

    #[test]
    fn a_dash_alone_is_all_ports() {
        let all: Ports = "-".parse().unwrap();
        assert_eq!((all.len(), all.contains(1), all.contains(u16::MAX)), (65_535, true, true));
        assert!(all.without(&all).is_empty());
        assert_eq!(all.without(&"1,80-90,65535".parse().unwrap()).to_string(), "2-79,91-65534");
    }

    proptest! {
        #[test]
        fn without_agrees_with_the_sets(a in prop::collection::vec(1_u16..40, 0..12), b in prop::collection::vec(1_u16..40, 0..12)) {
            let (one, other): (Ports, Ports) = (a.iter().copied().collect(), b.iter().copied().collect());
            let mut expected: Vec<u16> = a.into_iter().filter(|port| !b.contains(port)).collect();
            expected.sort_unstable();
            expected.dedup();
            let left = one.without(&other);
            prop_assert_eq!(left.len(), expected.len());
            prop_assert_eq!(left.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_is_no_port_is_refused_with_its_reason() {
        assert_eq!(why(""), "no port is given");
        assert_eq!(why("0"), "there is no port 0 to listen on");
        assert_eq!(why("70000"), "70000 is larger than any port");
        assert_eq!(why("90-80"), "the range runs backwards");
        assert_eq!(why("ssh-http"), "a range takes numbers, not names");
        assert_eq!(why("80,,81"), "a comma has no port next to it");
        assert_eq!(why("80-"), "a range lacks one of its ends");
        assert_eq!(why("+80"), "'+80' is neither a port nor a known name");
        assert_eq!("U:53".parse::<Ports>().unwrap_err().hint(), "write --udp --ports 53");
        assert_eq!("22,T:80".parse::<Ports>().unwrap_err().hint(), "write --ports 80");
        assert!(!"u:s3cret@127.0.0.1:1".parse::<Ports>().unwrap_err().hint().contains("s3cret"));
        assert_eq!(why("htpt"), "'htpt' is neither a port nor a known name");
    }

    #[test]
    fn names_with_a_dash_are_names() {
        assert_eq!("http-alt".parse::<Ports>().unwrap().to_string(), "8080");
    }

    #[test]
    fn every_common_port_is_in_the_common_set() {
        let common = Ports::common();
        assert!(PORT_NAMES.iter().all(|known| common.contains(known.port)));
        assert!(!common.contains(1));
    }

    proptest! {
        #[test]
        fn a_set_holds_exactly_what_was_written(
            ranges in prop::collection::vec((1u16..=u16::MAX, 0u16..2000), 1..12), probe in 1u16..=u16::MAX,
        ) {
            let ranges: Vec<_> = ranges.into_iter().map(|(first, more)| (first, first.saturating_add(more))).collect();
            let text = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(",");
            let ports: Ports = text.parse().unwrap();
            for port in ranges.iter().flat_map(|&(first, last)| [first - 1, first, last, last.saturating_add(1)]).chain([probe]) {
                prop_assert_eq!(ports.contains(port), ranges.iter().any(|&(first, last)| (first..=last).contains(&port)));
            }
            prop_assert_eq!(ports.to_string().parse::<Ports>().unwrap(), ports);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<Ports>();
        }

        #[test]
        fn no_list_of_odd_parts_makes_the_parser_panic(text in "[0-9a-z,+ -]{0,24}") {
            if let Ok(ports) = text.parse::<Ports>() {
                prop_assert_eq!(ports.to_string().parse::<Ports>().unwrap(), ports);
            }
        }
    }
}
