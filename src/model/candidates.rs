//! What queries look at: registered instances, and endpoints of services of any source.

use super::registered_service::CAPABILITIES_KEY;
use super::{Candidate, Endpoint, HealthState, Instance, RegisteredInstance, Service};
use crate::clean::Untrusted;

impl Candidate for RegisteredInstance {
    fn namespace(&self) -> Option<&str> {
        Some(self.namespace())
    }

    fn name(&self) -> Option<&str> {
        Some(self.name())
    }

    fn version(&self) -> Option<&str> {
        self.registration.version.as_deref()
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.registration.tags.iter().any(|own| own == tag)
    }

    fn has_capability(&self, capability: &str) -> bool {
        self.registration.capabilities.iter().any(|own| own == capability)
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        self.registration.metadata.get(key).map(String::as_str)
    }

    fn node(&self) -> Option<&str> {
        self.registration.node.as_deref()
    }

    fn zone(&self) -> Option<&str> {
        self.registration.zone.as_deref()
    }

    fn health(&self) -> HealthState {
        self.health
    }

    fn is_usable(&self) -> bool {
        self.is_usable()
    }
}

/// An endpoint with the service that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct ServiceEndpoint<'s, D> {
    /// The service.
    pub service: &'s Service<D>,
    /// One of its endpoints.
    pub endpoint: &'s Endpoint,
}

impl<'s, D> ServiceEndpoint<'s, D> {
    /// All endpoints of a service.
    pub fn all(service: &'s Service<D>) -> impl Iterator<Item = Self> {
        service.endpoints.iter().map(move |endpoint| Self { service, endpoint })
    }

    fn instance(&self) -> Option<&'s Instance> {
        self.endpoint.instance.as_deref()
    }
}

fn raw(text: Option<&Untrusted>) -> Option<&str> {
    text.map(Untrusted::as_raw)
}

impl<D> Candidate for ServiceEndpoint<'_, D> {
    fn namespace(&self) -> Option<&str> {
        raw(self.service.namespace.as_ref())
    }

    fn name(&self) -> Option<&str> {
        raw(self.service.name.as_ref())
    }

    fn version(&self) -> Option<&str> {
        raw(self.instance()?.version.as_ref())
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.instance().is_some_and(|instance| instance.tags.iter().any(|own| own.as_raw() == tag))
    }

    fn has_capability(&self, capability: &str) -> bool {
        self.metadata(CAPABILITIES_KEY).is_some_and(|list| list.split(',').any(|own| own == capability))
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        raw(self.instance()?.metadata.get(&Untrusted::from(key)))
    }

    fn node(&self) -> Option<&str> {
        raw(self.instance()?.node.as_ref())
    }

    fn zone(&self) -> Option<&str> {
        raw(self.instance()?.zone.as_ref())
    }

    /// What checks found, else what the source says.
    fn health(&self) -> HealthState {
        match (self.endpoint.health.as_deref(), self.instance()) {
            (Some(health), _) => health.state,
            (None, _) if self.endpoint.ready => HealthState::Healthy,
            (None, Some(instance)) if instance.serving => HealthState::Degraded,
            (None, _) => HealthState::Unhealthy,
        }
    }

    fn is_usable(&self) -> bool {
        self.endpoint.is_usable()
    }
}
