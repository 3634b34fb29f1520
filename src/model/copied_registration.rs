//! Registrations of instances that another registry has.

use ring::digest::{SHA256, digest};

use super::{
    Address, CheckDefinition, CheckKind, DeclaredDetail, Endpoint, HostPort, Instance, Registration, Service, Transport,
};
use crate::clean::Untrusted;

/// The key of an imported instance's metadata that holds the name of the registry it comes from. Only the server writes it.
pub const IMPORTED_FROM: &str = "imported_from";

impl Registration {
    /// A registration of an instance that another registry has, without its lease. Of its checks, it has those that
    /// a services file declares: they are nowhere else. `label` names that registry: the same instance has the same id each time, and another one under another label.
    ///
    /// # Errors
    /// The reason, if it cannot be registered: it has no port, or exceeds a limit.
    pub(crate) fn copied(label: &str, service: &Service, endpoint: &Endpoint) -> Result<Self, String> {
        if matches!(endpoint.address, Address::Unix(_)) || endpoint.port.is_none() {
            return Err("it has no port".to_owned());
        }

        let none = Instance::default();
        let instance = endpoint.instance.as_deref().unwrap_or(&none);
        let name = service.name.as_ref().map_or_else(|| service.id.to_string(), text);
        let place =
            HostPort { address: endpoint.address.clone(), interface: endpoint.interface.clone(), port: endpoint.port };
        let mut copy = Self::new(name, place).ttl(std::time::Duration::ZERO);
        copy.namespace = service.namespace.as_ref().map(text);
        copy.version = instance.version.as_ref().map(text);
        copy.protocol = instance.protocol.as_ref().map(text).or_else(|| transport_protocol(endpoint.transport));
        if endpoint.transport == Transport::Tcp {
            let declared = service.detail.downcast_ref::<DeclaredDetail>();
            copy.protocol = copy.protocol.or_else(|| declared?.protocol.clone());
            copy.checks = service.declared_checks().unwrap_or_default();
            copy.protocol = copy.protocol.or_else(|| tls_by_port(endpoint, &copy.checks));
        }
        copy.weight = endpoint.weight;
        copy.tags = instance.tags.iter().map(text).collect();
        copy.metadata = instance.metadata.iter().map(|(key, value)| (text(key), text(value))).collect();
        copy.metadata.remove(IMPORTED_FROM);
        copy.node = instance.node.as_ref().map(text);
        copy.zone = instance.zone.as_ref().map(text);

        let origin = if instance.id.is_empty() { endpoint.to_string() } else { instance.id.clone() };
        copy.id = Some(copy_id(&[label, copy.namespace_or_default(), &copy.name, &origin, &copy.place()]));
        match copy.problem() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(copy),
        }
    }

    /// The registry that an imported instance comes from; `None` if it was registered here.
    pub fn imported_from(&self) -> Option<&str> {
        self.metadata.get(IMPORTED_FROM).map(String::as_str)
    }
}

/// The protocol of a check over TLS where only the port says so, as `validate` takes it.
fn tls_by_port(endpoint: &Endpoint, checks: &[CheckDefinition]) -> Option<String> {
    let is_tls = matches!(endpoint.port_service.as_deref(), Some("https" | "https-alt"));
    let protocols = checks.iter().find_map(|check| match check.kind {
        CheckKind::Http { .. } => Some("https"),
        CheckKind::Grpc { .. } => Some("grpcs"),
        _ => None,
    });
    protocols.filter(|_| is_tls).map(str::to_owned)
}

impl Service {
    /// Whether programs of users are behind it: Consul lists a service of its own beside theirs.
    pub(crate) fn is_of_users(&self) -> bool {
        !(self.source == "consul" && self.name.as_ref().is_some_and(|name| name.as_raw() == "consul"))
    }
}

impl Instance {
    /// A value of its metadata.
    pub(crate) fn metadata_value(&self, key: &str) -> Option<&str> {
        self.metadata.get(&Untrusted::from(key)).map(Untrusted::as_raw)
    }
}

fn text(text: &Untrusted) -> String {
    text.as_raw().to_owned()
}

/// TCP is what a registration without a protocol means.
fn transport_protocol(transport: Transport) -> Option<String> {
    (transport != Transport::Tcp).then(|| transport.as_str().to_owned())
}

/// A UUID of version 8 (RFC 9562) from a digest of these parts.
fn copy_id(parts: &[&str]) -> String {
    let digest = digest(&SHA256, parts.join("\0").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
