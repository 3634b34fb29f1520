//! Which server of a registry runs the checks of a service.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::balance::stable_hash;
use crate::store::ClusterServer;

/// Divides the checks among the servers of a registry: each service belongs to one of those that run checks.
///
/// The server with the highest hash of itself and the service has it (rendezvous hashing, Thaler and Ravishankar 1998). When
/// a server ends, only its own services move, and evenly to all others. A service is not divided, so that its score is known
/// in one place.
#[derive(Debug, Default)]
pub(in crate::server) struct CheckDivision {
    /// `None`: this server runs all checks.
    members: ArcSwap<Option<Members>>,
}

#[derive(Debug)]
struct Members {
    own: String,
    /// Those that may run checks, in the order of their ids.
    checking: Vec<Checker>,
    all: Vec<ClusterServer>,
}

#[derive(Debug, PartialEq, Eq)]
struct Checker {
    id: String,
    name: Arc<str>,
}

impl CheckDivision {
    /// Takes over the servers that are there now; `own` is the id of this one. Returns whether services may move.
    pub(in crate::server) fn set(&self, own: &str, all: Vec<ClusterServer>) -> bool {
        let mut checking: Vec<Checker> = all
            .iter()
            .filter(|member| member.checks.is_some())
            .map(|member| Checker { id: member.id.clone(), name: member.name.as_str().into() })
            .collect();
        checking.sort_by(|one, other| one.id.cmp(&other.id));

        let before = self.members.load();
        let is_same = before.as_ref().as_ref().is_some_and(|before| before.checking == checking);
        self.members.store(Arc::new(Some(Members { own: own.to_owned(), checking, all })));
        !is_same
    }

    /// Whether this server runs the checks of a service. It does also if it knows of no server that would.
    pub(in crate::server) fn is_own(&self, namespace: &str, service: &str) -> bool {
        let members = self.members.load();
        let Some(members) = members.as_ref() else { return true };
        owner(&members.checking, namespace, service).is_none_or(|owner| owner.id == members.own)
    }

    /// The name of the server that runs the checks of a service; `None` if there is only this one.
    pub(in crate::server) fn owner(&self, namespace: &str, service: &str) -> Option<Arc<str>> {
        let members = self.members.load();
        let owner = owner(&members.as_ref().as_ref()?.checking, namespace, service)?;
        Some(Arc::clone(&owner.name))
    }

    /// The servers of the registry, by name; none if it has only one.
    pub(in crate::server) fn all(&self) -> Vec<ClusterServer> {
        let mut all = self.members.load().as_ref().as_ref().map(|members| members.all.clone()).unwrap_or_default();
        all.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        all
    }
}

fn owner<'c>(checking: &'c [Checker], namespace: &str, service: &str) -> Option<&'c Checker> {
    let service = stable_hash(service.as_bytes(), stable_hash(namespace.as_bytes(), 0));
    checking.iter().max_by_key(|checker| stable_hash(checker.id.as_bytes(), service))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn member(id: &str, checks: Option<u32>) -> ClusterServer {
        ClusterServer { id: id.to_owned(), name: format!("name-{id}"), index: 7, checks }
    }

    fn owners(ids: &[&str]) -> HashMap<String, String> {
        let division = CheckDivision::default();
        division.set("none of them", ids.iter().map(|id| member(id, Some(0))).collect());
        (0..3_000)
            .map(|number| format!("service-{number}"))
            .map(|name| (name.clone(), division.owner("default", &name).unwrap().to_string()))
            .collect()
    }

    fn count(owners: &HashMap<String, String>, owner: &str) -> usize {
        owners.values().filter(|one| *one == owner).count()
    }

    #[test]
    fn services_are_divided_evenly_and_only_those_of_a_lost_server_move() {
        let three = owners(&["a", "b", "c"]);
        assert_eq!(three, owners(&["c", "a", "b"]), "the order of the servers has no part in it");
        for owner in ["name-a", "name-b", "name-c"] {
            assert!((900..1_100).contains(&count(&three, owner)), "{owner}: {}", count(&three, owner));
        }

        let two = owners(&["a", "c"]);
        let moved = three.iter().filter(|(service, owner)| two[*service] != **owner);
        assert!(moved.clone().all(|(_, owner)| owner == "name-b"));
        let to_a = moved.filter(|(service, _)| two[*service] == "name-a").count();
        assert!((400..600).contains(&to_a), "{to_a}");
    }

    #[test]
    fn a_server_without_checks_has_no_part_and_one_alone_has_all() {
        let division = CheckDivision::default();
        assert!(division.is_own("default", "web") && division.owner("default", "web").is_none());

        assert!(division.set("a", vec![member("a", Some(3)), member("b", None)]));
        assert!((0..50).all(|number| division.is_own("default", &format!("service-{number}"))));
        assert!(!division.set("a", vec![member("a", Some(5)), member("b", None)]), "only a figure differs");
        assert!(division.set("a", vec![member("a", Some(5)), member("b", Some(0))]));
        let own = (0..50).filter(|number| division.is_own("default", &format!("service-{number}"))).count();
        assert!((10..40).contains(&own), "{own}");
        assert_ne!(
            (0..50).map(|number| division.is_own("default", &format!("{number}"))).collect::<Vec<_>>(),
            (0..50).map(|number| division.is_own("other", &format!("{number}"))).collect::<Vec<_>>(),
            "services of two namespaces are two services"
        );

        division.set("a", vec![member("a", None)]);
        assert!(division.is_own("default", "web"), "no server that would check is known");
    }
}
