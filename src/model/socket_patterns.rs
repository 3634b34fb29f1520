//! Sockets as ss, lsof, netstat and nmap write them: `:53`, `udp/53`, `127.0.0.1:8080`, `T:80,U:53`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::ports::after_user;
use super::targets::of_url;
use super::{ParseError, Ports, Transport};
use crate::clean::clean;

/// The sockets at some ports, each perhaps of one transport or at one address only. Reads what other tools write.
///
/// ```
/// use portolan::model::{SocketPatterns, Transport};
/// let sockets: SocketPatterns = "[::1]:80,udp/53".parse()?;
/// assert_eq!(sockets.to_string(), "[::1]:80,udp/53");
/// assert_eq!(sockets.ports().to_string(), "53,80");
/// assert!(sockets.matches(Transport::Udp, "0.0.0.0".parse().unwrap(), 53));
/// assert!(!sockets.matches(Transport::Tcp, "0.0.0.0".parse().unwrap(), 53));
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SocketPatterns(Vec<SocketPattern>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SocketPattern {
    /// TCP or UDP; `None`: any.
    transport: Option<Transport>,
    /// `None`: any.
    address: Option<IpAddr>,
    ports: Ports,
}

const HINT: &str = "write a port, a name from `portolan ports`, or what ss, lsof or nmap print, as in :8080, 127.0.0.1:8080, [::1]:80, 443/tcp or udp/53";

impl SocketPatterns {
    /// Every pattern of several sets.
    #[must_use]
    pub fn union(sets: &[Self]) -> Self {
        let mut patterns = Vec::new();
        for pattern in sets.iter().flat_map(|set| &set.0) {
            add(&mut patterns, pattern.clone());
        }
        Self(patterns)
    }

    /// The ports of all patterns.
    pub fn ports(&self) -> Ports {
        let sets: Vec<Ports> = self.0.iter().map(|pattern| pattern.ports.clone()).collect();
        Ports::union(&sets)
    }

    /// Whether no pattern has a transport or an address.
    pub fn is_ports_only(&self) -> bool {
        self.0.iter().all(|pattern| pattern.transport.is_none() && pattern.address.is_none())
    }

    /// Whether a pattern has this transport.
    pub fn has_transport(&self, transport: Transport) -> bool {
        self.0.iter().any(|pattern| pattern.transport == Some(transport))
    }

    /// Whether a pattern has an address.
    pub fn has_address(&self) -> bool {
        self.0.iter().any(|pattern| pattern.address.is_some())
    }

    /// The patterns without an address, and those at the addresses that `is_own` is true for.
    #[must_use]
    pub fn at_own_addresses(&self, is_own: impl Fn(IpAddr) -> bool) -> Self {
        Self(self.0.iter().filter(|pattern| pattern.address.is_none_or(&is_own)).cloned().collect())
    }

    /// Whether a socket bound to `address` is one of these. One bound to all addresses of a family has each of them.
    pub fn matches(&self, transport: Transport, address: IpAddr, port: u16) -> bool {
        self.0.iter().any(|pattern| {
            pattern.transport.is_none_or(|wanted| wanted == transport)
                && pattern.ports.contains(port)
                && pattern.address.is_none_or(|wanted| receives(address, wanted))
        })
    }

    /// The port of a pattern with only one, and its address.
    ///
    /// # Errors
    /// If it has several.
    pub fn single(&self) -> Result<(Option<IpAddr>, u16), ParseError> {
        let ports = self.ports();
        match (ports.iter().next(), ports.len()) {
            (Some(port), 1) => Ok((self.0.first().and_then(|pattern| pattern.address), port)),
            _ => Err(ParseError::new("it is more than one port", "give one port")),
        }
    }
}

/// Whether a socket that is bound to an address receives what is sent to `wanted`. A wildcard of IPv6 usually takes IPv4 too.
fn receives(bound: IpAddr, wanted: IpAddr) -> bool {
    match bound.to_canonical() {
        IpAddr::V4(bound) if bound.is_unspecified() => wanted.is_ipv4(),
        IpAddr::V6(bound) if bound.is_unspecified() => true,
        bound => bound == wanted,
    }
}

impl FromStr for SocketPatterns {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // Its errors name the part of a list.
        let is_plain = !text.contains([':', '/', '@', '*']);
        if is_plain {
            let pattern = SocketPattern { transport: None, address: None, ports: text.parse()? };
            return Ok(Self(vec![pattern]));
        }

        if let Some(pattern) = url(text) {
            return pattern.map(Self);
        }
        let (mut patterns, mut transport) = (Vec::new(), None);
        for part in text.split(',').map(str::trim) {
            // nmap's `U:` counts for the ports after it, too.
            let part = match nmap_transport(part) {
                Some((of_next, rest)) => {
                    transport = Some(of_next);
                    rest
                }
                None => part,
            };
            let (own, place) = split_transport(part);
            let (addresses, ports) = split_place(place)?;
            for address in addresses {
                add(&mut patterns, SocketPattern { transport: own.or(transport), address, ports: ports.clone() });
            }
        }
        Ok(Self(patterns))
    }
}

