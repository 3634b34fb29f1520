//! The requests to Consul.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Consul;
use super::entries::{HealthEntry, service, service_id};
use crate::error::Result;
use crate::model::{Service, ServiceId};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryReply, RegistryRequest, path_segment};

/// An agent or server of Consul.
pub(super) struct ConsulApi {
    http: RegistryHttp,
    scope: Vec<(&'static str, String)>,
    tags: Vec<String>,
    namespace: Option<String>,
}

/// The names in the catalog.
pub(super) struct Catalog {
    pub(super) index: u64,
    /// The tags of each service, those of all its instances together.
    pub(super) services: BTreeMap<String, Option<Vec<String>>>,
    /// Whether Consul left out services that the token may not read. Versions before 1.11 do not say it.
    pub(super) is_filtered: bool,
}

/// One service.
pub(super) struct ServiceReply {
    pub(super) index: u64,
    /// `None`: it has no instance.
    pub(super) service: Option<Service>,
}

/// The size of one service's reply: 20,000 instances with checks.
const MAX_SERVICE_BYTES: usize = 64 << 20;

impl Catalog {
    /// Whether it has a service with all these tags, on one or several of its instances.
    pub(super) fn has_tagged(&self, name: &str, wanted: &[String]) -> bool {
        let tags = self.services.get(name);
        tags.is_some_and(|tags| wanted.iter().all(|tag| tags.iter().flatten().any(|known| known == tag)))
    }
}

impl ConsulApi {
    pub(super) fn new(options: &Consul) -> Result<Self> {
        let http = RegistryHttp::new(options.http_options()?)?;
        let scope = options.scope();
        let namespace = scope.iter().find(|(name, _)| *name == "ns").map(|(_, value)| value.clone());
        Ok(Self { http, scope, tags: options.tag.clone(), namespace })
    }

    /// The names of all services. With an index, the reply comes when they have changed, or after `wait`.
    pub(super) async fn catalog(&self, index: u64, wait: Duration) -> Result<Catalog, RegistryFailure> {
        let reply = self.http.send(&self.request("/v1/catalog/services", index, wait)).await?;
        Ok(Catalog {
            index: index_of(&reply),
            is_filtered: reply.header("x-consul-results-filtered-by-acls") == Some("true"),
            services: reply.json()?,
        })
    }

    /// A service with all its instances, in the same way.
    pub(super) async fn service(
        &self,
        name: &str,
        index: u64,
        wait: Duration,
    ) -> Result<ServiceReply, RegistryFailure> {
        let Some(segment) = path_segment(name) else {
            return Err(self.http.unusable("/v1/health/service/", "the name cannot be part of a path"));
        };
        let mut request = self.request(&format!("/v1/health/service/{segment}"), index, wait).limit(MAX_SERVICE_BYTES);
        for tag in &self.tags {
            request = request.query("tag", tag);
        }

        let reply = self.http.send(&request).await?;
        let entries: Option<Vec<HealthEntry>> = reply.json()?;
        Ok(ServiceReply {
            index: index_of(&reply),
            service: service(name, self.namespace.as_deref(), entries.unwrap_or_default()),
        })
    }

    /// The id of a service of that name.
    pub(super) fn service_id(&self, name: &str) -> ServiceId {
        service_id(name, self.namespace.as_deref()).into()
    }

    /// Whether a catalog has a service with the requested tags.
    pub(super) fn is_in(&self, catalog: &Catalog, name: &str) -> bool {
        catalog.has_tagged(name, &self.tags)
    }

    /// Whether a server leads the datacenter.
    pub(super) async fn has_leader(&self) -> Result<bool, RegistryFailure> {
        let leader: Option<String> = self.http.send(&RegistryRequest::get("/v1/status/leader")).await?.json()?;
        Ok(leader.is_some_and(|leader| !leader.is_empty()))
    }

    /// The failure that no server leads the datacenter.
    pub(super) fn no_leader(&self) -> RegistryFailure {
        self.http.unusable("/v1/status/leader", "no server leads the datacenter")
    }

    /// Whether Consul checks permissions; `None` if that is not known.
    pub(super) async fn has_acls(&self) -> Option<bool> {
        match self.http.send(&RegistryRequest::get("/v1/acl/token/self")).await {
            Ok(_) => Some(true),
            // Consul's text, with status 401.
            Err(failure) if failure.text().contains("ACL support disabled") => Some(false),
            Err(failure) if failure.is_refusal() => Some(true),
            Err(_) => None,
        }
    }

    fn request(&self, path: &str, index: u64, wait: Duration) -> RegistryRequest {
        let mut request = RegistryRequest::get(path);
        for (name, value) in &self.scope {
            request = request.query(name, value);
        }
        if index == 0 {
            return request;
        }
        request.query("index", index.to_string()).query("wait", format!("{}s", wait.as_secs().max(1))).waiting(wait)
    }
}

/// The index of a reply; 0 if it has none that can be waited on.
fn index_of(reply: &RegistryReply) -> u64 {
    reply.header("x-consul-index").and_then(|index| index.parse().ok()).unwrap_or(0)
}
