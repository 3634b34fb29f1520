//! `host:port`, as every command takes it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::host_names::{host_name, zoned};
use super::{Address, Endpoint, ParseError, Transport};
use crate::clean::Untrusted;

/// A host with a port, or the path of a Unix-domain socket. Every command accepts the same spellings.
///
/// | spelling | meaning |
/// |---|---|
/// | `db:5432`, `10.0.0.5:80`, `[2001:db8::1]:80` | a name or an address, and a port |
/// | `[fe80::1%eth0]:80` | a link-local address, which needs its interface |
/// | `/run/x.sock`, `./x.sock`, `@name` | a Unix-domain socket: its path, or its abstract name |
///
/// ```
/// use portolan::model::HostPort;
///
/// let parsed: HostPort = "[fe80::1%eth0]:80".parse()?;
/// assert_eq!((parsed.port, parsed.to_string().as_str()), (Some(80), "[fe80::1%eth0]:80"));
/// assert!("::1:80".parse::<HostPort>().is_err(), "an IPv6 address needs brackets");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The address, name or socket.
    pub address: Address,
    /// The interface of a link-local address.
    pub interface: Option<Untrusted>,
    /// 1-65535; `None` for a Unix-domain socket.
    pub port: Option<u16>,
}

const HINT: &str = "write host:port, as in db:5432 or [::1]:80, or the path of a Unix-domain socket";
const NO_HOST: &str = "the host is missing";
const NO_PORT: &str = "the port is missing";

impl HostPort {
    /// The endpoint at this address.
    pub fn endpoint(self) -> Endpoint {
        let transport = if self.port.is_some() { Transport::Tcp } else { Transport::Unix };
        Endpoint { interface: self.interface, ..Endpoint::new(self.address, self.port, transport) }
    }
}

impl FromStr for HostPort {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.starts_with(['/', '.', '@']) {
            return Ok(Self { address: Address::Unix(text.into()), interface: None, port: None });
        }
        let without_host = text.strip_prefix(':').unwrap_or(text);
        if is_number(without_host) {
            port_of(without_host)?;
            return Err(ParseError::new(NO_HOST, HINT));
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(ParseError::new(NO_PORT, "write an IPv6 address in brackets, as in [::1]:80"));
        }

        let (host, port) = split(text)?;
        let (address, interface) = host_of(host)?;
        Ok(Self { address, interface, port: Some(port_of(port)?) })
    }
}

/// A host, in brackets or not.
#[derive(Clone, Copy)]
enum Host<'a> {
    Bracketed(&'a str),
    Plain(&'a str),
}

fn split(text: &str) -> Result<(Host<'_>, &str), ParseError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| ParseError::new("a bracket is not closed", HINT))?;
        let port = rest.strip_prefix(':').ok_or_else(|| ParseError::new(NO_PORT, HINT))?;
        return Ok((Host::Bracketed(host), port));
    }

    let (host, port) = text.rsplit_once(':').ok_or_else(|| ParseError::new(NO_PORT, HINT))?;
    Ok((Host::Plain(host), port))
}

fn host_of(host: Host<'_>) -> Result<(Address, Option<Untrusted>), ParseError> {
    match host {
        Host::Plain("") | Host::Bracketed("") => Err(ParseError::new(NO_HOST, HINT)),
        Host::Plain(host) if host.contains(':') => {
            Err(ParseError::new("an IPv6 address needs brackets", "write it as [2001:db8::1]:80"))
        }
        Host::Plain(host) => match host.parse::<IpAddr>() {
            Ok(ip) => Ok((Address::Ip(ip), None)),
            Err(_) => Ok((Address::Name(host_name(host, HINT)?.into()), None)),
        },
        Host::Bracketed(host) => match host.split_once('%') {
            Some((ip, zone)) => zoned(ip, zone).map(|(ip, zone)| (Address::Ip(ip.into()), Some(zone.into()))),
            None => address(host).map(|ip| (Address::Ip(ip), None)),
        },
    }
}

fn address(text: &str) -> Result<IpAddr, ParseError> {
    let no_address = || ParseError::new("the brackets do not hold an IPv6 address", HINT);
    let ip: Ipv6Addr = text.parse().map_err(|_| no_address())?;

    if ip.is_unicast_link_local() {
        let hint = format!("write [{ip}%NAME]:PORT, as in [{ip}%eth0]:80");
        return Err(ParseError::new("a link-local address needs its interface", hint));
    }
    Ok(IpAddr::V6(ip).to_canonical())
}

