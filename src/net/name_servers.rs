//! DNS servers: given ones, or the system's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};

/// One server, queried separately so that the replies of several can be compared.
#[derive(Clone)]
pub(crate) struct NameServer {
    /// `127.0.0.1:53`.
    pub(crate) name: String,
    resolver: TokioResolver,
    timeout: Duration,
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

    let (domain, search, servers) = config.into_parts();
    let mut each = Vec::new();
    for server in servers.into_iter().take(MAX_SERVERS) {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let name = SocketAddr::from((server.ip, port)).to_string();
        let config = ResolverConfig::from_parts(domain.clone(), search.clone(), vec![server]);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options.clone();
        each.push(NameServer { name, resolver: builder.build().map_err(|error| error.to_string())?, timeout });
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
        // The resolver's timeout is per packet; a server that truncates its reply and stalls on TCP would get two.
        let absolute = Name::from_str_relaxed(name).map_err(|error| LookupError::Failed(error.to_string()))?;
        let reply = tokio::time::timeout(self.timeout, self.resolver.lookup_ip(absolute)).await;
        match reply.map_err(|_| LookupError::TimedOut)? {
            Ok(found) => {
                let mut addresses: Vec<IpAddr> = found.iter().map(|ip| ip.to_canonical()).collect();
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MAX_ADDRESSES);
                Ok(addresses)
            }
            Err(error) => failure(&error),
        }
    }
}

fn failure(error: &NetError) -> Result<Vec<IpAddr>, LookupError> {
    match error {
        NetError::Timeout => Err(LookupError::TimedOut),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(Vec::new()),
            code => Err(LookupError::Error(code_name(code))),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Err(LookupError::Error(code_name(*code))),
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
