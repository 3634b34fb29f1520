//! The ways into a cluster, where they are asked for: Ingresses, and the routes of the Gateway API.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::gateway::{self, GATEWAYS, Gateway, Route, RouteKind};
use super::gateway_rows::of_route;
use super::ingress::of_ingress;
use super::join::{ObjectKey, key};
use super::proxy::is_name;
use super::reader::{ClusterReader, Namespaced, within};
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, K8sRouteDetail, PartialError, Service};

/// What the server says of a group of its APIs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiGroup {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

impl ClusterReader<'_> {
    /// What leads in from outside. What the server does not know is no fault of the answer's.
    pub(super) async fn routes(&mut self, places: &[Namespaced]) {
        for place in places {
            self.ingresses(place.as_deref()).await;
        }
        let served: Vec<String> = match self.api.get::<ApiGroup>(gateway::GROUP).await {
            Ok(group) => group.versions.into_iter().map(|one| one.version).collect(),
            Err(failure) if failure.code() == Some(404) => {
                return self.gathered.notes.push("the server has no Gateway API".to_owned());
            }
            Err(failure) => return self.gathered.faults.push(failure.into_fault("ask for the Gateway API")),
        };
        let mut found = Vec::new();
        for kind in [&gateway::HTTP, &gateway::GRPC, &gateway::TLS] {
            for place in places {
                let routes = self.routes_of(kind, &served, place.as_deref()).await;
                found.extend(routes.into_iter().map(|route| (kind, route)));
            }
        }
        let gateways = self.gateways(&served, &found).await;
        let rows = found.iter().map(|(kind, route)| of_route(kind, route, &gateways));
        self.gathered.routes.extend(rows.map(|row| (row.id.clone(), row)));
    }

    async fn ingresses(&mut self, namespace: Option<&str>) {
        let routes = &mut self.gathered.routes;
        let mut take = |page: Vec<_>, _| {
            routes.extend(page.into_iter().map(of_ingress).map(|row| (row.id.clone(), row)));
        };
        match self.api.list(namespace, &self.params, &mut take).await {
            Err(failure) if failure.code() == Some(404) => {
                let note = "the server has no Ingresses";
                if !self.gathered.notes.iter().any(|said| said == note) {
                    self.gathered.notes.push(note.to_owned());
                }
            }
            Err(failure) => {
                self.gathered.faults.push(failure.into_fault(format!("list all Ingresses{}", within(namespace))));
            }
            Ok(()) => {}
        }
    }

    /// Those of one kind, in the newest version that the server has them in.
    async fn routes_of(&mut self, kind: &RouteKind, served: &[String], namespace: Option<&str>) -> Vec<Route> {
        let mut routes = Vec::new();
        for version in kind.versions.iter().filter(|version| served.iter().any(|served| served == *version)) {
            let path = kind.path(version, namespace);
            match self.api.list_at(&path, &self.params, &mut |page, _| routes.extend(page)).await {
                Err(failure) if failure.code() == Some(404) => continue,
                Err(failure) => {
                    let what = format!("list all {}s{}", kind.name, within(namespace));
                    self.gathered.faults.push(failure.into_fault(what));
                }
                Ok(()) => {}
            }
            break;
        }
        routes
    }

    /// The Gateways that routes name. Of one that is not there, or may not be read, only what its routes say is known.
    async fn gateways(&mut self, served: &[String], found: &[(&RouteKind, Route)]) -> BTreeMap<ObjectKey, Gateway> {
        let mut gateways = BTreeMap::new();
        let Some(version) = GATEWAYS.versions.iter().find(|version| served.iter().any(|served| served == *version))
        else {
            return gateways;
        };
        let named: BTreeSet<ObjectKey> = found.iter().flat_map(|(_, route)| route.gateways()).collect();
        let mut refused = Vec::new();
        for key in named.into_iter().filter(|(namespace, name)| is_name(namespace) && is_name(name)) {
            let path = format!("{}/{}", GATEWAYS.path(version, Some(&key.0)), key.1);
            match self.api.get(&path).await {
                Ok(gateway) => drop(gateways.insert(key, gateway)),
                Err(failure) if failure.code() == Some(404) => {}
                Err(failure) if failure.code() == Some(403) => refused.push((key, failure)),
                Err(failure) => {
                    self.gathered.faults.push(failure.into_fault("read the Gateways that routes name"));
                    break;
                }
            }
        }
        if let Some((_, failure)) = refused.first() {
            let names: Vec<String> =
                refused.iter().map(|((namespace, name), _)| format!("{}/{}", clean(namespace), clean(name))).collect();
            self.gathered.limits.push(PartialError {
                operation: format!("read the Gateways {}", names.join(", ")),
                cause: failure.why(),
                hint: "of their routes only what they say themselves is told; `kubectl auth can-i get gateways` asks for the right"
                    .to_owned(),
            });
        }
        gateways
    }
}

/// A row of a kind of routes.
pub(super) fn row(
    kind: &str,
    metadata: &ObjectMeta,
    endpoints: Vec<Endpoint>,
    detail: K8sRouteDetail,
) -> Service<K8sRouteDetail> {
    let (namespace, name) = key(metadata);
    let id = format!("k8s/{}/{}/{}", clean(&namespace), kind.to_ascii_lowercase(), clean(&name));
    let mut service = Service::new(id, "k8s", endpoints, detail);
    (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
    service
}

/// Any host.
pub(super) const ANY: &str = "*";

/// Whether it is a host, and not a pattern of many.
pub(super) fn is_one(host: &str) -> bool {
    !host.contains('*')
}

/// A balancer's address, or the name that it has instead.
pub(super) fn addressed(text: &str) -> Address {
    text.parse().map_or_else(|_| Address::Name(text.into()), Address::Ip)
}

pub(super) fn text(text: Option<String>) -> Option<Untrusted> {
    text.filter(|text| !text.is_empty()).map(Untrusted::from)
}

pub(super) fn number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
}
