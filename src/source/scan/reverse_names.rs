//! `--names`: the names that DNS has for the addresses of found hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;

use crate::clean::Untrusted;
use crate::engine::Cancel;
use crate::model::PartialError;
use crate::net::{LookupError, NameServer, name_servers};

/// The time limit of one query. Each server gets two.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// Lookups at a time.
const MAX_CONCURRENT: usize = 32;

/// The names of addresses that have one.
pub(super) type ReverseNames = BTreeMap<IpAddr, Untrusted>;

/// Looks the addresses up at the given servers, or at the system's. Those that could not be looked up are one error.
pub(super) async fn look_up(
    addresses: BTreeSet<IpAddr>,
    servers: &[SocketAddr],
    cancel: &Cancel,
) -> (ReverseNames, Option<PartialError>) {
    let count = addresses.len();
    let servers = match name_servers(servers, TIMEOUT) {
        Ok(servers) => servers,
        Err(why) => return (ReverseNames::new(), Some(fault(count, count, why))),
    };

    let lookups = iter(addresses).map(|ip| {
        let servers = &servers;
        async move { (ip, name_of(ip, servers).await) }
    });
    let mut lookups = std::pin::pin!(lookups.buffer_unordered(MAX_CONCURRENT));

    let (mut names, mut done, mut failed, mut why) = (ReverseNames::new(), 0, 0, String::new());
    loop {
        let next = tokio::select! {
            next = lookups.next() => next,
            () = cancel.cancelled() => {
                failed += count - done;
                "it was stopped".clone_into(&mut why);
                None
            }
        };
        let Some((ip, found)) = next else { break };
        done += 1;
        match found {
            Ok(name) => names.extend(name.map(|name| (ip, name.into()))),
            Err(error) => {
                failed += 1;
                why = error.to_string();
            }
        }
    }
    (names, (failed > 0).then(|| fault(failed, count, why)))
}

/// The first name of an address, from the first server that replies.
async fn name_of(ip: IpAddr, servers: &[NameServer]) -> Result<Option<String>, LookupError> {
    let mut last = LookupError::TimedOut;
    for server in servers.iter().cycle().take(servers.len() * ATTEMPTS) {
        match server.names_of(ip).await {
            Ok(names) => return Ok(names.into_iter().next()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn fault(failed: usize, count: usize, why: String) -> PartialError {
    PartialError {
        operation: format!("look up the names of {failed} of {count} addresses"),
        cause: why,
        hint: "check the resolver, name another one with --resolver, or leave --names out".to_owned(),
    }
}
