//! A registered endpoint, as the comparison needs it, whichever registry it comes from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::clean::Untrusted;
use crate::model::{
    Address, DeclaredDetail, Detail, Endpoint, Instance, RegisteredDetail, RegistryCheck, RegistryDetail,
    RegistryState, Service, Transport,
};

/// An endpoint that a registry has.
#[derive(Clone, Debug)]
pub struct RegisteredEndpoint {
    /// The name of its service.
    pub service: Untrusted,
    /// The namespace of its service.
    pub namespace: Option<Untrusted>,
    /// The endpoint with its instance.
    pub endpoint: Endpoint,
    /// The IP addresses that its address stands for; empty if a name did not resolve.
    pub addresses: Vec<IpAddr>,
    /// What the registry says of its health.
    pub health: RegistryHealth,
    /// Whether a check or a lease judges it; `None` if the registry has neither.
    pub judged: Option<bool>,
    /// What its registration declares of its process and its protocol.
    pub declared: Declaration,
    /// The key that holds it, in a key-value store.
    pub key: Option<Untrusted>,
    /// Whether its addresses were written by hand, in a cluster that otherwise fills them in.
    pub manual: bool,
}

/// The health of an instance in a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RegistryHealth {
    /// The registry has no opinion.
    #[default]
    Unknown,
    /// It gives the instance calls.
    Passing,
    /// It gives it no calls, because a check failed.
    Failing(FailedCheck),
}

/// The check that fails, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailedCheck {
    /// It only connects.
    Connect(String),
    /// The heartbeat stopped.
    Heartbeat,
    /// It examines replies, or it is unknown what it examines.
    Other,
}

/// What a registration declares of the program behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// The name of the process: metadata `process`.
    pub process: Option<Untrusted>,
    /// The systemd unit: metadata `unit`.
    pub unit: Option<Untrusted>,
    /// The container: metadata `container`.
    pub container: Option<Untrusted>,
    /// The protocol.
    pub protocol: Option<String>,
    /// The name that its certificate must be valid for.
    pub server_name: Option<String>,
}

impl RegisteredEndpoint {
    /// Its id: that of the instance, or its address.
    pub fn id(&self) -> String {
        match self.instance() {
            Some(instance) if !instance.id.is_empty() => instance.id.clone(),
            _ => self.endpoint.to_string(),
        }
    }

    pub(super) fn instance(&self) -> Option<&Instance> {
        self.endpoint.instance.as_deref()
    }

    /// Its node, if it is known.
    pub(super) fn node(&self) -> Option<&str> {
        self.instance()?.node.as_ref().map(Untrusted::as_raw)
    }

    /// Its version, if it is registered.
    pub(super) fn version(&self) -> Option<&Untrusted> {
        self.instance()?.version.as_ref()
    }

    /// `shop/web`, or `web` in the default namespace.
    pub(super) fn service_key(&self) -> (String, String) {
        let namespace = self.namespace.as_ref().map_or("", Untrusted::as_raw);
        let namespace = if namespace == crate::model::DEFAULT_NAMESPACE { "" } else { namespace };
        (namespace.to_owned(), self.service.as_raw().to_owned())
    }
}

/// The endpoints of a service, without the addresses of names.
pub(crate) fn registered_endpoints(service: &Service) -> Vec<RegisteredEndpoint> {
    let name = service.name.clone().unwrap_or_else(|| service.id.to_string().into());
    let registry_detail = service.detail.downcast_ref::<RegistryDetail>();
    let checks = checks(&*service.detail);
    let keys = registry_detail.map(|detail| detail.keys.as_slice()).unwrap_or_default();

    let endpoints = service.endpoints.iter().enumerate().map(|(at, endpoint)| RegisteredEndpoint {
        service: name.clone(),
        namespace: service.namespace.clone(),
        addresses: match endpoint.address {
            Address::Ip(ip) => vec![ip.to_canonical()],
            Address::Unix(_) | Address::Name(_) | Address::Other(_) => Vec::new(),
        },
        health: health(endpoint, &service.source, checks),
        judged: judged(endpoint, &service.source, checks),
        declared: declaration(service, endpoint),
        key: keys.get(at).cloned(),
        manual: is_manual(&*service.detail),
        endpoint: endpoint.clone(),
    });
    endpoints.collect()
}

/// Whether the endpoints of a cluster's service are written by hand: no selector fills them in.
#[cfg(feature = "k8s")]
fn is_manual(detail: &dyn Detail) -> bool {
    use crate::model::{EndpointsFrom, K8sDetail};

    let detail = detail.downcast_ref::<K8sDetail>();
    detail.is_some_and(|detail| detail.selector.is_empty() && detail.endpoints_from != EndpointsFrom::Unknown)
}

