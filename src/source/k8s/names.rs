//! Resolves external names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::K8s;
use super::in_cluster::is_pod;
use crate::net::{Deadline, NameServer, name_servers};

/// The status of an external name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NameStatus {
    /// Not looked up, or the lookup failed.
    #[default]
    Unknown,
    /// It has an address.
    Resolved,
    /// It does not exist, or has no address.
    Unresolved,
}

/// A healthy resolver replies within milliseconds, and itself waits two seconds at most.
const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// Concurrent lookups.
const MAX_LOOKUPS: usize = 32;

/// The status of names, and why some lookups failed.
#[derive(Debug, Default)]
pub(super) struct ExternalNames {
    pub(super) names: BTreeMap<String, NameStatus>,
    pub(super) failed: BTreeSet<String>,
    pub(super) why: Option<String>,
    /// The deadline passed before every name was looked up.
    pub(super) is_cut_off: bool,
}

/// Looks names up until the deadline. Names that only a cluster's resolver knows are looked up only within a cluster.
pub(super) async fn look_up(options: &K8s, names: BTreeSet<String>, deadline: Deadline) -> ExternalNames {
    let mut found = ExternalNames::default();
    let (addresses, names): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.parse::<IpAddr>().is_ok());
    // An address is looked up like a name, and does not exist (Kubernetes, "Type ExternalName").
    found.names.extend(addresses.into_iter().map(|name| (name, NameStatus::Unresolved)));
    let names: Vec<String> = names.into_iter().filter(|name| is_pod() || !is_of_cluster(name)).collect();

    if names.is_empty() {
        return found;
    }

    let servers = match name_servers(&options.resolver, options.timeout.min(MAX_TIMEOUT)) {
        Ok(servers) => servers,
        Err(why) => {
            found.failed.extend(names);
            found.why = Some(why);
            return found;
        }
    };

    let mut replies =
        stream::iter(names.iter().cloned()).map(|name| look_up_one(&servers, name)).buffer_unordered(MAX_LOOKUPS);
    loop {
        match deadline.bound(replies.next()).await {
            Ok(Some((name, Ok(status)))) => drop(found.names.insert(name, status)),
            Ok(Some((_, Err(why)))) => found.why = Some(why),
            Ok(None) => break,
            Err(_) => {
                found.is_cut_off = true;
                break;
            }
        }
    }

    found.failed.extend(names.iter().filter(|name| !found.names.contains_key(*name)).cloned());
    found
}

/// The first server with a reply decides, as in the system's resolver.
async fn look_up_one(servers: &[NameServer], name: String) -> (String, Result<NameStatus, String>) {
    let mut why = String::new();
    for server in servers {
        match server.addresses(&name).await {
            Ok(addresses) if addresses.is_empty() => return (name, Ok(NameStatus::Unresolved)),
            Ok(_) => return (name, Ok(NameStatus::Resolved)),
            Err(error) => why = format!("{}: {error}", server.name),
        }
    }
    (name, Err(why))
}

/// Whether only a cluster's own resolver knows the name, in the usual configuration of a cluster.
fn is_of_cluster(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    [".cluster.local", ".svc"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn names_that_the_deadline_cuts_off_are_reported() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let options = K8s { resolver: vec![silent.local_addr().unwrap()], ..K8s::default() };
        let names = BTreeSet::from(["mail.example".to_owned()]);

        let found = look_up(&options, names.clone(), Deadline::after(Duration::from_millis(1))).await;
        assert!(found.is_cut_off && found.failed == names, "{found:?}");
        let found = look_up(&options, names.clone(), Deadline::after(Duration::from_mins(1))).await;
        assert!(!found.is_cut_off && found.why.is_some() && found.failed == names, "{found:?}");
    }

    #[test]
    fn names_of_the_cluster_are_recognized() {
        assert!(is_of_cluster("db.prod.svc.cluster.local"));
        assert!(is_of_cluster("DB.prod.SVC."));
        assert!(!is_of_cluster("svc.example"));
    }
}