/// The sockets that a client of a URL connects to, if the text is one and its scheme is not a transport itself.
fn url(text: &str) -> Option<Result<Vec<SocketPattern>, ParseError>> {
    let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| transport(scheme).is_none())?;
    Some(patterns_of_url(scheme, rest))
}

fn patterns_of_url(scheme: &str, rest: &str) -> Result<Vec<SocketPattern>, ParseError> {
    let (host, port) = of_url(scheme, rest)?;
    let ports = ports_of(&port.ok_or_else(no_port)?.to_string())?;
    let transport = Some(Transport::Tcp);
    Ok(addresses(host)?.into_iter().map(|address| SocketPattern { transport, address, ports: ports.clone() }).collect())
}

/// Adds a pattern to the one that differs in its ports only, if there is one.
fn add(patterns: &mut Vec<SocketPattern>, pattern: SocketPattern) {
    let same = patterns.iter_mut().find(|one| (one.transport, one.address) == (pattern.transport, pattern.address));
    match same {
        Some(known) => known.ports = Ports::union(&[std::mem::take(&mut known.ports), pattern.ports]),
        None => patterns.push(pattern),
    }
}

fn nmap_transport(part: &str) -> Option<(Transport, &str)> {
    match part.split_once(':')? {
        ("T" | "t", rest) => Some((Transport::Tcp, rest)),
        ("U" | "u", rest) => Some((Transport::Udp, rest)),
        _ => None,
    }
}

/// Separates the transport: `tcp/80`, `80/tcp`, `tcp:80`, `tcp://HOST:80` and lsof's `tcp@HOST:80`.
fn split_transport(part: &str) -> (Option<Transport>, &str) {
    let word = part.find(|c: char| !c.is_ascii_alphanumeric()).map(|end| part.split_at(end));
    if let Some((word, rest)) = word
        && let Some(transport) = transport(word)
        && let Some(place) = rest.strip_prefix("://").or_else(|| rest.strip_prefix(['/', ':', '@']))
    {
        return (Some(transport), place);
    }

    match part.rsplit_once('/') {
        Some((place, word)) if transport(word).is_some() => (transport(word), place),
        _ => (None, part.strip_prefix('@').unwrap_or(part)),
    }
}

fn transport(word: &str) -> Option<Transport> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" | "tcp4" | "tcp6" => Some(Transport::Tcp),
        "udp" | "udp4" | "udp6" => Some(Transport::Udp),
        _ => None,
    }
}

/// The addresses of a place, and its ports.
fn split_place(place: &str) -> Result<(Vec<Option<IpAddr>>, Ports), ParseError> {
    match place.rsplit_once(':') {
        Some((host, ports)) => Ok((addresses(host)?, ports_of(ports)?)),
        None if place.parse::<Ipv4Addr>().is_ok() => Err(no_port()),
        None => Ok((vec![None], ports_of(place)?)),
    }
}

fn ports_of(text: &str) -> Result<Ports, ParseError> {
    if text.is_empty() {
        return Err(no_port());
    }
    text.parse().map_err(|error: ParseError| ParseError::new(error.to_string(), HINT))
}

fn no_port() -> ParseError {
    ParseError::new("the port is missing", HINT)
}

/// The addresses that a host stands for. A socket's own interface (`127.0.0.53%lo`, as ss prints it) makes no difference.
fn addresses(host: &str) -> Result<Vec<Option<IpAddr>>, ParseError> {
    if matches!(host, "" | "*") {
        return Ok(vec![None]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Some(Ipv4Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into())]);
    }

    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip = inner.split('%').next().and_then(|ip| ip.parse::<IpAddr>().ok());
    match ip {
        Some(ip) if ip.is_unspecified() => Ok(vec![None]),
        Some(ip) => Ok(vec![Some(ip.to_canonical())]),
        None => Err(ParseError::new(format!("'{}' is not an address", clean(after_user(host))), HINT)),
    }
}

