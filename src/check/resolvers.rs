//! Resolves names through every configured resolver and keeps their replies apart, so that they can be compared.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::scale::Latency;
use crate::net::{LookupError, NameServer, name_servers};

/// The reply of one resolver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolverReply {
    /// `127.0.0.1:53`, or `this machine` for the hosts file and the names of loopback addresses.
    pub(crate) resolver: String,
    #[serde(rename = "took")]
    pub(crate) latency: Latency,
    #[serde(rename = "said")]
    pub(crate) response: DnsResponse,
}

/// The result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DnsResponse {
    /// At least one address; sorted.
    Addresses(Vec<IpAddr>),
    /// The name does not exist or has no address.
    None,
    /// The resolver replies with this error: `SERVFAIL`, `REFUSED`.
    Error(String),
    /// The lookup failed, for this reason.
    Failed(String),
    TimedOut,
}

impl ResolverReply {
    pub(super) fn addresses(&self) -> &[IpAddr] {
        if let DnsResponse::Addresses(addresses) = &self.response { addresses } else { &[] }
    }

    /// Whether the reply says something about the name.
    pub(super) fn is_conclusive(&self) -> bool {
        matches!(self.response, DnsResponse::Addresses(_) | DnsResponse::None)
    }
}

/// The addresses of all replies, IPv4 before IPv6.
pub(super) fn all_addresses(replies: &[ResolverReply]) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = replies.iter().flat_map(ResolverReply::addresses).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The configured resolvers, or those of the system.
pub(crate) struct Resolvers {
    configured: Vec<SocketAddr>,
    timeout: Duration,
    servers: OnceLock<Result<Vec<NameServer>, String>>,
}

impl std::fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolvers").field("configured", &self.configured).finish_non_exhaustive()
    }
}

impl Resolvers {
    /// Uses `configured`, or the resolvers of the system if it is empty. `timeout` bounds each query.
    pub(crate) fn new(configured: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self { configured, timeout, servers: OnceLock::new() }
    }

    /// Queries every resolver for the addresses of `name`.
    ///
    /// # Errors
    /// If there is no resolver.
    pub(crate) async fn query(&self, name: &str) -> Result<Vec<ResolverReply>, String> {
        let servers = self.servers.get_or_init(|| name_servers(&self.configured, self.timeout));
        let servers = servers.as_ref().map_err(Clone::clone)?;
        Ok(futures_util::future::join_all(servers.iter().map(|server| query(server, name))).await)
    }
}

async fn query(server: &NameServer, name: &str) -> ResolverReply {
    let start = Instant::now();
    let response = match server.addresses(name).await {
        Ok(addresses) if addresses.is_empty() => DnsResponse::None,
        Ok(addresses) => DnsResponse::Addresses(addresses),
        Err(LookupError::TimedOut) => DnsResponse::TimedOut,
        Err(LookupError::Error(code)) => DnsResponse::Error(code.to_owned()),
        Err(LookupError::Failed(cause)) => DnsResponse::Failed(cause),
    };
    ResolverReply { resolver: server.origin(name).to_owned(), latency: Latency::since(start), response }
}
