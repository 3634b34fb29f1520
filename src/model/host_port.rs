//! A host with a port, as people write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::targets::{host_name, zoned};
use super::{Address, Endpoint, ParseError, Target, Transport};

/// A host with a port: `db:5432`, `10.0.0.5:80`, `[::1]:80`, `[fe80::1%eth0]:80`.
///
/// ```
/// use portolan::model::HostPort;
///
/// let at: HostPort = "[fe80::1%eth0]:80".parse()?;
/// assert_eq!((at.port, at.interface.as_deref()), (80, Some("eth0")));
/// assert_eq!(at.to_string(), "[fe80::1%eth0]:80");
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// An IP address or a host name.
    pub address: Address,
    /// The interface that leads to a link-local address.
    pub interface: Option<String>,
    /// 1-65535.
    pub port: u16,
}

const HINT: &str = "write HOST:PORT, as in db:5432, 10.0.0.5:80 or [::1]:80";

impl HostPort {
    /// A host, which may have the brackets of an IPv6 address, and a port.
    ///
    /// # Errors
    /// If the host is neither an address nor a name.
    pub fn new(host: &str, port: u16) -> Result<Self, ParseError> {
        if host.is_empty() {
            return Err(ParseError::new("it has no host", HINT));
        }

        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_some_and(|bare| !bare.contains(':')) {
            return Err(ParseError::new("its brackets do not contain an IPv6 address", HINT));
        }

        let host = bare.unwrap_or(host);
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Self::of_ip(ip, port);
        }
        if let Some((ip, zone)) = host.split_once('%') {
            let Target::Zoned(ip, zone) = zoned(ip, zone)? else { return Err(neither()) };
            return Ok(Self { address: Address::Ip(ip.into()), interface: Some(zone), port });
        }

        let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match host_name(host) {
            Ok(Target::Name(name)) if !is_number => {
                Ok(Self { address: Address::Name(name.into()), interface: None, port })
            }
            _ => Err(neither()),
        }
    }

    fn of_ip(ip: IpAddr, port: u16) -> Result<Self, ParseError> {
        if matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            let hint = format!("write [{ip}%NAME]:{port} with the name of an interface, as in [{ip}%eth0]:{port}");
            return Err(ParseError::new("a link-local address says nothing without its interface", hint));
        }
        Ok(Self { address: Address::Ip(ip.to_canonical()), interface: None, port })
    }

    /// Parses `HOST:PORT`, or `HOST` alone where a default port is known.
    ///
    /// # Errors
    /// If the host or the port is missing or invalid.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, ParseError> {
        let (host, port) = split(text);
        let port = match (port, default_port) {
            (Some(port), _) => parse_port(port)?,
            (None, Some(port)) => port,
            // A port alone, or nothing.
            (None, None) if text.is_empty() || parse_port(text).is_ok() => {
                return Err(ParseError::new("it has no host", HINT));
            }
            (None, None) => return Err(ParseError::new("it has no port", HINT)),
        };
        Self::new(host, port)
    }
}

impl FromStr for HostPort {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, None)
    }
}

fn neither() -> ParseError {
    ParseError::new("its host is neither a name nor an address", HINT)
}

/// The host and the port, if there is one. The colons of a bare IPv6 address separate nothing.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some(end) = text.find(']').filter(|_| text.starts_with('[')) {
        let (host, rest) = text.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => (text, None),
        };
    }
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
}

fn parse_port(text: &str) -> Result<u16, ParseError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or_else(|| ParseError::new("its port is not a number from 1 to 65535", HINT))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Endpoint::from(self.clone()).fmt(f)
    }
}

impl From<HostPort> for Endpoint {
    fn from(HostPort { address, interface, port }: HostPort) -> Self {
        Self { interface: interface.map(Into::into), ..Self::new(address, Some(port), Transport::Tcp) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_read_and_written() {
        for text in ["db:5432", "my_app:80", "127.0.0.1:65535", "[::1]:80", "[fe80::7%v0]:80", "a.test.:1", "local:1"] {
            assert_eq!(text.parse::<HostPort>().expect(text).to_string(), text);
        }
        assert_eq!("[::ffff:10.0.0.1]:80".parse::<HostPort>().unwrap().to_string(), "10.0.0.1:80");
    }

    #[test]
    fn anything_else_has_a_reason() {
        for (text, why) in [
            ("db", "it has no port"),
            ("::1", "it has no port"),
            ("::1:80", "it has no port"),
            ("[::1]", "it has no port"),
            ("127.0.0.1", "it has no port"),
            ("80", "it has no host"),
            (":80", "it has no host"),
            ("db:0", "its port is not a number from 1 to 65535"),
            ("db:+80", "its port is not a number from 1 to 65535"),
            ("db:65536", "its port is not a number from 1 to 65535"),
            ("db:http", "its port is not a number from 1 to 65535"),
            ("db:", "its port is not a number from 1 to 65535"),
            ("[db]:80", "its brackets do not contain an IPv6 address"),
            ("db/x:80", "its host is neither a name nor an address"),
            ("127.0.0.300:80", "its host is neither a name nor an address"),
            ("a b:80", "its host is neither a name nor an address"),
            ("[fe80::1]:80", "a link-local address says nothing without its interface"),
            ("[::1%lo]:80", "only a link-local address has a zone (the part behind %)"),
        ] {
            assert_eq!(text.parse::<HostPort>().expect_err(text).to_string(), why, "{text}");
        }
    }
}
