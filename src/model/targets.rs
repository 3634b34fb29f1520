//! What to scan, as people write it: an address, a network, a range, a host's name, or this machine.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use super::host_names::{host_name, zoned};
use super::target_ranges::ranges;
use super::{AddressRange, ParseError, service_url};
use crate::clean::clean;

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Addresses: `10.0.0.5`, `2001:db8::1`, `10.0.0.0/24`, `10.0.0.1-50`, `fd77::2-fd77::4`.
    AddressRange(AddressRange),
    /// Addresses that are not contiguous: `10.0.0.1,5,9`, `10.0.0-3.1`.
    AddressRanges(Vec<AddressRange>),
    /// A link-local address on an interface, which has a name or a number: `fe80::1%eth0`.
    Zoned(Ipv6Addr, String),
    /// A host name, which stands for all its addresses.
    Name(String),
    /// `local`: every address of this machine.
    Local,
}

const FORMS: &str = "write 10.0.0.5, 10.0.0.0/24, 10.0.0.1-50, 2001:db8::1, a host name, host:port, local, @FILE or -";

impl FromStr for Target {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::new("no target is given", FORMS));
        }
        if text == "local" {
            return Ok(Self::Local);
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Some((ip, zone)) = bare.split_once('%') {
            return zoned(ip, zone).map(|(ip, zone)| Self::Zoned(ip, zone));
        }
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return address(ip);
        }
        if let Some((network, prefix)) = text.split_once('/') {
            return cidr(network, prefix);
        }
        if let Some(ranges) = ranges(text) {
            return ranges.map(|mut ranges| match ranges.len() {
                1 => Self::AddressRange(ranges.remove(0)),
                _ => Self::AddressRanges(ranges),
            });
        }

        Ok(Self::Name(host_name(text, FORMS)?.to_owned()))
    }
}

/// A target, and the only port to scan there if one is written with it: `db:5432`, `[2001:db8::1]:443`,
/// `https://example.org/`.
///
/// ```
/// use portolan::model::TargetWithPort;
///
/// let port = |text: &str| text.parse::<TargetWithPort>().map(|target| target.port);
/// assert_eq!([port("db:5432"), port("https://example.org/x"), port("10.0.0.0/24")], [Ok(Some(5432)), Ok(Some(443)), Ok(None)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetWithPort {
    /// The hosts.
    pub target: Target,
    /// The port; `None`: those of the scan.
    pub port: Option<u16>,
}

impl FromStr for TargetWithPort {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (host, port) = match text.split_once("://") {
            Some((scheme, rest)) => of_url(scheme, rest)?,
            None => match with_port(text) {
                Some((host, port)) => (host, Some(number(port)?)),
                None => {
                    check_brackets(text)?;
                    (text, None)
                }
            },
        };
        Ok(Self { target: host.parse()?, port })
    }
}

/// The host and the port of a URL; its user, path and query are not needed to reach it.
pub(super) fn of_url<'t>(scheme: &str, rest: &'t str) -> Result<(&'t str, Option<u16>), ParseError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if let Some((host, port)) = with_port(place) {
        return Ok((host, Some(number(port)?)));
    }

    let default = service_url::default_port(scheme);
    let port = default.ok_or_else(|| {
        let why = format!("'{}://' has no usual port", clean(scheme));
        ParseError::new(why, "write the port, as in tcp://db:5432")
    })?;
    Ok((place, Some(port)))
}

/// The host and the port of `host:port`; of an IPv6 address only in brackets.
fn with_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_whole = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    (is_whole && !host.is_empty()).then_some((host, port))
}

/// Refuses an IPv6 address with a port behind it that no brackets tell apart, as in `::1:18080`. If the whole is an address, as
/// `::1:8080` is, it counts as one.
fn check_brackets(text: &str) -> Result<(), ParseError> {
    let Some((host, port)) = text.rsplit_once(':') else { return Ok(()) };
    let is_ambiguous = text.parse::<Ipv6Addr>().is_ok();
    if is_ambiguous || host.parse::<Ipv6Addr>().is_err() || port.parse::<u16>().is_err() {
        return Ok(());
    }
    Err(ParseError::new("an IPv6 address with a port needs brackets", format!("write [{host}]:{port}")))
}

