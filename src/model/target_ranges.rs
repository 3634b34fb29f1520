//! Ranges of addresses, as nmap's users write them: `10.0.0.1,5,9`, `10.0-3.*.1`, `10.0.0.1-10.0.0.9`, `fd77::2-fd77::4`.

use std::net::{IpAddr, Ipv4Addr};

use super::{AddressRange, ParseError};
use crate::clean::clean;

/// More blocks than this are written as networks: each takes memory.
const MAX_BLOCKS: usize = 1 << 16;
const FORM: &str = "write a range as 10.0.0.1-50, 10.0.0-3.1,5, 10.0.0.1-10.0.0.50 or fd77::2-fd77::4";

/// The first and the last number of a part of an octet.
type Span = (u8, u8);

/// The addresses of a range, if the text is one.
pub(super) fn ranges(text: &str) -> Option<Result<Vec<AddressRange>, ParseError>> {
    if let Some(range) = whole_range(text) {
        return Some(range.map(|range| vec![range]));
    }

    let parts: Vec<&str> = text.split('.').collect();
    let has_ranges = text.contains(['-', ',', '*']);
    (parts.len() == 4 && has_ranges && parts.iter().all(|part| is_octet_range(part))).then(|| octet_ranges(&parts))
}

/// Whether text may be a part of an address with a number, a range or several of these.
fn is_octet_range(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || b"-,*".contains(&byte))
}

/// `10.0.0.1-10.0.0.50`, `fd77::2-fd77::4`.
fn whole_range(text: &str) -> Option<Result<AddressRange, ParseError>> {
    let (first, last) = text.split_once('-')?;
    let first: IpAddr = bare(first).parse().ok()?;
    let last = match (first, bare(last).parse::<IpAddr>()) {
        (_, Ok(last)) => last,
        (IpAddr::V6(_), Err(_)) => {
            let why = format!("'{}' after the dash is not an IPv6 address", clean(last));
            return Some(Err(ParseError::new(why, FORM)));
        }
        (IpAddr::V4(_), Err(_)) => return None,
    };

    let (first, last) = (first.to_canonical(), last.to_canonical());
    if [first, last].into_iter().any(|ip| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())) {
        let why = "a range of link-local addresses needs its interface";
        return Some(Err(ParseError::new(why, "name each address, as in fe80::1%eth0")));
    }
    if first.is_ipv4() != last.is_ipv4() {
        return Some(Err(ParseError::new("the range begins and ends in different families", FORM)));
    }
    Some(AddressRange::new(first, last).ok_or_else(|| ParseError::new("the range runs backwards", FORM)))
}

fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

/// The addresses whose octets are each within one of these spans.
fn octet_ranges(parts: &[&str]) -> Result<Vec<AddressRange>, ParseError> {
    let mut octets = parts.iter().map(|part| spans(part)).collect::<Result<Vec<_>, _>>()?;

    // Whole octets at the end only widen the ranges of those before.
    let mut tail_bits = 0;
    while octets.len() > 1 && octets.last().is_some_and(|last| last[..] == [(0, u8::MAX)]) {
        octets.pop();
        tail_bits += 8;
    }
    let Some(last) = octets.pop() else { return Ok(Vec::new()) };

    let blocks = octets.iter().map(|spans| number_of_values(spans)).product::<usize>().saturating_mul(last.len());
    if blocks > MAX_BLOCKS {
        let why = format!("these are {blocks} separate ranges, more than {MAX_BLOCKS}");
        return Err(ParseError::new(why, "write networks, as in 10.0.0.0/8"));
    }

    let mut prefixes = vec![0_u32];
    for spans in &octets {
        let values: Vec<u32> = spans.iter().flat_map(|&(first, last)| first..=last).map(u32::from).collect();
        prefixes = prefixes.iter().flat_map(|prefix| values.iter().map(move |value| prefix << 8 | value)).collect();
    }

    let mut ranges = Vec::with_capacity(blocks);
    for prefix in prefixes {
        for &(first, second) in &last {
            let start = (prefix << 8 | u32::from(first)) << tail_bits;
            let end = (prefix << 8 | u32::from(second)) << tail_bits | ((1 << tail_bits) - 1);
            ranges.extend(AddressRange::new(Ipv4Addr::from_bits(start).into(), Ipv4Addr::from_bits(end).into()));
        }
    }
    Ok(ranges)
}

