//! DNS servers: given ones, or the system's.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};

use super::{is_localhost, localhost_addresses};
use crate::error::plain;

/// One server, queried separately so that the replies of several can be compared.
#[derive(Clone)]
pub(crate) struct NameServer {
    /// `127.0.0.1:53`.
    pub(crate) name: String,
    resolver: TokioResolver,
    timeout: Duration,
    /// The hosts file, where the system's servers are used.
    hosts: Arc<Hosts>,
}

/// Why a lookup failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// The server did not reply in time.
    #[error("no reply in time")]
    TimedOut,
    /// The server replied with this error: `SERVFAIL`, `REFUSED`.
    #[error("it replies {0}")]
    Error(&'static str),
    /// The lookup failed; the text says why.
    #[error("{0}")]
    Failed(String),
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RecordKind {
    Srv,
    A,
    Aaaa,
    Txt,
}

impl RecordKind {
    /// Its name in DNS.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
        }
    }

    fn record_type(self) -> RecordType {
        match self {
            Self::Srv => RecordType::SRV,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Txt => RecordType::TXT,
        }
    }
}

/// A record of one of these types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameRecord {
    /// The name it belongs to, in small letters, with a dot at its end.
    pub(crate) owner: String,
    /// Seconds.
    pub(crate) ttl: u32,
    pub(crate) data: RecordData,
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RecordData {
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: String,
    },
    Address(IpAddr),
    /// The strings of a TXT record.
    Text(Vec<Vec<u8>>),
}

/// The records of a reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameRecords {
    /// Those of the type that was looked up. Empty: the name does not exist or has no such record.
    pub(crate) answers: Vec<NameRecord>,
    /// Others that the server added, such as the addresses of targets.
    pub(crate) additionals: Vec<NameRecord>,
}

/// Maximum number of servers, as in the C library (MAXNS).
const MAX_SERVERS: usize = 3;
/// Maximum number of addresses per name.
const MAX_ADDRESSES: usize = 64;

