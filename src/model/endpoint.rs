//! One address of a service, and how it is spoken to.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Health, HealthState, Identity, Instance, port_guess, words};
use crate::clean::Untrusted;

/// One address of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Endpoint {
    /// An IP address, or the path of a Unix-domain socket.
    pub address: Address,
    /// 1-65535; `None` for transports without ports.
    pub port: Option<u16>,
    /// The only interface that leads to it, because the socket is bound to it or the address is link-local.
    pub interface: Option<Untrusted>,
    /// Its transport.
    pub transport: Transport,
    /// Whether it accepts requests, according to the source.
    pub ready: bool,
    /// The service that usually uses this port, a guess from the number alone, with a `?` where it is often wrong; or the
    /// protocol that the user declared.
    #[serde(rename = "service_guess")]
    pub port_service: Option<Cow<'static, str>>,
    /// The identified service, if it was probed.
    #[serde(rename = "service", skip_serializing_if = "Option::is_none")]
    pub identity: Option<Box<Identity>>,
    /// Its share of the calls, relative to the other endpoints; `None` counts as 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// The instance behind the endpoint, if the source knows instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Box<Instance>>,
    /// Its health, if it was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<Health>>,
}

impl Endpoint {
    /// Creates an endpoint that accepts requests. The usual service of its port is filled in.
    pub fn new(address: Address, port: Option<u16>, transport: Transport) -> Self {
        Self {
            address,
            port,
            interface: None,
            transport,
            ready: true,
            port_service: port.and_then(port_guess).map(Cow::Borrowed),
            identity: None,
            weight: None,
            instance: None,
            health: None,
        }
    }

    /// The same endpoint with a declared protocol, which is no guess from its port number.
    #[must_use]
    pub(crate) fn declared_as(mut self, protocol: Option<&str>) -> Self {
        if let Some(protocol) = protocol {
            self.port_service = Some(Cow::Owned(protocol.to_owned()));
        }
        self
    }

    /// Whether it may be given calls: it is ready, its instance is up, and no check found it unhealthy.
    pub fn is_usable(&self) -> bool {
        let is_up = self.instance.as_deref().is_none_or(|instance| instance.lifecycle.takes_calls());
        let is_unhealthy = self.health.as_deref().is_some_and(|health| health.state == HealthState::Unhealthy);

        self.ready && is_up && !is_unhealthy
    }

    /// The address that a client on the same machine connects to: the loopback address if it listens on all addresses.
    /// `None` for anything that is not an IP address, and for a multicast or broadcast address.
    ///
    /// ```
    /// use portolan::Endpoint;
    /// use portolan::model::{Address, Transport};
    ///
    /// let any = Endpoint::new(Address::Ip([0, 0, 0, 0].into()), Some(80), Transport::Tcp);
    /// assert_eq!(any.reachable_at(), Some([127, 0, 0, 1].into()));
    /// ```
    pub fn reachable_at(&self) -> Option<IpAddr> {
        let Address::Ip(ip) = self.address else { return None };

        match ip.to_canonical() {
            ip if ip.is_multicast() || ip == Ipv4Addr::BROADCAST => None,
            IpAddr::V4(ip) if ip.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
            ip => Some(ip),
        }
    }

    /// The interface that a client must name to reach it. Only a link-local address needs one.
    pub fn zone(&self) -> Option<&Untrusted> {
        let is_link_local = matches!(self.address, Address::Ip(IpAddr::V6(ip)) if ip.is_unicast_link_local());
        self.interface.as_ref().filter(|_| is_link_local)
    }
}

/// Reads an endpoint as JSON output has it. Only `address` and `transport` must be there.
impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct EndpointFields {
            address: String,
            port: Option<u16>,
            interface: Option<Untrusted>,
            transport: Transport,
            #[serde(default = "yes")]
            ready: bool,
            #[serde(default, deserialize_with = "present")]
            service_guess: Option<GivenWord>,
            service: Option<Box<Identity>>,
            weight: Option<u16>,
            instance: Option<Box<Instance>>,
            health: Option<Box<Health>>,
        }

        let fields = EndpointFields::deserialize(deserializer)?;
        if fields.port == Some(0) {
            return Err(D::Error::custom("port 0 is not a port"));
        }

        let address = Address::of_text(fields.address, fields.transport);
        let mut endpoint = Self::new(address, fields.port, fields.transport);
        if let Some(GivenWord(given)) = fields.service_guess {
            // The name of the port is nearly always this program's own, which takes no memory.
            endpoint.port_service = if endpoint.port_service == given { endpoint.port_service } else { given };
        }

        Ok(Self {
            interface: fields.interface,
            ready: fields.ready,
            identity: fields.service,
            weight: fields.weight,
            instance: fields.instance,
            health: fields.health,
            ..endpoint
        })
    }
}

fn yes() -> bool {
    true
}