fn number_of_values(spans: &[Span]) -> usize {
    spans.iter().map(|(first, last)| usize::from(last - first) + 1).sum()
}

/// `*`, `5`, `1-50`, `-50`, `1-`, or several of these with commas.
fn spans(part: &str) -> Result<Vec<Span>, ParseError> {
    let mut spans = part.split(',').map(span).collect::<Result<Vec<_>, _>>()?;
    spans.sort_unstable();
    spans.dedup();
    Ok(spans)
}

fn span(text: &str) -> Result<Span, ParseError> {
    let (first, last) = match text.split_once('-') {
        _ if text == "*" => (0, u8::MAX),
        _ if text.is_empty() => return Err(ParseError::new("a number is missing next to a comma", FORM)),
        Some((first, last)) => (number(first, 0)?, number(last, u8::MAX)?),
        None => number(text, 0).map(|one| (one, one))?,
    };
    if first > last {
        return Err(ParseError::new("the range runs backwards", FORM));
    }
    Ok((first, last))
}

/// One end of a span; `open` if the text leaves it out.
fn number(text: &str, open: u8) -> Result<u8, ParseError> {
    if text.is_empty() {
        return Ok(open);
    }

    text.parse().map_err(|_| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let why = if is_number { "is larger than any address's number" } else { "is not a number from 0 to 255" };
        ParseError::new(format!("{} {why}", clean(text)), FORM)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Addresses;

    fn written(text: &str) -> Result<Vec<String>, String> {
        let blocks = ranges(text).unwrap_or_else(|| panic!("{text} is no range")).map_err(|error| error.to_string())?;
        let blocks: Vec<String> =
            Addresses::new(blocks).blocks().map(|(first, last)| format!("{first}-{last}")).collect();
        Ok(blocks)
    }

    #[test]
    fn ranges_are_read_as_nmap_reads_them() {
        for (text, expected) in [
            ("10.0.0.1-50", &["10.0.0.1-10.0.0.50"][..]),
            ("10.0.0.1,5,9", &["10.0.0.1-10.0.0.1", "10.0.0.5-10.0.0.5", "10.0.0.9-10.0.0.9"]),
            ("127.0.0-1.1", &["127.0.0.1-127.0.0.1", "127.0.1.1-127.0.1.1"]),
            ("10.0.0.1-2,4-5", &["10.0.0.1-10.0.0.2", "10.0.0.4-10.0.0.5"]),
            ("10.1-2.*.*", &["10.1.0.0-10.2.255.255"]),
            ("10.0.0.-3", &["10.0.0.0-10.0.0.3"]),
            ("10.0.0.250-", &["10.0.0.250-10.0.0.255"]),
            ("10.0.0.1-10.0.1.3", &["10.0.0.1-10.0.1.3"]),
            ("fd77::2-fd77::4", &["fd77::2-fd77::4"]),
            ("[fd77::2]-[fd77::4]", &["fd77::2-fd77::4"]),
            ("*.*.*.*", &["0.0.0.0-255.255.255.255"]),
        ] {
            let expected: Vec<String> = expected.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(written(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_its_reason() {
        for (text, why) in [
            ("10.0.0.9-3", "the range runs backwards"),
            ("10.0.0.9-300", "300 is larger than any address's number"),
            ("10.0.0.1,", "a number is missing next to a comma"),
            ("fd77::4-fd77::2", "the range runs backwards"),
            ("fd77::2-4", "'4' after the dash is not an IPv6 address"),
            ("10.0.0.1-fd77::4", "the range begins and ends in different families"),
            ("*.*.*.1", "these are 16777216 separate ranges, more than 65536"),
        ] {
            assert_eq!(written(text), Err(why.to_owned()), "{text}");
        }
        for text in ["10.0.0.1", "web-1.example", "a.b.c-d.e", "10.0.0-3"] {
            assert!(ranges(text).is_none(), "{text}");
        }
    }
}