/// The given servers, or the system's if none is given. Each query is sent once and may take `timeout`.
///
/// # Errors
/// If there is no server.
pub(crate) fn name_servers(given: &[SocketAddr], timeout: Duration) -> Result<Vec<NameServer>, String> {
    let (config, mut options) = if given.is_empty() {
        read_system_conf().map_err(|error| format!("the system has no resolver: {error}"))?
    } else {
        (ResolverConfig::from_name_servers(given.iter().copied().map(server).collect()), ResolverOpts::default())
    };
    options.timeout = timeout;
    // The caller retries.
    options.attempts = 0;
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = if given.is_empty() { ResolveHosts::Auto } else { ResolveHosts::Never };

    // Without a hosts file, no name is in it.
    let hosts = if given.is_empty() { Hosts::from_system().unwrap_or_default() } else { Hosts::default() };
    let hosts = Arc::new(hosts);
    let (domain, search, servers) = config.into_parts();
    let mut each = Vec::new();
    for server in servers.into_iter().take(MAX_SERVERS) {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let name = SocketAddr::from((server.ip, port)).to_string();
        let config = ResolverConfig::from_parts(domain.clone(), search.clone(), vec![server]);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options.clone();
        let resolver = builder.build().map_err(|error| error.to_string())?;
        each.push(NameServer { name, resolver, timeout, hosts: Arc::clone(&hosts) });
    }

    if each.is_empty() { Err("the system has no resolver; specify one with --resolver".to_owned()) } else { Ok(each) }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

impl NameServer {
    /// The addresses of `name`, sorted; empty if the name does not exist or has no address. A name with a dot is
    /// absolute: search domains are not used.
    ///
    /// # Errors
    /// If the server does not reply or fails.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let absolute = Name::from_str_relaxed(name).map_err(|error| LookupError::Failed(error.to_string()))?;
        let listed = self.listed_addresses(&absolute);
        if !listed.is_empty() {
            return Ok(listed);
        }
        if is_localhost(name) {
            let name = name.to_owned();
            let found = tokio::task::spawn_blocking(move || localhost_addresses(&name));
            return found.await.map_err(|error| LookupError::Failed(error.to_string()));
        }

        // The resolver's timeout is per packet; a server that truncates its reply and stalls on TCP would get two.
        let reply = tokio::time::timeout(self.timeout, self.resolver.lookup_ip(absolute)).await;
        match reply.map_err(|_| LookupError::TimedOut)? {
            Ok(found) => Ok(sorted(found.iter())),
            Err(error) => failure(&error),
        }
    }

    /// What the addresses of `name` come from: this server, or this machine itself.
    pub(crate) fn origin(&self, name: &str) -> &str {
        let is_own = is_localhost(name)
            || Name::from_str_relaxed(name).is_ok_and(|name| !self.listed_addresses(&name).is_empty());
        if is_own { "this machine" } else { &self.name }
    }

    /// The addresses of a name in the hosts file. Like the C library, DNS is not asked for the other family.
    fn listed_addresses(&self, name: &Name) -> Vec<IpAddr> {
        let kinds = [RecordType::A, RecordType::AAAA].into_iter();
        let lookups = kinds.filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)));
        let addresses: Vec<IpAddr> = lookups
            .flat_map(|found| found.answers().iter().filter_map(|one| one.data.ip_addr()).collect::<Vec<_>>())
            .collect();
        sorted(addresses)
    }

    /// The names that belong to an address (its PTR records), without the dot at their ends; empty if there is none.
    ///
    /// # Errors
    /// If the server does not reply or fails.
    pub(crate) async fn names_of(&self, ip: IpAddr) -> Result<Vec<String>, LookupError> {
        let reply = tokio::time::timeout(self.timeout, self.resolver.lookup(Name::from(ip), RecordType::PTR)).await;
        match reply.map_err(|_| LookupError::TimedOut)? {
            Ok(found) => {
                let names = found.answers().iter().filter_map(|record| match &record.data {
                    RData::PTR(name) => Some(full_name(&name.0).trim_end_matches('.').to_owned()),
                    _ => None,
                });
                Ok(names.take(MAX_ADDRESSES).collect())
            }
            Err(error) => failure(&error),
        }
    }

    /// The records of one type. A truncated reply is requested again over TCP.
    ///
    /// # Errors
    /// If the server does not reply or fails.
    pub(crate) async fn records(&self, name: &str, kind: RecordKind) -> Result<NameRecords, LookupError> {
        let name = Name::from_str_relaxed(name).map_err(|error| LookupError::Failed(error.to_string()))?;
        let reply = tokio::time::timeout(self.timeout, self.resolver.lookup(name, kind.record_type())).await;
        match reply.map_err(|_| LookupError::TimedOut)? {
            Ok(found) => {
                let of_kind = found.answers().iter().filter(|record| record.record_type() == kind.record_type());
                let answers = of_kind.filter_map(name_record).collect();
                Ok(NameRecords { answers, additionals: found.additionals().iter().filter_map(name_record).collect() })
            }
            Err(error) => failure(&error),
        }
    }
}

/// At most `MAX_ADDRESSES`, each once.
fn sorted(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.into_iter().map(|ip| ip.to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

fn name_record(record: &Record) -> Option<NameRecord> {
    let data = match &record.data {
        RData::SRV(srv) => RecordData::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: full_name(&srv.target),
        },
        RData::A(a) => RecordData::Address(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => RecordData::Address(IpAddr::V6(aaaa.0)),
        RData::TXT(txt) => RecordData::Text(txt.txt_data.iter().map(|text| text.to_vec()).collect()),
        _ => return None,
    };
    // A value with the highest bit counts as 0 (RFC 2181, 8).
    let ttl = if record.ttl > i32::MAX.unsigned_abs() { 0 } else { record.ttl };
    Some(NameRecord { owner: full_name(&record.name), ttl, data })
}

fn full_name(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    if text.ends_with('.') { text } else { format!("{text}.") }
}

/// A reply without records is empty.
fn failure<T: Default>(error: &NetError) -> Result<T, LookupError> {
    match error {
        NetError::Timeout => Err(LookupError::TimedOut),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(T::default()),
            code => Err(LookupError::Error(code_name(code))),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Err(LookupError::Error(code_name(*code))),
        NetError::Truncated => Err(LookupError::Error("with a truncated message, and with nothing over TCP")),
        NetError::Proto(_) | NetError::Dns(_) => Err(LookupError::Error("with an invalid message")),
        NetError::NoConnections => Err(LookupError::Failed("it cannot be reached".to_owned())),
        NetError::Busy => Err(LookupError::Failed("too many queries are waiting for it".to_owned())),
        NetError::Io(error) => Err(LookupError::Failed(plain(error))),
        error => Err(LookupError::Failed(error.to_string())),
    }
}

/// The name of an error in the registry of DNS (RFC 6895, 2.3).
fn code_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        other => other.to_str(),
    }
}