/// A field that is there, though it may be null.
struct GivenWord(Option<Cow<'static, str>>);

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GivenWord>, D::Error> {
    words::optional(deserializer).map(|word| Some(GivenWord(word)))
}

/// `127.0.0.1:80`, `[::1]:80`, `0.0.0.0%eth0:80`, `[fe80::1%eth0]:80`, `/run/x.sock`
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The common case; a listing of 20,000 endpoints writes each of them twice.
        if let (Address::Ip(IpAddr::V4(ip)), None, Some(port)) = (&self.address, &self.interface, self.port) {
            return f.write_str(write_ipv4(*ip, port, &mut [0; 21]));
        }
        let v6 = matches!(self.address, Address::Ip(IpAddr::V6(_))) && self.port.is_some();
        write!(f, "{}{}", if v6 { "[" } else { "" }, self.address)?;
        if let Some(interface) = &self.interface {
            write!(f, "%{interface}")?;
        }
        f.write_str(if v6 { "]" } else { "" })?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Writes `255.255.255.255:65535` from its end, without the formatter that costs several times as much.
fn write_ipv4(ip: Ipv4Addr, port: u16, buffer: &mut [u8; 21]) -> &str {
    let mut start = put_number(buffer, buffer.len(), port);
    let mut separator = b':';

    for octet in ip.octets().into_iter().rev() {
        start -= 1;
        buffer[start] = separator;
        separator = b'.';
        start = put_number(buffer, start, u16::from(octet));
    }

    str::from_utf8(&buffer[start..]).unwrap_or_default()
}

/// Writes a number that ends before `end`. Returns where it starts.
fn put_number(buffer: &mut [u8; 21], end: usize, mut number: u16) -> usize {
    let mut start = end;

    loop {
        start -= 1;
        buffer[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return start;
        }
    }
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A Unix-domain socket: a path, or `@name` in the abstract name space.
    Unix(Untrusted),
    /// A host name, resolved on connecting.
    Name(Untrusted),
    /// An address that only the kernel of this machine knows: `*` of a packet socket, `2:1024` (context and port) of a vsock one.
    Other(Untrusted),
}

impl Address {
    /// The address that a text stands for, which depends on the transport: every text can be the path of a socket.
    fn of_text(text: String, transport: Transport) -> Self {
        if transport == Transport::Unix {
            return Self::Unix(text.into());
        }
        if matches!(transport, Transport::Packet | Transport::Vsock) {
            return Self::Other(text.into());
        }
        text.parse().map_or_else(|_| Self::Name(text.into()), Self::Ip)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix(text) | Self::Name(text) | Self::Other(text) => text.fmt(f),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ip(ip) => ip.serialize(serializer),
            Self::Unix(text) | Self::Name(text) | Self::Other(text) => text.serialize(serializer),
        }
    }
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// UDP-Lite (RFC 3828).
    UdpLite,
    /// A raw socket: packets of one IP protocol, beside what the system does with them.
    Raw,
    /// A packet socket: frames of the network interfaces.
    Packet,
    /// A socket between a virtual machine and its host (AF_VSOCK).
    Vsock,
    /// A Unix-domain socket of any type.
    Unix,
    /// No transport: the endpoint is a host.
    Ip,
}

impl Transport {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::UdpLite => "udplite",
            Self::Raw => "raw",
            Self::Packet => "packet",
            Self::Vsock => "vsock",
            Self::Unix => "unix",
            Self::Ip => "ip",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Lifecycle;

    #[test]
    fn a_client_meets_a_listener_at_one_address() {
        let at = |ip: &str| Endpoint::new(Address::Ip(ip.parse().unwrap()), Some(80), Transport::Tcp);
        let met = |ip: &str| at(ip).reachable_at().map(|ip| ip.to_string()).unwrap_or_default();
        assert_eq!([met("0.0.0.0"), met("::"), met("::ffff:0.0.0.0")], ["127.0.0.1", "::1", "127.0.0.1"]);
        assert_eq!([met("10.0.0.1"), met("::ffff:10.0.0.1"), met("fe80::1")], ["10.0.0.1", "10.0.0.1", "fe80::1"]);
        assert_eq!([met("224.0.0.1"), met("ff02::1"), met("255.255.255.255")], ["", "", ""]);
        assert_eq!(Endpoint::new(Address::Name("a".into()), Some(80), Transport::Tcp).reachable_at(), None);

        let bound = |ip: &str| Endpoint { interface: Some("eth0".into()), ..at(ip) };
        assert_eq!((bound("fe80::1").zone(), bound("10.0.0.1").zone()), (Some(&"eth0".into()), None));
    }

    fn health(state: HealthState) -> Health {
        Health {
            state,
            score: None,
            uncapped: None,
            grade: None,
            complete: true,
            not_covered: Vec::new(),
            coverage: Vec::new(),
            findings: Vec::new(),
            hindered: Vec::new(),
            out_of_reach: false,
            figures: crate::model::Figures::default(),
            tls: None,
            age_ms: None,
        }
    }

    #[test]
    fn calls_go_to_what_is_ready_up_and_not_unhealthy() {
        let ready = Endpoint::new(Address::Name("a".into()), Some(80), Transport::Tcp);
        assert!(ready.is_usable());
        assert!(!Endpoint { ready: false, ..ready.clone() }.is_usable());
        for lifecycle in [Lifecycle::Maintenance, Lifecycle::Draining, Lifecycle::Terminating] {
            let instance = Some(Box::new(Instance { lifecycle, ..Instance::default() }));
            assert!(!Endpoint { instance, ..ready.clone() }.is_usable(), "{lifecycle:?}");
        }
        for (score, usable) in [(None, true), (Some(100), true), (Some(0), false)] {
            let health = health(HealthState::of(score));
            assert_eq!(Endpoint { health: Some(Box::new(health)), ..ready.clone() }.is_usable(), usable, "{score:?}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_endpoint_is_written_as_the_standard_library_writes_it(ip: [u8; 4], port: u16) {
            let ip = Ipv4Addr::from(ip);
            let mut buffer = [0; 21];
            prop_assert_eq!(write_ipv4(ip, port, &mut buffer), format!("{ip}:{port}"));
        }
    }
}
