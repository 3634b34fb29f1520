//! The instances of a service, as Consul's health API writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::findings::{findings, is_maintenance};
use crate::clean::{Untrusted, redacted_url};
use crate::model::{
    Address, Endpoint, HealthState, Instance, Lifecycle, RegistryCheck, RegistryDetail, RegistryState, Service,
    Transport,
};

/// One instance with its node and its checks. Consul writes null for an empty list or map.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthEntry {
    node: CatalogNode,
    service: ServiceEntry,
    #[serde(default, deserialize_with = "null_is_default")]
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CatalogNode {
    #[serde(rename = "Node")]
    name: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    datacenter: String,
    #[serde(default, deserialize_with = "null_is_default")]
    meta: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceEntry {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    tags: Vec<String>,
    #[serde(default)]
    address: String,
    #[serde(default, deserialize_with = "null_is_default")]
    meta: BTreeMap<String, String>,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    socket_path: String,
    weights: Option<Weights>,
    locality: Option<Locality>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    #[serde(default)]
    passing: i64,
    #[serde(default)]
    warning: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Locality {
    #[serde(default)]
    zone: String,
}

#[derive(Debug, Deserialize)]
struct Check {
    #[serde(rename = "CheckID")]
    id: String,
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Status")]
    status: RegistryState,
    #[serde(rename = "Output", default)]
    output: String,
    #[serde(rename = "ServiceID", default)]
    service_id: String,
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Definition", default, deserialize_with = "null_is_default")]
    definition: CheckTarget,
}

/// What a check requests. Consul leaves it out for most checks of its agents.
#[derive(Debug, Default, Deserialize)]
struct CheckTarget {
    #[serde(rename = "HTTP", default)]
    http: String,
    #[serde(rename = "TCP", default)]
    tcp: String,
    #[serde(rename = "GRPC", default)]
    grpc: String,
}

impl Check {
    /// What it requests: as its definition says, or else its output, such as `HTTP GET http://10.0.0.5/health: 200 OK Output: ...`.
    fn target(&self) -> Option<Untrusted> {
        let CheckTarget { http, tcp, grpc } = &self.definition;
        let defined = [http, tcp, grpc].into_iter().find(|target| !target.is_empty()).map(String::as_str);
        defined.or_else(|| reported_target(&self.output)).map(|target| redacted_url(target).as_ref().into())
    }
}

fn reported_target(output: &str) -> Option<&str> {
    let rest = ["HTTP GET ", "TCP connect "].iter().find_map(|begin| output.strip_prefix(begin))?;
    rest.split_once(": ").map(|(target, _)| target)
}

/// Keys of a node's or an instance's metadata that name its zone.
const ZONES: [&str; 4] = ["zone", "availability-zone", "availability_zone", "topology.kubernetes.io/zone"];
/// The output of a check that is kept: HTTP checks copy a page into it.
const MAX_NOTE: usize = 1024;

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The service of these instances, sorted; `None` without an instance.
pub(super) fn service(name: &str, namespace: Option<&str>, mut entries: Vec<HealthEntry>) -> Option<Service> {
    entries.sort_by(|a, b| (&a.node.name, &a.service.id).cmp(&(&b.node.name, &b.service.id)));
    let datacenter = entries.first().map(|entry| entry.node.datacenter.clone())?;
    let datacenter = Some(datacenter).filter(|name| !name.is_empty()).map(Untrusted::from);

    let mut checks: Vec<RegistryCheck> = entries.iter().flat_map(HealthEntry::registry_checks).collect();
    checks.sort_by(|a, b| (&a.instance, &a.node, &a.id).cmp(&(&b.instance, &b.node, &b.id)));
    checks.dedup();
    let endpoints: Vec<Endpoint> = entries.into_iter().map(HealthEntry::endpoint).collect();

    let id = service_id(name, namespace);
    let findings = findings(&endpoints, &checks);
    let detail = RegistryDetail { datacenter, checks, keys: Vec::new() };
    let service = Service::new(id, "consul", endpoints, detail);
    Some(Service { name: Some(name.into()), namespace: namespace.map(Into::into), findings, ..service }.erase())
}

/// `consul/NAME`, or `consul/NAMESPACE/NAME` if a namespace was requested.
pub(super) fn service_id(name: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(|| format!("consul/{name}"), |namespace| format!("consul/{namespace}/{name}"))
}

impl HealthEntry {
    /// An id that no other instance has: Consul's own ids are unique on their node only.
    fn instance_id(&self) -> String {
        format!("{}/{}", self.node.name, self.service.id)
    }

    fn has_check(&self, state: RegistryState) -> bool {
        self.checks.iter().any(|check| check.status == state)
    }

    fn registry_checks(&self) -> impl Iterator<Item = RegistryCheck> + '_ {
        self.checks.iter().map(|check| RegistryCheck {
            instance: (!check.service_id.is_empty()).then(|| self.instance_id().into()),
            node: Some(self.node.name.as_str().into()),
            id: check.id.as_str().into(),
            name: check.name.as_str().into(),
            kind: Some(check.kind.as_str()).filter(|kind| !kind.is_empty()).map(Into::into),
            target: check.target(),
            state: check.status,
            note: note(&check.output),
        })
    }

    /// The worst of its checks; `None` without a check.
    fn health(&self) -> Option<HealthState> {
        if self.has_check(RegistryState::Critical) {
            return Some(HealthState::Unhealthy);
        }
        self.checks.iter().map(|check| check.status.health()).max()
    }

    fn endpoint(self) -> Endpoint {
        let (is_critical, is_warning) =
            (self.has_check(RegistryState::Critical), self.has_check(RegistryState::Warning));
        let is_resting = self.registry_checks().any(|check| is_maintenance(&check));
        let (id, health) = (self.instance_id(), self.health());
        let Self { node, service, .. } = self;

        let metadata = &service.meta;
        let zone = service.locality.map(|locality| locality.zone).filter(|zone| !zone.is_empty());
        let zone =
            zone.or_else(|| ZONES.iter().find_map(|key| metadata.get(*key).or_else(|| node.meta.get(*key)).cloned()));
        let protocol = metadata.get("protocol").cloned();
        let transport = transport(protocol.as_deref());

        let instance = Instance {
            id,
            serving: !is_critical,
            lifecycle: if is_resting { Lifecycle::Maintenance } else { Lifecycle::Up },
            health,
            protocol: protocol.filter(|_| transport == Transport::Tcp).map(Into::into),
            node: Some(node.name.into()),
            zone: zone.map(Into::into),
            version: metadata.get("version").map(|version| version.as_str().into()),
            tags: service.tags.into_iter().map(Into::into).collect(),
            metadata: service.meta.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            ..Instance::default()
        };

        let weight = service.weights.map(|weights| if is_warning { weights.warning } else { weights.passing });
        let place = if service.address.is_empty() { node.address } else { service.address };
        let mut endpoint = if service.socket_path.is_empty() {
            Endpoint::new(address(place), Some(service.port).filter(|port| *port > 0), transport)
        } else {
            Endpoint::new(Address::Unix(service.socket_path.into()), None, Transport::Unix)
        };
        endpoint.ready = !is_critical && !is_resting;
        endpoint.weight = weight.map(|weight| u16::try_from(weight.max(0)).unwrap_or(u16::MAX));
        endpoint.instance = Some(Box::new(instance));
        endpoint
    }
}

fn transport(protocol: Option<&str>) -> Transport {
    match protocol {
        Some("udp") => Transport::Udp,
        Some("sctp") => Transport::Sctp,
        _ => Transport::Tcp,
    }
}

fn address(text: String) -> Address {
    text.parse().map_or_else(|_| Address::Name(text.into()), Address::Ip)
}

fn note(output: &str) -> Option<Untrusted> {
    let note: String = output.trim().chars().take(MAX_NOTE).collect();
    (!note.is_empty()).then(|| note.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Service {
        service("web", None, serde_json::from_str(json).unwrap()).unwrap()
    }

    /// The texts that Consul 1.8.7 sends, and those of newer versions.
    #[test]
    fn instances_keep_what_consul_knows_of_them() {
        let service = read(
            r#"[{"Node":{"ID":"x","Node":"n2","Address":"10.0.0.2","Datacenter":"dc1","TaggedAddresses":{},"Meta":{"zone":"b"}},
                 "Service":{"ID":"web-2","Service":"web","Tags":null,"Address":"","Meta":null,"Port":80,"Weights":{"Passing":1,"Warning":1}},
                 "Checks":null},
                {"Node":{"Node":"n1","Address":"10.0.0.1","Datacenter":"dc1","Meta":null},
                 "Service":{"ID":"web-1","Service":"web","Tags":["api","v1"],"Address":"web.example","Meta":{"version":"1.2.0"},"Port":8080,
                            "Weights":{"Passing":10,"Warning":3},"Locality":{"Region":"r","Zone":"a"}},
                 "Checks":[{"Node":"n1","CheckID":"serfHealth","Name":"Serf","Status":"passing","Output":"alive","ServiceID":""},
                           {"Node":"n1","CheckID":"service:web-1","Name":"HTTP","Status":"warning","Output":"HTTP GET http://10.0.0.5/health?token=s3cret: 429 Slow Output: x","ServiceID":"web-1"}]}]"#,
        );
        let written: Vec<String> = service.endpoints.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["web.example:8080", "10.0.0.2:80"], "sorted by node and id");
        let first = service.endpoints[0].instance.as_deref().unwrap();
        assert_eq!(
            (first.id.as_str(), service.endpoints[0].weight, service.endpoints[0].ready),
            ("n1/web-1", Some(3), true)
        );
        assert_eq!((&first.version, &first.zone), (&Some("1.2.0".into()), &Some("a".into())));
        assert_eq!(service.endpoints[1].instance.as_deref().unwrap().zone, Some("b".into()));
        let codes: Vec<_> = service.findings.iter().map(crate::model::Finding::code).collect();
        assert_eq!(codes, ["consul-warning"]);
        let detail = service.detail.downcast_ref::<RegistryDetail>().unwrap();
        let targets: Vec<Option<String>> =
            detail.checks.iter().map(|check| check.target.as_ref().map(ToString::to_string)).collect();
        assert_eq!(targets, [None, Some("http://10.0.0.5/health?token=***".to_owned())], "{:?}", detail.checks);
    }

    /// An instance with one check.
    fn entry(status: &str, id: &str) -> String {
        format!(
            r#"[{{"Node":{{"Node":"n"}},"Service":{{"ID":"a","Address":"::1"}},
                 "Checks":[{{"CheckID":"{id}","Status":"{status}","ServiceID":"a"}}]}}]"#
        )
    }

    #[test]
    fn a_critical_check_and_maintenance_take_calls_away() {
        let cases = [
            ("passing", "c", true, Lifecycle::Up),
            ("warning", "c", true, Lifecycle::Up),
            ("critical", "c", false, Lifecycle::Up),
            ("paused", "c", true, Lifecycle::Up),
            ("critical", "_service_maintenance:a", false, Lifecycle::Maintenance),
            ("critical", "_node_maintenance", false, Lifecycle::Maintenance),
        ];
        for (status, id, ready, lifecycle) in cases {
            let endpoint = &read(&entry(status, id)).endpoints[0];
            let instance = endpoint.instance.as_deref().unwrap();
            assert_eq!((endpoint.ready, instance.lifecycle), (ready, lifecycle), "{status} {id}");
            assert_eq!(endpoint.port, None, "a service may have no port");
        }
    }
}
