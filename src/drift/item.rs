//! The items of a comparison: one per finding, and one per address without a finding.

use std::sync::Arc;

use super::{RegisteredEndpoint, RegistryFinding, RegistryView};
use crate::clean::Untrusted;
use crate::model::{
    Certainty, DriftDetail, DriftState, Endpoint, Finding, FindingKind, Instance, LocalDetail, RegistryDetail, Service,
    SocketHolder,
};

/// The word for this comparison in ids and for sources.
pub(super) const SOURCE: &str = "drift";

/// One result of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftItem {
    /// Its id, the same in every look: `drift/drift-not-listening/consul/web/n1/web-1`.
    pub id: String,
    /// The name of the service.
    pub service: Option<Untrusted>,
    /// Its namespace.
    pub namespace: Option<Untrusted>,
    /// The address that it is about.
    pub endpoint: Option<Endpoint>,
    /// The problem; `None` if there is none.
    pub finding: Option<Finding>,
    /// The facts.
    pub detail: DriftDetail,
    /// What would remove it from its registry.
    pub removal: Option<Removal>,
    /// The registries that it depends on, by their place in the input; the listeners alone if empty.
    pub registries: Vec<usize>,
}

/// A registered instance that can be deregistered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removal {
    /// The place of the registry in the input.
    pub registry: usize,
    /// The namespace and the name of the service.
    pub service: (String, String),
    /// The id of the instance.
    pub instance: String,
    /// The key that holds it, in a key-value store.
    pub key: Option<String>,
    /// Whether `--fix --yes` may carry it out, within its limits.
    pub automatic: bool,
}

impl Removal {
    /// The service and the instance that a registry removes. A key names its instance.
    pub fn target(&self) -> (Service, Instance) {
        let id = self.key.as_ref().unwrap_or(&self.instance).clone();
        let keys = self.key.iter().map(|key| key.as_str().into()).collect();
        let detail = RegistryDetail { keys, ..RegistryDetail::default() };
        let service = Service::new(self.service.1.as_str(), SOURCE, Vec::new(), detail).erase();
        (service, Instance { id, ..Instance::default() })
    }
}

impl DriftItem {
    /// An item about a registered endpoint, without a finding.
    pub(super) fn of_registered(registry: (usize, &RegistryView), registered: &RegisteredEndpoint) -> Self {
        let (index, view) = registry;
        let id = registered.id();
        let detail = DriftDetail {
            registry: Some(view.name.as_str().into()),
            instance: Some(id.as_str().into()),
            registered: Certainty::Yes,
            ..DriftDetail::default()
        };
        let service = service_path(registered);

        Self {
            id: format!("{}/{service}/{id}", view.name),
            service: Some(registered.service.clone()),
            namespace: registered.namespace.clone(),
            endpoint: Some(Endpoint { health: None, ..registered.endpoint.clone() }),
            finding: None,
            detail,
            removal: Some(Removal {
                registry: index,
                service: registered.service_key(),
                instance: id,
                key: registered.key.as_ref().map(|key| key.as_raw().to_owned()),
                automatic: false,
            }),
            registries: vec![index],
        }
    }

    /// An item about a service as a whole, without a finding.
    pub(super) fn of_service(registry: (usize, &RegistryView), reported: &RegistryFinding) -> Self {
        let (index, view) = registry;
        let parts = [reported.namespace.as_ref(), reported.service.as_ref()];
        let path: Vec<&str> = parts.into_iter().flatten().map(Untrusted::as_raw).collect();
        let detail = DriftDetail {
            registry: Some(view.name.as_str().into()),
            registered: Certainty::Yes,
            ..DriftDetail::default()
        };

        Self {
            id: format!("{}/{}", view.name, path.join("/")),
            service: reported.service.clone(),
            namespace: reported.namespace.clone(),
            endpoint: None,
            finding: None,
            detail,
            removal: None,
            registries: vec![index],
        }
    }

    /// An item about a listener, without a finding.
    pub(super) fn of_listener(service: &Service<LocalDetail>, registries: usize) -> Self {
        let endpoint = service.endpoints.first().cloned();
        let place = endpoint.as_ref().map(|at| format!("{}/{at}", at.transport.as_str())).unwrap_or_default();
        let mut item = Self {
            id: place,
            service: service.name.clone(),
            namespace: None,
            endpoint,
            finding: None,
            detail: DriftDetail { registered: Certainty::No, listening: Certainty::Yes, ..DriftDetail::default() },
            removal: None,
            registries: (0..registries).collect(),
        };
        item.set_holder(service);

        item
    }

    /// Adds what holds the socket.
    pub(super) fn set_holder(&mut self, service: &Service<LocalDetail>) {
        self.detail.holder = Some(SocketHolder::of(&service.detail));
    }

    /// The same item with a problem.
    pub(super) fn with(&self, kind: &'static FindingKind, text: impl Into<Untrusted>) -> Self {
        let detail = DriftDetail { state: DriftState::Differs, ..self.detail.clone() };
        let id = format!("{SOURCE}/{}/{}", kind.code, self.id);
        Self { id, finding: Some(Finding::new(kind, text)), detail, ..self.clone() }
    }

    /// The same item, with the command to type.
    pub(super) fn command(mut self, command: Option<Untrusted>) -> Self {
        self.detail.command = command;
        self
    }

    /// The same item: there is no problem.
    pub(super) fn agrees(&self) -> Self {
        let detail = DriftDetail { state: DriftState::Agrees, ..self.detail.clone() };
        Self { id: format!("{SOURCE}/agrees/{}", self.id), detail, ..self.clone() }
    }

    /// The same item: it is unknown whether there is a problem.
    pub(super) fn cannot_tell(&self, reason: impl Into<Untrusted>) -> Self {
        let detail = DriftDetail { state: DriftState::CannotTell, reason: Some(reason.into()), ..self.detail.clone() };
        Self { id: format!("{SOURCE}/cannot-tell/{}", self.id), detail, ..self.clone() }
    }

    /// The code of its finding.
    pub fn code(&self) -> Option<&str> {
        self.finding.as_ref().map(Finding::code)
    }

    /// The item as a service, which every format writes.
    pub fn into_service(self) -> Service {
        let Self { id, service, namespace, mut endpoint, finding, detail, .. } = self;
        if let Some(endpoint) = &mut endpoint {
            // Whatever the registry says: formats that know only open and closed ports must not call this one open.
            endpoint.ready &= detail.replying != Certainty::No && detail.listening != Certainty::No;
        }
        let item = Service::new(id, SOURCE, endpoint.into_iter().collect(), detail);
        let findings = finding.into_iter().collect();
        let Service { id, source, endpoints, detail, .. } = item;
        Service { id, name: service, namespace, source, endpoints, health: None, findings, detail: Arc::new(detail) }
    }
}

/// `shop/web`, or `web` without a namespace.
pub(super) fn service_path(registered: &RegisteredEndpoint) -> String {
    match registered.service_key() {
        (namespace, name) if namespace.is_empty() => name,
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
