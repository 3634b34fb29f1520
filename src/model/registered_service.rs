//! A registered service as the model knows services.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Address, Detail, Endpoint, HealthState, Instance, Lease, RegisteredInstance, RegistryCheck, Service, SourceName,
    Transport,
};
use crate::clean::Untrusted;

/// What a registry knows of a service beside its instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredDetail {
    /// How many instances it has.
    pub instances: usize,
    /// How many of them take calls.
    pub usable: usize,
    /// The health of the service, derived from its instances.
    pub health: Option<HealthState>,
    /// Whether too many instances failed at once, so that none is removed at present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// The results of the registry's checks, sorted by instance, without their notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<RegistryCheck>,
}

impl Detail for RegisteredDetail {
    fn has_same_facts(&self, other: &dyn Detail) -> Option<bool> {
        let other: &Self = other.downcast_ref()?;
        Some(self == other)
    }
}

/// The metadata key that holds the capabilities of an instance of the model, separated by commas.
pub const CAPABILITIES_KEY: &str = "capabilities";

/// The health of a service by that of its instances: as good as them if they agree, degraded while some can be used.
pub fn aggregate_health(states: impl IntoIterator<Item = HealthState>) -> HealthState {
    let mut counts = [0_usize; HealthState::ALL.len()];
    for state in states {
        counts[state as usize] += 1;
    }
    let [healthy, degraded, unhealthy, unknown] = counts;

    match (healthy + degraded, unhealthy + unknown) {
        (0, 0) => HealthState::Unknown,
        (0, _) if unhealthy == 0 => HealthState::Unknown,
        (0, _) => HealthState::Unhealthy,
        (_, 0) if degraded == 0 => HealthState::Healthy,
        _ => HealthState::Degraded,
    }
}

/// The services of these instances, one for each namespace and name, sorted by both. `source` is the name of the source
/// that lists them.
pub fn registered_services(
    source: impl Into<SourceName>,
    instances: impl IntoIterator<Item = RegisteredInstance>,
) -> Vec<Service<RegisteredDetail>> {
    let source = source.into();
    let mut services: BTreeMap<(String, String), Vec<RegisteredInstance>> = BTreeMap::new();
    for instance in instances {
        let key = (instance.namespace().to_owned(), instance.name().to_owned());
        services.entry(key).or_default().push(instance);
    }

    services.into_iter().map(|((namespace, name), instances)| service(&source, &namespace, &name, instances)).collect()
}

fn service(
    source: &SourceName,
    namespace: &str,
    name: &str,
    mut instances: Vec<RegisteredInstance>,
) -> Service<RegisteredDetail> {
    instances.sort_by(|a, b| a.id.cmp(&b.id));
    let detail = RegisteredDetail {
        instances: instances.len(),
        usable: instances.iter().filter(|instance| instance.is_usable()).count(),
        health: Some(aggregate_health(instances.iter().map(|instance| instance.health))),
        protected: instances.iter().any(|instance| instance.protected),
        checks: instances.iter().flat_map(RegisteredInstance::registry_checks).collect(),
    };

    let endpoints = instances.iter().map(RegisteredInstance::endpoint).collect();
    let id = format!("{}/{namespace}/{name}", source.as_str());
    let service = Service::new(id, source.clone(), endpoints, detail);
    Service { name: Some(name.into()), namespace: Some(namespace.into()), ..service }
}

fn untrusted(text: Option<&String>) -> Option<Untrusted> {
    text.map(|text| text.as_str().into())
}

impl RegisteredInstance {
    /// Its checks with their states.
    fn registry_checks(&self) -> impl Iterator<Item = RegistryCheck> + '_ {
        let definitions = self.registration.checks.iter().enumerate();

        definitions.map(|(at, definition)| {
            let name = definition.name.as_deref().unwrap_or(definition.kind.as_str());
            let state = self.checks.get(at).map_or(HealthState::Unknown, |check| check.state);
            RegistryCheck {
                instance: Some(self.id.as_ref().into()),
                node: untrusted(self.registration.node.as_ref()),
                id: format!("{at}").into(),
                name: name.into(),
                kind: Some(definition.kind.as_str().into()),
                target: definition.kind.target().map(Into::into),
                state: state.into(),
                note: None,
            }
        })
    }

    /// The endpoint of this instance.
    pub fn endpoint(&self) -> Endpoint {
        let registration = &*self.registration;
        let (address, interface) = match registration.address.split_once('%') {
            Some((ip, interface)) => (ip, Some(Untrusted::from(interface))),
            None => (registration.address.as_str(), None),
        };
        let address = address.parse().map_or_else(|_| Address::Name(address.into()), Address::Ip);
        let transport = if registration.protocol.as_deref() == Some("udp") { Transport::Udp } else { Transport::Tcp };

        Endpoint {
            interface,
            ready: self.is_usable(),
            weight: Some(self.weight),
            instance: Some(Box::new(self.instance())),
            ..Endpoint::new(address, Some(registration.port).filter(|port| *port > 0), transport)
        }
    }

    fn instance(&self) -> Instance {
        let registration = &*self.registration;
        let entries = registration.metadata.iter();
        let mut metadata: BTreeMap<Untrusted, Untrusted> =
            entries.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        if !registration.capabilities.is_empty() {
            metadata.insert(CAPABILITIES_KEY.into(), registration.capabilities.join(",").into());
        }

        Instance {
            id: self.id.as_ref().to_owned(),
            serving: self.health != HealthState::Unhealthy,
            lifecycle: self.status.lifecycle(),
            status_reason: self.status_reason.as_deref().map(Untrusted::from),
            health: Some(self.health).filter(|health| *health != HealthState::Unknown || !self.checks.is_empty()),
            protocol: untrusted(registration.protocol.as_ref()),
            node: untrusted(registration.node.as_ref()),
            zone: untrusted(registration.zone.as_ref()),
            version: untrusted(registration.version.as_ref()),
            tags: registration.tags.iter().map(|tag| tag.as_str().into()).collect(),
            metadata,
            own_weight: self.own_weight,
            lease: self.lease.map(|lease| Lease { ttl: lease.ttl, expires: lease.expires, expired: lease.expired }),
            ..Instance::default()
        }
    }
}