impl fmt::Display for SocketPatterns {
    /// As a text that is read as the same patterns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for SocketPattern { transport, address, ports } in &self.0 {
            for range in ports.to_string().split(',') {
                f.write_str(std::mem::replace(&mut comma, ","))?;
                if let Some(transport) = transport {
                    write!(f, "{}/", transport.as_str())?;
                }
                match address {
                    Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{range}")?,
                    Some(IpAddr::V4(ip)) => write!(f, "{ip}:{range}")?,
                    None => f.write_str(range)?,
                }
            }
        }

        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_writes_sockets_in_its_way() {
        for (written, meaning) in [
            ("8080", "8080"),
            ("80,443,8000-8010,ssh", "22,80,443,8000-8010"),
            (":6379", "6379"),
            (":http", "80"),
            // ss and netstat.
            ("127.0.0.1:6379", "127.0.0.1:6379"),
            ("127.0.0.53%lo:53", "127.0.0.53:53"),
            ("0.0.0.0:22", "22"),
            ("*:80", "80"),
            ("[::]:80", "80"),
            (":::80", "80"),
            ("[::1]:80", "[::1]:80"),
            ("::1:80", "[::1]:80"),
            ("[::ffff:10.0.0.5]:80", "10.0.0.5:80"),
            ("[fe80::1%eth0]:80", "[fe80::1]:80"),
            ("localhost:80", "127.0.0.1:80,[::1]:80"),
            // nmap, /etc/services and docker.
            ("443/tcp", "tcp/443"),
            ("53/UDP", "udp/53"),
            ("0.0.0.0:443/tcp", "tcp/443"),
            ("T:80,U:53", "tcp/80,udp/53"),
            ("U:53,111,T:21-25,80", "udp/53,udp/111,tcp/21-25,tcp/80"),
            // lsof.
            ("tcp:443", "tcp/443"),
            ("udp:53", "udp/53"),
            ("@127.0.0.1:80", "127.0.0.1:80"),
            ("TCP@[::1]:80-90", "tcp/[::1]:80-90"),
            // What people write.
            ("tcp/443", "tcp/443"),
            ("udp/53", "udp/53"),
            ("tcp://127.0.0.1:80", "tcp/127.0.0.1:80"),
            ("tcp6/[::1]:80", "tcp/[::1]:80"),
            ("udp/53,443", "443,udp/53"),
            ("http://127.0.0.1:8080/", "tcp/127.0.0.1:8080"),
            ("https://[::1]/a,b?c=d:9", "tcp/[::1]:443"),
            ("http://u:s3cret@localhost:3000", "tcp/127.0.0.1:3000,tcp/[::1]:3000"),
        ] {
            let read: SocketPatterns = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
            let mut parts: Vec<String> = read.to_string().split(',').map(str::to_owned).collect();
            let mut expected: Vec<&str> = meaning.split(',').collect();
            parts.sort();
            expected.sort_unstable();
            assert_eq!(parts, expected, "{written}");
            assert_eq!(read.to_string().parse(), Ok(read), "{written} is read again");
        }
    }

    #[test]
    fn what_is_no_socket_is_refused() {
        for (written, why) in [
            ("127.0.0.1:", "the port is missing"),
            ("10.0.0.5/tcp", "the port is missing"),
            ("::1", "':' is not an address"),
            ("db:80", "'db' is not an address"),
            ("127.0.0.1:0", "there is no port 0 to listen on"),
            ("tcp/", "the port is missing"),
            ("sctp/80", "'sctp/80' is neither a port nor a known name"),
            ("http://x/", "'x' is not an address"),
            ("foo://127.0.0.1/", "'foo://' has no usual port"),
            ("u:s3cret@h:1", "'h' is not an address"),
            ("s3cret@h", "'h' is neither a port nor a known name"),
        ] {
            let read = written.parse::<SocketPatterns>().map_err(|error| error.to_string());
            assert!(read.is_err(), "{written}: {read:?}");
            assert_eq!(read.unwrap_err(), why, "{written}");
        }
    }

    #[test]
    fn an_address_selects_the_sockets_that_receive_what_is_sent_to_it() {
        let sockets: SocketPatterns = "127.0.0.1:80".parse().unwrap();
        let matches = |ip: &str| sockets.matches(Transport::Tcp, ip.parse().unwrap(), 80);
        assert_eq!(["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"].map(matches), [true; 4]);
        assert_eq!(["127.0.0.2", "::1", "10.0.0.1"].map(matches), [false; 3]);
        assert!(!sockets.matches(Transport::Tcp, Ipv4Addr::LOCALHOST.into(), 81));
    }
}
