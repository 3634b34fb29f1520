//! What is found: a service and its endpoints.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Finding, Health, HealthState, Identity, Instance, NetworkNamespace, ServiceHealth, ServiceId, SourceName,
    port_name, words,
};
use crate::clean::Untrusted;

/// A service from any source.
///
/// `D` holds the facts that only its source knows. A program that uses one source gets them typed; output
/// and catalog use the erased form, which carries the same facts.
#[derive(Clone, Debug, Serialize)]
pub struct Service<D = Arc<dyn Detail>> {
    /// The same service has the same id tomorrow: `local/tcp/127.0.0.1:5432`.
    pub id: ServiceId,
    /// Its name in the source; never derived from a port number.
    pub name: Option<Untrusted>,
    /// Its namespace, if the source has namespaces.
    pub namespace: Option<Untrusted>,
    /// The source that listed it: `local`.
    pub source: SourceName,
    /// Where it serves.
    pub endpoints: Vec<Endpoint>,
    /// Its health, derived from its endpoints; `None` if they were not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<ServiceHealth>>,
    /// Problems reported by its source. They take no points; one with a cap limits the score of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Facts specific to the source.
    pub detail: D,
}

impl<D> Service<D> {
    /// Creates a service without name, namespace, health and findings.
    pub fn new(id: impl Into<ServiceId>, source: impl Into<SourceName>, endpoints: Vec<Endpoint>, detail: D) -> Self {
        Self {
            id: id.into(),
            name: None,
            namespace: None,
            source: source.into(),
            endpoints,
            health: None,
            findings: Vec::new(),
            detail,
        }
    }

    /// The finding of its source that limits its score the most.
    pub fn limiting_finding(&self) -> Option<&Finding> {
        self.findings.iter().filter(|finding| finding.cap().is_some()).min_by_key(|finding| finding.cap())
    }

    /// Whether nothing is known of its health because its addresses are unreachable from here.
    pub fn is_out_of_reach(&self) -> bool {
        let mut healths = self.endpoints.iter().filter_map(|endpoint| endpoint.health.as_deref());
        self.health.as_deref().is_some_and(|health| health.score.is_none()) && healths.any(|health| health.out_of_reach)
    }

    /// Whether its source reports at least this percentage of its endpoints as ready. Those that are terminating do not count.
    pub fn is_reported_ready(&self, percent: u8) -> bool {
        let lasting = self.endpoints.iter().filter(|at| !at.instance.as_deref().is_some_and(Instance::is_terminating));
        let (ready, all) = lasting.fold((0, 0), |(ready, all), at| (ready + usize::from(at.ready), all + 1));
        all > 0 && ready * 100 >= all * usize::from(percent)
    }

    /// The health, if it differs from that of `later`.
    pub(crate) fn health_unlike<E>(&self, later: &Service<E>) -> Option<ServiceHealth> {
        let health = self.health.as_deref()?;
        (later.health.as_deref() != Some(health)).then_some(*health)
    }

    /// The rows of the service in a table: one per endpoint, or a single row without endpoint.
    pub fn rows(&self) -> impl Iterator<Item = Option<&Endpoint>> {
        let none = self.endpoints.is_empty().then_some(None);
        self.endpoints.iter().map(Some).chain(none)
    }
}

impl<D: Detail> Service<D> {
    /// The same service with its detail type erased.
    pub fn erase(self) -> Service {
        let Self { id, name, namespace, source, endpoints, health, findings, detail } = self;
        Service { id, name, namespace, source, endpoints, health, findings, detail: Arc::new(detail) }
    }
}

/// Facts specific to a source. They serialize as the `detail` of an item.
pub trait Detail: fmt::Debug + erased_serde::Serialize + Any + Send + Sync {
    /// The measured fields, which differ without any event: their paths in
    /// the JSON of the detail, without indexes, as in `processes.cpu_ms`. A difference in them alone is not a change.
    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether `other` carries the same facts, apart from volatile ones; `None` if only a comparison of the JSON can tell.
    /// Saves building the JSON of equal details.
    fn has_same_facts(&self, _other: &dyn Detail) -> Option<bool> {
        None
    }

    /// The labels that its source keeps for the service, beside those that portolan knows the meaning of.
    fn labels(&self) -> Option<&BTreeMap<Untrusted, Untrusted>> {
        None
    }