fn port_of(text: &str) -> Result<u16, ParseError> {
    let port = text.parse().ok().filter(|port| *port > 0 && is_number(text));
    port.ok_or_else(|| ParseError::new("the port is not a number from 1 to 65535", HINT))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clone().endpoint().fmt(f)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const NO_NUMBER: &str = "the port is not a number from 1 to 65535";
    const NO_NAME: &str = "it is neither an address nor a host name";
    const NO_IPV4: &str = "it is not an IPv4 address";
    const BRACKETS: &str = "an IPv6 address needs brackets";
    const NOT_IN_BRACKETS: &str = "the brackets do not hold an IPv6 address";

    /// A spelling, and how the place is written, or why it is none.
    pub(crate) const SPELLINGS: &[(&str, Result<&str, &str>)] = &[
        ("db:5432", Ok("db:5432")),
        ("db.:5432", Ok("db.:5432")),
        ("DB.Example.org:1", Ok("DB.Example.org:1")),
        ("my_host:80", Ok("my_host:80")),
        ("web-1:65535", Ok("web-1:65535")),
        ("bücher.example:80", Ok("bücher.example:80")),
        ("localhost:80", Ok("localhost:80")),
        ("local:80", Ok("local:80")),
        ("1.example:80", Ok("1.example:80")),
        ("db:00080", Ok("db:80")),
        ("127.0.0.1:80", Ok("127.0.0.1:80")),
        ("0.0.0.0:80", Ok("0.0.0.0:80")),
        ("10.0.0.255:1", Ok("10.0.0.255:1")),
        ("[::1]:80", Ok("[::1]:80")),
        ("[::]:80", Ok("[::]:80")),
        ("[2001:DB8:0::1]:443", Ok("[2001:db8::1]:443")),
        ("[::ffff:10.0.0.5]:80", Ok("10.0.0.5:80")),
        ("[fe80::1%eth0]:80", Ok("[fe80::1%eth0]:80")),
        ("[fe80::1%2]:80", Ok("[fe80::1%2]:80")),
        ("/run/x.sock", Ok("/run/x.sock")),
        ("/run/x.sock:80", Ok("/run/x.sock:80")),
        ("./x.sock", Ok("./x.sock")),
        ("../x.sock", Ok("../x.sock")),
        ("@name", Ok("@name")),
        ("", Err(NO_PORT)),
        ("db", Err(NO_PORT)),
        ("127.0.0.1", Err(NO_PORT)),
        ("::1", Err(NO_PORT)),
        ("::1:80", Err(NO_PORT)),
        ("2001:db8::1:80", Err(NO_PORT)),
        ("fe80::1", Err(NO_PORT)),
        ("[::1]", Err(NO_PORT)),
        ("[::1]80", Err(NO_PORT)),
        ("80", Err(NO_HOST)),
        (":80", Err(NO_HOST)),
        (":0", Err(NO_NUMBER)),
        ("65536", Err(NO_NUMBER)),
        ("[]:80", Err(NO_HOST)),
        (":http", Err(NO_HOST)),
        ("db:", Err(NO_NUMBER)),
        ("db:0", Err(NO_NUMBER)),
        ("db:65536", Err(NO_NUMBER)),
        ("db:+80", Err(NO_NUMBER)),
        ("db:-1", Err(NO_NUMBER)),
        ("db:http", Err(NO_NUMBER)),
        ("db: 80", Err(NO_NUMBER)),
        ("db:80 ", Err(NO_NUMBER)),
        ("[::1]:", Err(NO_NUMBER)),
        ("db:80:90", Err(BRACKETS)),
        ("fe80::1%eth0:80", Err(BRACKETS)),
        ("a::b::c:80", Err(BRACKETS)),
        ("[db]:80", Err(NOT_IN_BRACKETS)),
        ("[127.0.0.1]:80", Err(NOT_IN_BRACKETS)),
        ("[::1", Err("a bracket is not closed")),
        ("::1]:80", Err(BRACKETS)),
        ("[fe80::1]:80", Err("a link-local address needs its interface")),
        ("[fe80::1%]:80", Err("'' is not an interface name")),
        ("[2001:db8::1%eth0]:80", Err("only a link-local address has a zone (the part after %)")),
        ("300.1.1.1:80", Err(NO_IPV4)),
        ("1.2.3:80", Err(NO_IPV4)),
        ("-x:80", Err(NO_NAME)),
        ("a..b:80", Err(NO_NAME)),
        ("a b:80", Err(NO_NAME)),
        ("db/x:80", Err(NO_NAME)),
        ("\u{1b}[2J:80", Err(NO_NAME)),
    ];

    #[test]
    fn each_spelling_has_one_meaning() {
        assert!(SPELLINGS.len() >= 60);
        for (text, expected) in SPELLINGS {
            let read = text.parse::<HostPort>();
            let read = read.as_ref().map(ToString::to_string).map_err(ToString::to_string);
            assert_eq!(read.as_deref().map_err(String::as_str), *expected, "{text:?}");
        }
    }

    #[test]
    fn what_was_written_is_read_as_the_same_place() {
        for (text, _) in SPELLINGS.iter().filter(|(_, place)| place.is_ok()) {
            let place: HostPort = text.parse().unwrap();
            assert_eq!(place.to_string().parse(), Ok(place), "{text}");
        }
    }
}
