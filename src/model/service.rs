//! What is found: a service and its endpoints.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Finding, Health, Identity, Instance, NetworkNamespace, ServiceHealth, ServiceId, SourceName, port_name, words,
};
use crate::clean::Untrusted;

/// Something that serves, from any source.
///
/// `D` is what its source knows beyond the common fields: a library user of one source gets it typed, output
/// and catalog take the erased form, which carries the same facts.
#[derive(Clone, Debug, Serialize)]
pub struct Service<D = Arc<dyn Detail>> {
    /// The same service has the same id tomorrow: `local/tcp/127.0.0.1:5432`.
    pub id: ServiceId,
    /// What its source calls it; never derived from a port number.
    pub name: Option<Untrusted>,
    /// The namespace it lives in, where its source has such a thing.
    pub namespace: Option<Untrusted>,
    /// The source that knows it: `local`.
    pub source: SourceName,
    /// Where it serves.
    pub endpoints: Vec<Endpoint>,
    /// How well it is, by its endpoints, where they were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<ServiceHealth>>,
    /// What its source finds wrong with it. It takes no points from the score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What only its source knows.
    pub detail: D,
}

impl<D> Service<D> {
    /// A service without a name, a namespace, and anything that only a look at it could tell.
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

    /// How well it is, where `later` is not as well, or better.
    pub(crate) fn health_unlike<E>(&self, later: &Service<E>) -> Option<ServiceHealth> {
        let health = self.health.as_deref()?;
        (later.health.as_deref() != Some(health)).then_some(*health)
    }

    /// What formats made of rows give a row each: every endpoint, or the service by itself where it has none.
    pub fn rows(&self) -> impl Iterator<Item = Option<&Endpoint>> {
        let none = self.endpoints.is_empty().then_some(None);
        self.endpoints.iter().map(Some).chain(none)
    }
}

impl<D: Detail> Service<D> {
    /// The same service with its detail behind the common interface.
    pub fn erase(self) -> Service {
        let Self { id, name, namespace, source, endpoints, health, findings, detail } = self;
        Service { id, name, namespace, source, endpoints, health, findings, detail: Arc::new(detail) }
    }
}

/// What a source knows of its services beyond the common fields. It serialises as the `detail` of an item.
pub trait Detail: fmt::Debug + erased_serde::Serialize + Any + Send + Sync {
    /// The fields that are measured anew each time, and so differ without anything having happened: their paths in
    /// the JSON of the detail, without indexes, as in `processes.cpu_ms`. A difference in them alone is no change.
    fn volatile_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether `other` carries the same facts, apart from volatile ones; `None` where only their JSON tells. It spares a
    /// comparison of what is equal from building that JSON.
    fn has_same_facts(&self, _other: &dyn Detail) -> Option<bool> {
        None
    }

    /// The network namespace of this machine that the service is in, where that is not one's own: nobody gets there by its
    /// address alone.
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
        struct Fields<D> {
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

        let Fields { id, name, namespace, source, endpoints, health, findings, detail } =
            Fields::deserialize(deserializer)?;
        let source = source.unwrap_or_else(|| UNNAMED_SOURCE.into());
        let detail = detail.map_or_else(|| D::deserialize(().into_deserializer()), Ok)?;

        Ok(Self { id, name, namespace, source, endpoints, health, findings, detail })
    }
}

/// One address that a service answers at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Endpoint {
    /// An IP address, or the path of a Unix-domain socket.
    pub address: Address,
    /// 1-65535; `None` for what has no ports.
    pub port: Option<u16>,
    /// The one interface that it can be reached through: it is bound to it, or its address is only good there.
    pub interface: Option<Untrusted>,
    /// How it is spoken to.
    pub transport: Transport,
    /// Whether it takes requests, as far as its source knows.
    pub ready: bool,
    /// What usually speaks on that port. A guess from the number alone.
    #[serde(rename = "service_guess")]
    pub port_service: Option<Cow<'static, str>>,
    /// What speaks there, where it was asked.
    #[serde(rename = "service", skip_serializing_if = "Option::is_none")]
    pub identity: Option<Box<Identity>>,
    /// Its share of the calls, beside the other endpoints' weights; `None` counts as 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// What its source knows of it, where a service has several and they are not alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Box<Instance>>,
    /// How well it is, where it was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Box<Health>>,
}

impl Endpoint {
    /// An endpoint that takes requests, as far as is known; of its port, what usually speaks there is guessed.
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

/// Reads an endpoint as JSON output has it. Only `address` and `transport` must be there.
impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
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

        let fields = Fields::deserialize(deserializer)?;
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
        // Nearly every endpoint; and a listing of 20,000 writes each of them twice.
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
    let mut at = buffer.len();
    let mut put = |byte: u8| {
        at -= 1;
        buffer[at] = byte;
    };
    let mut number = |mut number: u16, before: Option<u8>| {
        loop {
            put(b'0' + u8::try_from(number % 10).unwrap_or(0));
            number /= 10;
            if number == 0 {
                break;
            }
        }
        before.map(&mut put);
    };
    number(port, Some(b':'));
    let [a, b, c, d] = ip.octets().map(u16::from);
    for (octet, before) in [(d, Some(b'.')), (c, Some(b'.')), (b, Some(b'.')), (a, None)] {
        number(octet, before);
    }
    str::from_utf8(&buffer[at..]).unwrap_or_default()
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A Unix-domain socket: a path, or `@name` in the abstract name space.
    Unix(Untrusted),
    /// A host's name, which whoever connects looks up.
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
    /// The word for it, as every format prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Unix => "unix",
        }
    }
}

/// A fact that a source can show of each of its services and their endpoints, for formats that are made of rows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Lower case, words joined by `_`; a table prints it in capitals.
    pub name: &'static str,
    /// Which tables show it.
    pub shown: ColumnVisibility,
    /// Still says something when its end is cut off, where a terminal is narrow.
    pub cut: bool,
    /// Stays the same as long as the service does, and is worth a label on it.
    pub label: bool,
    /// Writes the fact, or nothing where it is not known. The endpoint is that of the row; a service without any has a
    /// row all the same.
    pub cell: fn(&Service, Option<&Endpoint>, &mut dyn fmt::Write) -> fmt::Result,
}

/// Which tables show a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnVisibility {
    /// Every one.
    Always,
    /// Every one, and it is among the last to give way where a terminal is narrow: somebody asked for it by an option.
    Asked,
    /// Every one in which it tells rows apart.
    WhereFilled,
    /// The wide one, where somebody fills it.
    Wide,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ipv4_endpoint_is_written_as_the_standard_library_writes_it(ip: [u8; 4], port: u16) {
            let ip = Ipv4Addr::from(ip);
            let mut buffer = [0; 21];
            prop_assert_eq!(write_ipv4(ip, port, &mut buffer), format!("{ip}:{port}"));
        }
    }
}