fn number(port: &str) -> Result<u16, ParseError> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|port| *port > 0 && is_number);
    number.ok_or_else(|| ParseError::new("the port is not a number from 1 to 65535", "write host:port, as in db:5432"))
}

fn address(ip: IpAddr) -> Result<Target, ParseError> {
    let ip = ip.to_canonical();
    if matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
        let why = "a link-local address needs its interface";
        return Err(ParseError::new(why, format!("write {ip}%NAME, as in {ip}%eth0")));
    }
    if ip.is_unspecified() {
        let why = "it is the wildcard address, which cannot be scanned";
        return Err(ParseError::new(why, "write local for all addresses of this machine"));
    }
    Ok(Target::AddressRange(ip.into()))
}

fn cidr(network: &str, prefix: &str) -> Result<Target, ParseError> {
    let Ok(ip) = network.parse::<IpAddr>() else {
        let why = format!("'{}' before the slash is not an address", clean(network));
        return Err(ParseError::new(why, "write a network as 10.0.0.0/24 or 2001:db8::/120"));
    };
    let widest = if ip.is_ipv4() { 32 } else { 128 };
    let length = prefix.parse::<u8>().ok().filter(|_| prefix.bytes().all(|byte| byte.is_ascii_digit()));
    match length.and_then(|length| IpNet::new(ip, length).ok()) {
        // IPv4 in IPv6 is IPv4.
        Some(IpNet::V6(net)) if net.prefix_len() >= 96 && net.addr().to_ipv4_mapped().is_some() => {
            let ip = net.addr().to_canonical();
            match IpNet::new(ip, net.prefix_len() - 96) {
                Ok(net) => Ok(Target::AddressRange(net.into())),
                Err(error) => Err(ParseError::new(error.to_string(), "write it as an IPv4 network")),
            }
        }
        Some(net) => Ok(Target::AddressRange(net.into())),
        None => {
            let why = format!("'/{}' is not a prefix length", clean(prefix));
            let family = if ip.is_ipv4() { "an IPv4" } else { "an IPv6" };
            Err(ParseError::new(why, format!("{family} prefix goes from /0 to /{widest}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Addresses;

    fn addresses(text: &str) -> (u128, String, String) {
        let Target::AddressRange(block) = text.parse().unwrap() else { panic!("{text} is no block") };
        let set = Addresses::new([block]);
        (set.len(), set.get(0).unwrap().to_string(), set.get(set.len() - 1).unwrap().to_string())
    }

    fn block(count: u128, first: &str, last: &str) -> (u128, String, String) {
        (count, first.to_owned(), last.to_owned())
    }

    fn read(text: &str) -> Result<(Target, Option<u16>), String> {
        let read = text.parse::<TargetWithPort>();
        read.map(|TargetWithPort { target, port }| (target, port)).map_err(|error| error.to_string())
    }

    fn name(name: &str) -> Target {
        Target::Name(name.to_owned())
    }

    fn address(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn why(text: &str) -> String {
        text.parse::<TargetWithPort>().unwrap_err().to_string()
    }

    #[test]
    fn addresses_networks_and_ranges() {
        assert_eq!(addresses("10.0.0.5"), block(1, "10.0.0.5", "10.0.0.5"));
        assert_eq!(addresses("[2001:db8::1]"), block(1, "2001:db8::1", "2001:db8::1"));
        assert_eq!(addresses("::ffff:10.0.0.5"), block(1, "10.0.0.5", "10.0.0.5"));
        assert_eq!(addresses("::ffff:10.0.0.0/120"), addresses("10.0.0.0/24"));
        assert_eq!(addresses("10.0.0.77/24"), block(256, "10.0.0.0", "10.0.0.255"));
        assert_eq!(addresses("10.0.0.0/8"), block(1 << 24, "10.0.0.0", "10.255.255.255"));
        assert_eq!(addresses("2001:db8::/64"), block(1 << 64, "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"));
        assert_eq!(addresses("10.0.0.1-50"), block(50, "10.0.0.1", "10.0.0.50"));
        assert_eq!("local".parse(), Ok(Target::Local));
        let zoned = Target::Zoned("fe80::1".parse().unwrap(), "eth0".to_owned());
        assert_eq!(["fe80::1%eth0".parse(), "[fe80::1%eth0]".parse()], [Ok(zoned.clone()), Ok(zoned)]);
        for name in ["localhost", "a.example.org.", "my_host", "10.0.0.1.example", "bücher.example", "web-1"] {
            assert_eq!(name.parse(), Ok(Target::Name(name.to_owned())));
        }
    }

    #[test]
    fn a_port_is_read_from_a_place_and_from_a_url() {
        for (text, target, port) in [
            ("db:5432", name("db"), Some(5432)),
            ("10.0.0.5:80", address("10.0.0.5"), Some(80)),
            ("10.0.0.1-5:80", address("10.0.0.1-5"), Some(80)),
            ("[2001:db8::1]:443", address("2001:db8::1"), Some(443)),
            ("2001:db8::1", address("2001:db8::1"), None),
            ("fd77::2-fd77::4", address("fd77::2-fd77::4"), None),
            ("https://user:secret@example.org/path?q#f", name("example.org"), Some(443)),
            ("http://example.org:8080", name("example.org"), Some(8080)),
            ("http://[::1]/", address("::1"), Some(80)),
            ("postgresql://db/x", name("db"), Some(5432)),
            ("tcp://db:9", name("db"), Some(9)),
            ("db", name("db"), None),
        ] {
            assert_eq!(read(text), Ok((target, port)), "{text}");
        }
        assert_eq!(read("::1:18080"), Err("an IPv6 address with a port needs brackets".to_owned()));
        assert_eq!("fd77::2:18080".parse::<TargetWithPort>().unwrap_err().hint(), "write [fd77::2]:18080");
        assert_eq!(read("::1:8080"), Ok((address("::1:8080"), None)));
        assert_eq!(read("tcp://db"), Err("'tcp://' has no usual port".to_owned()));
        assert_eq!(read("db:0"), Err("the port is not a number from 1 to 65535".to_owned()));
        assert_eq!(read("db:http"), Err("the port is not a number from 1 to 65535".to_owned()));
    }

    #[test]
    fn what_is_no_target_is_refused_with_its_reason() {
        assert_eq!(why(""), "no target is given");
        assert_eq!(why("300.1.1.1"), "it is not an IPv4 address");
        assert_eq!(why("1.2.3"), "it is not an IPv4 address");
        assert_eq!(why("10.0.0.0/33"), "'/33' is not a prefix length");
        assert_eq!(why("2001:db8::/129"), "'/129' is not a prefix length");
        assert_eq!(why("10.0.0.0/+8"), "'/+8' is not a prefix length");
        assert_eq!(why("host/24"), "'host' before the slash is not an address");
        assert_eq!(why("10.0.0.9-3"), "the range runs backwards");
        assert_eq!(why("10.0.0.9-300"), "300 is larger than any address's number");
        for text in ["0x7f.1", "127.0x1", "a.example.1", "0x7f000001", "2130706433", "127.1."] {
            assert_eq!(why(text), "it is not an IPv4 address", "{text}");
        }
        assert_eq!(why("0.0.0.0"), why("::"));
        assert_eq!(why("fe80::1"), "a link-local address needs its interface");
        assert_eq!(why("2001:db8::1%eth0"), "only a link-local address has a zone (the part after %)");
        assert_eq!(why("10.0.0.1%eth0"), "'10.0.0.1' before the % is not an IPv6 address");
        assert_eq!(why("fe80::1%"), "'' is not an interface name");
        for text in ["a b", "-x", "a..b", &"x".repeat(64), "\u{1b}[2J", "/24"] {
            assert!(!why(text).is_empty(), "{text:?}");
        }
    }
}
