//! A registered service in short: what its instances have in common.

use std::collections::BTreeSet;

use serde::Serialize;

use super::version_requirement::parse_version;
use super::{CAPABILITIES_KEY, Endpoint, HealthState, Instance, Service, aggregate_health};
use crate::clean::Untrusted;

/// A registered service in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServiceSummary {
    /// Its namespace, if the registry has namespaces.
    pub namespace: Option<Untrusted>,
    /// Its name.
    pub name: Option<Untrusted>,
    /// How many instances it has.
    pub instances: usize,
    /// How many of them take calls and are not known to be unhealthy.
    pub usable: usize,
    /// How many of the usable ones are healthy or degraded, or judged by nothing at all.
    pub healthy: usize,
    /// The health of the service: as good as its instances if they agree, degraded while only some can be used, and unhealthy if none
    /// takes calls.
    pub health: HealthState,
    /// The versions of its instances, the oldest first.
    pub versions: Vec<Untrusted>,
    /// The tags that any of its instances has.
    pub tags: BTreeSet<Untrusted>,
    /// The capabilities that any of its instances offers.
    pub capabilities: BTreeSet<Untrusted>,
    /// The zones of its instances.
    pub zones: BTreeSet<Untrusted>,
}

impl ServiceSummary {
    /// Summarises a service of a registry.
    pub fn of(service: &Service) -> Self {
        let endpoints = &service.endpoints;
        let versions = instances(endpoints).filter_map(|instance| instance.version.as_ref());
        let versions: BTreeSet<&Untrusted> = versions.collect();
        let mut versions: Vec<Untrusted> = versions.into_iter().cloned().collect();
        versions.sort_by_key(|version| parse_version(version.as_raw()));

        Self {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            instances: endpoints.len(),
            usable: endpoints.iter().filter(|endpoint| endpoint.is_usable()).count(),
            healthy: endpoints.iter().filter(|endpoint| is_healthy(endpoint)).count(),
            health: health_of(endpoints),
            versions,
            tags: instances(endpoints).flat_map(|instance| instance.tags.iter().cloned()).collect(),
            capabilities: endpoints.iter().flat_map(Endpoint::capabilities).collect(),
            zones: instances(endpoints).filter_map(|instance| instance.zone.clone()).collect(),
        }
    }
}

fn instances(endpoints: &[Endpoint]) -> impl Iterator<Item = &Instance> {
    endpoints.iter().filter_map(|endpoint| endpoint.instance.as_deref())
}

/// A service without an instance that takes calls is down, however healthy those are that rest.
fn health_of(endpoints: &[Endpoint]) -> HealthState {
    let health = aggregate_health(endpoints.iter().map(Endpoint::registered_health));
    let is_down = !endpoints.is_empty() && !endpoints.iter().any(Endpoint::is_usable);
    if is_down && health != HealthState::Unknown { HealthState::Unhealthy } else { health }
}

fn is_healthy(endpoint: &Endpoint) -> bool {
    let health = endpoint.instance.as_deref().and_then(|instance| instance.health);
    endpoint.is_usable() && health.is_none_or(|health| matches!(health, HealthState::Healthy | HealthState::Degraded))
}

impl Endpoint {
    /// Its health according to its registry. A lease that is renewed says that the instance works; without any judgement it
    /// is unknown.
    pub fn registered_health(&self) -> HealthState {
        let instance = self.instance.as_deref();
        match instance.and_then(|instance| instance.health) {
            Some(health) => health,
            None if !self.ready => HealthState::Unhealthy,
            None if instance.is_some_and(|instance| instance.lease.is_some()) => HealthState::Healthy,
            None => HealthState::Unknown,
        }
    }

    /// The capabilities of its instance.
    pub fn capabilities(&self) -> Vec<Untrusted> {
        let metadata = self.instance.as_deref().map(|instance| &instance.metadata);
        let list = metadata.and_then(|metadata| metadata.get(&Untrusted::from(CAPABILITIES_KEY)));
        let words = list.map(|list| list.as_raw().split(',').filter(|word| !word.is_empty()));
        words.into_iter().flatten().map(Untrusted::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OperatorStatus, RegisteredInstance, RegisteredLease, Registration, registered_services};

    fn instance(id: &str, version: &str, health: HealthState) -> RegisteredInstance {
        let registration = Registration::new("web", "10.0.0.1:80".parse().unwrap()).version(version).tag("api");
        let registration = Registration { capabilities: vec![format!("cap-{id}")], ..registration };
        let ttl = std::time::Duration::from_secs(30);

        RegisteredInstance {
            registration: registration.into(),
            id: id.into(),
            generation: 1,
            index: 1,
            status: OperatorStatus::Up,
            status_reason: None,
            weight: 1,
            own_weight: None,
            health,
            lease: Some(RegisteredLease { ttl, expires: jiff::Timestamp::UNIX_EPOCH, expired: false }),
            report: None,
            checks: Vec::new(),
            node_down: false,
            flapping: false,
            monitoring_stopped: false,
            protected: false,
            registered_at: jiff::Timestamp::UNIX_EPOCH,
            last_seen: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn summary(instances: &[RegisteredInstance]) -> ServiceSummary {
        let mut services = registered_services("portolan", instances.to_vec());
        ServiceSummary::of(&services.remove(0).erase())
    }

    /// A20 to A22: two of three healthy is a degraded service, and everything that any instance offers is there.
    #[test]
    fn a_service_is_as_good_as_its_instances_together() {
        use HealthState::{Degraded, Healthy, Unhealthy};

        let all =
            [instance("a", "1.10.0", Healthy), instance("b", "1.9.0", Healthy), instance("c", "1.9.0", Unhealthy)];
        let known = summary(&all);
        assert_eq!((known.instances, known.usable, known.healthy, known.health), (3, 2, 2, Degraded));
        let versions: Vec<&str> = known.versions.iter().map(Untrusted::as_raw).collect();
        assert_eq!(versions, ["1.9.0", "1.10.0"], "by their meaning, not their text");
        assert_eq!(known.tags.len(), 1);
        let capabilities: Vec<&str> = known.capabilities.iter().map(Untrusted::as_raw).collect();
        assert_eq!(capabilities, ["cap-a", "cap-b", "cap-c"]);

        assert_eq!(summary(&all[..2]).health, Healthy);
        assert_eq!(summary(&all[2..]).health, Unhealthy);
    }

    /// What is not judged is not called healthy; what is out of service does not count as healthy.
    #[test]
    fn unknown_is_not_healthy() {
        let mut unchecked = instance("a", "1.0.0", HealthState::Unknown);
        unchecked.checks.push(crate::model::CheckState::UNKNOWN);
        let known = summary(&[unchecked]);
        assert_eq!((known.usable, known.healthy, known.health), (1, 0, HealthState::Unknown));

        let mut resting = instance("a", "1.0.0", HealthState::Healthy);
        resting.status = OperatorStatus::Maintenance;
        assert_eq!((summary(&[resting.clone()]).healthy, summary(&[resting.clone()]).usable), (0, 0));
        assert_eq!(summary(&[resting]).health, HealthState::Unhealthy, "none takes calls");
    }
}
