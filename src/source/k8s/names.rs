//! Whether external names lead anywhere, by the word of resolvers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};

use super::K8s;
use super::in_cluster::is_pod;
use crate::net::{Deadline, NameServer, name_servers};

/// Where an external name leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Name {
    /// Nobody asked, or nobody could say.
    #[default]
    Unknown,
    /// To an address.
    Leads,
    /// Nowhere: there is no such name, or it has no address.
    Nowhere,
}

/// A resolver that is well answers within milliseconds, and looks elsewhere for two seconds at most.
const LONGEST: Duration = Duration::from_secs(3);
/// So many names are asked for at once.
const AT_ONCE: usize = 32;

/// What resolvers say of names, and why some could not be looked up.
#[derive(Debug, Default)]
pub(super) struct ExternalNames {
    pub(super) names: BTreeMap<String, Name>,
    pub(super) failed: BTreeSet<String>,
    pub(super) why: Option<String>,
}

/// Looks names up until the deadline. Names that only a cluster knows are asked for only from within one.
pub(super) async fn look_up(options: &K8s, names: BTreeSet<String>, deadline: Deadline) -> ExternalNames {
    let mut looked = ExternalNames::default();
    let (told, asked): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.parse::<IpAddr>().is_ok());
    // What looks like an address is looked up like a name, and there is none (Kubernetes, "Type ExternalName").
    looked.names.extend(told.into_iter().map(|name| (name, Name::Nowhere)));
    let asked: Vec<String> = asked.into_iter().filter(|name| is_pod() || !is_of_cluster(name)).collect();
    if asked.is_empty() {
        return looked;
    }
    let servers = match name_servers(&options.resolver, options.timeout.min(LONGEST)) {
        Ok(servers) => servers,
        Err(why) => {
            looked.failed.extend(asked);
            looked.why = Some(why);
            return looked;
        }
    };
    let mut answers =
        stream::iter(asked.iter().cloned()).map(|name| look_up_one(&servers, name)).buffer_unordered(AT_ONCE);
    while let Ok(Some((name, answer))) = deadline.bound(answers.next()).await {
        match answer {
            Ok(found) => drop(looked.names.insert(name, found)),
            Err(why) => looked.why = Some(why),
        }
    }
    looked.failed.extend(asked.iter().filter(|name| !looked.names.contains_key(*name)).cloned());
    looked
}

/// The first server to know counts, as for any program.
async fn look_up_one(servers: &[NameServer], name: String) -> (String, Result<Name, String>) {
    let mut why = String::new();
    for server in servers {
        match server.addresses(&name).await {
            Ok(addresses) if addresses.is_empty() => return (name, Ok(Name::Nowhere)),
            Ok(_) => return (name, Ok(Name::Leads)),
            Err(error) => why = format!("{}: {error}", server.name),
        }
    }
    (name, Err(why))
}

/// Whether only a cluster's own resolver knows it, as a cluster is set up usually.
fn is_of_cluster(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    [".cluster.local", ".svc"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_cluster_are_known() {
        assert!(is_of_cluster("db.prod.svc.cluster.local"));
        assert!(is_of_cluster("DB.prod.SVC."));
        assert!(!is_of_cluster("svc.example"));
    }
}