#[cfg(not(feature = "k8s"))]
fn is_manual(_detail: &dyn Detail) -> bool {
    false
}

/// The checks of a registry, of whatever kind.
fn checks(detail: &dyn Detail) -> &[RegistryCheck] {
    if let Some(detail) = detail.downcast_ref::<RegistryDetail>() {
        return &detail.checks;
    }
    detail.downcast_ref::<RegisteredDetail>().map(|detail| detail.checks.as_slice()).unwrap_or_default()
}

/// The checks of one instance.
fn own_checks<'c>(endpoint: &'c Endpoint, checks: &'c [RegistryCheck]) -> impl Iterator<Item = &'c RegistryCheck> {
    let id = endpoint.instance.as_deref().map(|instance| instance.id.as_str());
    checks.iter().filter(move |check| id.is_some() && check.instance.as_ref().map(Untrusted::as_raw) == id)
}

fn health(endpoint: &Endpoint, source: &str, checks: &[RegistryCheck]) -> RegistryHealth {
    let Some(instance) = endpoint.instance.as_deref() else { return RegistryHealth::Unknown };
    if matches!(source, "dns" | "file") || !instance.lifecycle.takes_calls() {
        return RegistryHealth::Unknown;
    }
    if endpoint.ready && instance.serving {
        return RegistryHealth::Passing;
    }

    let mut failing = own_checks(endpoint, checks).filter(|check| check.state == RegistryState::Critical).peekable();
    let Some(first) = failing.peek().map(|check| check.name.to_string()) else {
        // A node that is down, or a value that says so.
        return RegistryHealth::Failing(FailedCheck::Other);
    };
    let kinds: Vec<&str> = failing.map(|check| check.kind.as_ref().map_or("", Untrusted::as_raw)).collect();
    let failed = match kinds.as_slice() {
        kinds if kinds.contains(&"ttl") => FailedCheck::Heartbeat,
        kinds if kinds.iter().all(|kind| *kind == "tcp") => FailedCheck::Connect(first),
        _ => FailedCheck::Other,
    };
    RegistryHealth::Failing(failed)
}

/// Whether anything would tell the registry that the instance has ended.
fn judged(endpoint: &Endpoint, source: &str, checks: &[RegistryCheck]) -> Option<bool> {
    let instance = endpoint.instance.as_deref()?;
    if !matches!(source, "consul" | "etcd" | "portolan") {
        return None;
    }
    // Consul's own service is judged by the membership of its node.
    let is_own = source == "consul" && instance.id.ends_with("/consul");
    Some(is_own || instance.lease.is_some() || own_checks(endpoint, checks).next().is_some())
}

fn declaration(service: &Service, endpoint: &Endpoint) -> Declaration {
    let none = BTreeMap::new();
    let instance = endpoint.instance.as_deref();
    let metadata = instance.map_or(&none, |instance| &instance.metadata);
    let labels = service.detail.labels().unwrap_or(&none);
    let texts = [metadata, labels];

    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    let protocol = instance.and_then(|instance| instance.protocol.as_ref()).map(|text| text.as_raw().to_owned());
    let protocol = protocol.or_else(|| declared.and_then(|declared| declared.protocol.clone()));
    let of_address = match &endpoint.address {
        Address::Name(name) => Some(name.as_raw().to_owned()),
        Address::Ip(_) | Address::Unix(_) | Address::Other(_) => None,
    };
    let given = declared.and_then(|declared| declared.ask.server_name.clone());

    Declaration {
        process: first_text(&texts, "process"),
        unit: first_text(&texts, "unit"),
        container: first_text(&texts, "container"),
        protocol: protocol.map(|protocol| protocol.to_ascii_lowercase()).filter(|protocol| !is_transport(protocol)),
        server_name: given
            .or_else(|| first_text(&texts, "server_name").map(|name| name.as_raw().to_owned()))
            .or(of_address),
    }
}

/// The text of a key in the first map that has the key; `None` if it is empty.
fn first_text(maps: &[&BTreeMap<Untrusted, Untrusted>], key: &str) -> Option<Untrusted> {
    let key = Untrusted::from(key);
    maps.iter().find_map(|map| map.get(&key)).filter(|text| !text.as_raw().is_empty()).cloned()
}

/// Whether a protocol's name only says the transport.
fn is_transport(protocol: &str) -> bool {
    [Transport::Tcp, Transport::Udp, Transport::Sctp].iter().any(|transport| transport.as_str() == protocol)
}
