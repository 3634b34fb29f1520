//! Who is asked for the addresses of a name.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use tokio::time::Instant;

use super::dns::{Answer, Said};
use super::scale;

/// The resolvers, each by itself, so that their answers can be compared.
#[derive(Debug)]
pub(crate) struct Resolvers {
    given: Vec<SocketAddr>,
    timeout: Duration,
    each: OnceLock<Result<Vec<One>, String>>,
}

#[derive(Clone)]
struct One {
    name: String,
    resolver: TokioResolver,
}

impl std::fmt::Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// As many as the C library asks (MAXNS).
const MOST_SERVERS: usize = 3;
/// So many addresses of a name are looked at.
const MOST_ADDRESSES: usize = 64;

impl Resolvers {
    /// These, or those of the system if there are none. Each question may take `timeout`.
    pub(crate) fn new(given: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self { given, timeout, each: OnceLock::new() }
    }

    /// Asks each of them for the addresses of `name`.
    ///
    /// # Errors
    /// When there is nobody to ask.
    pub(crate) async fn ask(&self, name: &str) -> Result<Vec<Answer>, String> {
        let each = self.each.get_or_init(|| self.open()).as_ref().map_err(Clone::clone)?;
        // A name is what it is, without search domains, once it has a dot.
        let asking = each.iter().map(|one| one.ask(name, self.timeout));
        Ok(futures_util::future::join_all(asking).await)
    }

    fn open(&self) -> Result<Vec<One>, String> {
        let (config, mut options) = if self.given.is_empty() {
            read_system_conf().map_err(|error| format!("the system names no resolver: {error}"))?
        } else {
            (
                ResolverConfig::from_name_servers(self.given.iter().copied().map(server).collect()),
                ResolverOpts::default(),
            )
        };
        options.timeout = self.timeout;
        // Asking again is the caller's business.
        options.attempts = 0;
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = if self.given.is_empty() { ResolveHosts::Auto } else { ResolveHosts::Never };
        let (domain, search, servers) = config.into_parts();
        let one = |server: NameServerConfig| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            let name = SocketAddr::from((server.ip, port)).to_string();
            let config = ResolverConfig::from_parts(domain.clone(), search.clone(), vec![server]);
            let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = options.clone();
            Ok(One { name, resolver: builder.build().map_err(|error| error.to_string())? })
        };
        let each: Vec<One> = servers.into_iter().take(MOST_SERVERS).map(one).collect::<Result<_, String>>()?;
        if each.is_empty() {
            Err("the system names no resolver; give one with --resolver".to_owned())
        } else {
            Ok(each)
        }
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

impl One {
    async fn ask(&self, name: &str, timeout: Duration) -> Answer {
        let begun = Instant::now();
        // Its own timeout is for each packet; a server that answers by truncation and stalls on TCP would have two.
        let said = match tokio::time::timeout(timeout, self.resolver.lookup_ip(name)).await {
            Err(_) => Said::TimedOut,
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = found.iter().map(|ip| ip.to_canonical()).collect();
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MOST_ADDRESSES);
                if addresses.is_empty() { Said::None } else { Said::Addresses(addresses) }
            }
            Ok(Err(error)) => failure(&error),
        };
        Answer { resolver: self.name.clone(), us: scale::micros(begun.elapsed()), said }
    }
}

fn failure(error: &NetError) -> Said {
    match error {
        NetError::Timeout => Said::TimedOut,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Said::None,
            code => Said::Failed(code.to_string()),
        },
        error => Said::Failed(error.to_string()),
    }
}