    /// The network namespace of the service, if it is another one of this machine. Its address is not reachable from
    /// this namespace.
    fn netns(&self) -> Option<NetworkNamespace> {
        None
    }
}
erased_serde::serialize_trait_object!(Detail);

impl dyn Detail {
    /// The typed detail, if it is of that type.
    pub fn downcast_ref<D: Detail>(&self) -> Option<&D> {
        (self as &dyn Any).downcast_ref()
    }
}

/// The source of a service that does not name one.
const UNNAMED_SOURCE: &str = "given";

/// Reads a service as JSON output has it. Only `id` and `endpoints` must be there.
impl<'de, D: Deserialize<'de>> Deserialize<'de> for Service<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        #[derive(Deserialize)]
        struct ServiceFields<D> {
            id: ServiceId,
            name: Option<Untrusted>,
            namespace: Option<Untrusted>,
            source: Option<SourceName>,
            endpoints: Vec<Endpoint>,
            health: Option<Box<ServiceHealth>>,
            #[serde(default)]
            findings: Vec<Finding>,
            detail: Option<D>,
        }

        let ServiceFields { id, name, namespace, source, endpoints, health, findings, detail } =
            ServiceFields::deserialize(deserializer)?;
        let source = source.unwrap_or_else(|| UNNAMED_SOURCE.into());
        let detail = detail.map_or_else(|| D::deserialize(().into_deserializer()), Ok)?;

        Ok(Self { id, name, namespace, source, endpoints, health, findings, detail })
    }
}

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
    /// The service that usually uses this port. A guess from the number alone.
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
            port_service: port.and_then(port_name).map(Cow::Borrowed),
            identity: None,
            weight: None,
            instance: None,
            health: None,
        }
    }
}

impl Endpoint {
    /// Whether it may be given calls: it is ready, its instance is up, and no check found it unhealthy.
    pub fn is_usable(&self) -> bool {
        let is_up = self.instance.as_deref().is_none_or(|instance| instance.lifecycle.takes_calls());
        let is_unhealthy = self.health.as_deref().is_some_and(|health| health.state == HealthState::Unhealthy);

        self.ready && is_up && !is_unhealthy
    }

    /// The address that a client on the same machine connects to: the loopback address if it listens on all addresses.
    /// `None` for a name, a Unix-domain socket, and a multicast or broadcast address.
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
}

impl Address {
    /// The address that a text stands for, which depends on the transport: every text can be the path of a socket.
    fn of_text(text: String, transport: Transport) -> Self {
        if transport == Transport::Unix {
            return Self::Unix(text.into());
        }
        text.parse().map_or_else(|_| Self::Name(text.into()), Self::Ip)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix(text) | Self::Name(text) => text.fmt(f),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ip(ip) => ip.serialize(serializer),
            Self::Unix(text) | Self::Name(text) => text.serialize(serializer),
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
    /// A Unix-domain socket of any type.
    Unix,
}

impl Transport {
    /// Its name in all formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Unix => "unix",
        }
    }
}

/// A column that a source adds to row formats.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Lower case, words joined by `_`; a table prints it in capitals.
    pub name: &'static str,
    /// The tables that show it.
    pub shown: ColumnVisibility,
    /// Whether it may be cut off on a narrow terminal.
    pub cut: bool,
    /// Whether it is stable enough to become a label.
    pub label: bool,
    /// Writes the cell, or nothing if the value is unknown. The endpoint is that of the row, or `None` for a service
    /// without endpoints.
    pub cell: CellWriter,
    /// Writes the cell for programs that calculate: a plain number in base units, where `cell` writes one for people.
    pub number: Option<CellWriter>,
}

impl Column {
    /// Whether a table, or a wide one, has this column.
    pub(crate) fn is_in_table(&self, wide: bool) -> bool {
        match self.shown {
            ColumnVisibility::Data => false,
            ColumnVisibility::Wide => wide,
            ColumnVisibility::Always | ColumnVisibility::Asked | ColumnVisibility::WhereFilled => true,
        }
    }
}

/// Writes the cell of a row.
pub type CellWriter = fn(&Service, Option<&Endpoint>, &mut dyn fmt::Write) -> fmt::Result;

/// The tables that show a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnVisibility {
    /// All tables.
    Always,
    /// All tables, and kept the longest on a narrow terminal, because an option requested it.
    Asked,
    /// Tables in which it distinguishes rows.
    WhereFilled,
    /// The wide table, if it is not empty.
    Wide,
    /// No table: only files for programs.
    Data,
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
