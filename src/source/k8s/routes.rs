//! Reads Ingresses and Gateway API routes, if requested.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::Ingress;
use serde::Deserialize;

use super::gateway::{self, GATEWAYS, Gateway, Route, RouteKind};
use super::gateway_rows::of_route;
use super::ingress::of_ingress;
use super::object_key::{ObjectKey, is_name};
use super::reader::{ClusterObjects, ClusterReader, ListScope, within};
use super::route_findings::KnownServices;
use crate::clean::clean;
use crate::model::PartialError;

/// The server's description of an API group.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiGroup {
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

impl ClusterReader<'_> {
    /// Reads Ingresses and routes. APIs that the server does not have are a note, not an error.
    pub(super) async fn routes(&mut self, scopes: &[ListScope]) {
        // Services that could not be read may exist.
        let knows_services = self.gathered.faults.is_empty();
        self.read_routes(scopes).await;

        if knows_services {
            let ClusterObjects { services, routes, .. } = &mut self.gathered;
            let known = KnownServices { services, scopes, options: self.options };
            for route in routes.values_mut() {
                route.findings = known.findings(route);
            }
        }
    }

    async fn read_routes(&mut self, scopes: &[ListScope]) {
        for scope in scopes {
            self.ingresses(scope.as_deref()).await;
        }

        let served: Vec<String> = match self.api.get::<ApiGroup>(gateway::GROUP).await {
            Ok(group) => group.versions.into_iter().map(|one| one.version).collect(),
            Err(failure) if failure.code() == Some(404) => {
                return self.gathered.notes.push("the server has no Gateway API".to_owned());
            }
            Err(failure) => return self.gathered.faults.push(failure.into_fault("look up the Gateway API")),
        };

        let mut found = Vec::new();
        for kind in [&gateway::HTTP, &gateway::GRPC, &gateway::TLS] {
            for scope in scopes {
                let routes = self.routes_of(kind, &served, scope.as_deref()).await;
                found.extend(routes.into_iter().map(|route| (kind, route)));
            }
        }

        let gateways = self.gateways(&served, &found).await;
        let rows = found.iter().map(|(kind, route)| of_route(kind, route, &gateways));
        self.gathered.routes.extend(rows.map(|row| (row.id.clone(), row)));
    }

    async fn ingresses(&mut self, namespace: Option<&str>) {
        let routes = &mut self.gathered.routes;
        let listed = self
            .api
            .list::<Ingress>(namespace, &self.params, &mut |page, _| {
                routes.extend(page.into_iter().map(of_ingress).map(|row| (row.id.clone(), row)));
            })
            .await;

        match listed {
            Err(failure) if failure.code() == Some(404) => {
                let note = "the server has no Ingresses";
                if !self.gathered.notes.iter().any(|known| known == note) {
                    self.gathered.notes.push(note.to_owned());
                }
            }
            Err(failure) => {
                self.gathered.faults.push(failure.into_fault(format!("list all Ingresses{}", within(namespace))));
            }
            Ok(()) => {}
        }
    }

    /// The routes of one kind, in the newest version that the server has.
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

    /// The Gateways that routes refer to. If one does not exist or is not readable, only the route's own fields are known.
    async fn gateways(&mut self, served: &[String], found: &[(&RouteKind, Route)]) -> BTreeMap<ObjectKey, Gateway> {
        let mut gateways = BTreeMap::new();
        let Some(version) = GATEWAYS.versions.iter().find(|version| served.iter().any(|served| served == *version))
        else {
            return gateways;
        };

        let references: BTreeSet<ObjectKey> = found.iter().flat_map(|(_, route)| route.gateways()).collect();
        let mut refused = Vec::new();
        for key in references.into_iter().filter(|(namespace, name)| is_name(namespace) && is_name(name)) {
            let path = format!("{}/{}", GATEWAYS.path(version, Some(&key.0)), key.1);
            match self.api.get(&path).await {
                Ok(gateway) => drop(gateways.insert(key, gateway)),
                Err(failure) if failure.code() == Some(404) => {}
                Err(failure) if failure.code() == Some(403) => refused.push((key, failure)),
                Err(failure) => {
                    self.gathered.faults.push(failure.into_fault("read the Gateways of routes"));
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
                hint: "their routes lack the Gateways' hosts and addresses; `kubectl auth can-i get gateways` checks the permission"
                    .to_owned(),
            });
        }

        gateways
    }
}
