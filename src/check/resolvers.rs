//! Who is asked for the addresses of a name.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use super::dns::{DnsResponse, ResolverReply};
use super::scale::Latency;
use crate::net::{LookupError, NameServer, name_servers};

/// The resolvers, each by itself, so that their answers can be compared.
pub(crate) struct Resolvers {
    given: Vec<SocketAddr>,
    timeout: Duration,
    each: OnceLock<Result<Vec<NameServer>, String>>,
}

impl std::fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolvers").field("given", &self.given).finish_non_exhaustive()
    }
}

impl Resolvers {
    /// These, or those of the system if there are none. Each question may take `timeout`.
    pub(crate) fn new(given: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self { given, timeout, each: OnceLock::new() }
    }

    /// Asks each of them for the addresses of `name`.
    ///
    /// # Errors
    /// When there is nobody to ask.
    pub(crate) async fn ask(&self, name: &str) -> Result<Vec<ResolverReply>, String> {
        let each = self.each.get_or_init(|| name_servers(&self.given, self.timeout)).as_ref().map_err(Clone::clone)?;
        Ok(futures_util::future::join_all(each.iter().map(|one| ask(one, name))).await)
    }
}

async fn ask(server: &NameServer, name: &str) -> ResolverReply {
    let begun = Instant::now();
    let said = match server.addresses(name).await {
        Ok(addresses) if addresses.is_empty() => DnsResponse::None,
        Ok(addresses) => DnsResponse::Addresses(addresses),
        Err(LookupError::TimedOut) => DnsResponse::TimedOut,
        Err(LookupError::Failed(why)) => DnsResponse::Failed(why),
    };
    ResolverReply { resolver: server.name.clone(), took: Latency::since(begun), said }
}
