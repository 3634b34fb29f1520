//! `portolan://127.0.0.1:7440`: registers with a registry that `portolan serve` runs, over its REST interface.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::health_report::HealthReply;
use super::url::RegistryUrl;
use super::{
    ActiveLease, AuditPart, AuditQuery, HealthReport, HealthRequest, InstanceChange, Provider, ProviderFuture,
    RegistryServer, Renewal, ServerStatus,
};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{Instance, RegisteredInstance, Registration, Service};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryRequest, path_segment};
use crate::source::{Portolan, Source, Variable};

/// The registry on this machine.
const DEFAULT_ADDRESS: &str = "127.0.0.1:7440";

/// A registry of portolan's own.
#[derive(Debug)]
struct PortolanProvider {
    options: Portolan,
    http: RegistryHttp,
}

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    let mut options = Portolan::default();
    if let Some(variable) = variable {
        options.read_environment(variable);
    }
    if matches!(url.scheme.as_str(), "http" | "https") {
        // `http://127.0.0.1:7440`, as a browser has it.
        options.address = Some(format!("{}://{}{}", url.scheme, url.authority, url.path));
    } else if !url.authority.is_empty() {
        options.address = Some(url.authority.clone());
    } else if !url.path.is_empty() {
        // `portolan:/run/portolan.sock`
        options.address = Some(format!("unix://{}", url.path));
    }
    url.parameters("namespace and tls", |name, value| {
        match name {
            "namespace" => options.namespace = Some(value.to_owned()),
            "tls" => options.address = options.address.take().map(|address| format!("https://{address}")),
            _ => return false,
        }
        true
    })?;

    let http = RegistryHttp::new(options.http_options()?)?;
    Ok(Arc::new(PortolanProvider { options, http }))
}

/// `{"data":INSTANCE}`
#[derive(Deserialize)]
struct InstanceReply {
    data: RegisteredInstance,
}

impl PortolanProvider {
    async fn register(&self, registration: &Registration) -> Result<Box<dyn ActiveLease>> {
        let what = format!("register {}", clean(&registration.name));
        let mut registration = registration.clone();
        if registration.namespace.is_none() {
            registration.namespace.clone_from(&self.options.namespace);
        }

        let request = RegistryRequest::post("/api/v1/services").json(&registration);
        let reply = self.http.send(&request).await.and_then(|reply| reply.json::<InstanceReply>());
        let instance = reply.map_err(|failure| failure.into_error(what))?.data;
        let ttl = instance.lease.as_ref().map(|lease| lease.ttl);
        Ok(Box::new(PortolanLease {
            name: registration.name,
            path: instance_path(&instance.id),
            generation: instance.generation,
            ttl,
            http: self.http.clone(),
        }))
    }
}

/// `{"data":STATUS}`
#[derive(Deserialize)]
struct StatusReply {
    data: ServerStatus,
}

/// `{"data":PART}`
#[derive(Deserialize)]
struct AuditReply {
    data: AuditPart,
}

/// `{"data":HEALTH}`
#[derive(Deserialize)]
struct HealthEnvelope {
    data: HealthReply,
}

/// How long the server waits for checks.
const CHECK_WAIT: Duration = Duration::from_mins(1);

impl PortolanProvider {
    async fn health(&self, request: HealthRequest<'_>) -> Result<Option<HealthReport>> {
        let (what, request) = match request {
            HealthRequest::Show(name) => {
                (format!("read the health of {}", clean(name)), self.health_request(Method::GET, name))
            }
            HealthRequest::Check(name) => (format!("check {}", clean(name)), self.health_request(Method::POST, name)),
            HealthRequest::CheckAll => {
                ("check all instances".to_owned(), RegistryRequest::post("/api/v1/health-monitor/check"))
            }
        };

        match self.http.send(&request.waiting(CHECK_WAIT)).await.and_then(|reply| reply.json::<HealthEnvelope>()) {
            Ok(reply) => Ok(Some(reply.data.into())),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(failure.into_error(what)),
        }
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPart> {
        let mut request = RegistryRequest::get("/api/v1/audit").query("after", query.after.to_string());
        let parameters = [
            ("last", query.last.map(|last| last.to_string())),
            ("since", query.since.map(|since| since.to_string())),
            ("who", query.who.clone()),
        ];
        for (name, value) in parameters {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }

        let part = self.http.send(&request).await.and_then(|reply| {
            let part = reply.json::<AuditReply>()?.data;
            // A client that reads the whole log would never come to its end.
            let is_repeated = part.next.is_some_and(|next| next <= query.after);
            if is_repeated { Err(reply.malformed("the next part of the log begins before this one")) } else { Ok(part) }
        });
        part.map_err(|failure| failure.into_error("read the audit log".to_owned()))
    }

    /// The request about an instance or a service, which may have its namespace before it.
    fn health_request(&self, method: Method, name: &str) -> RegistryRequest {
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (self.options.namespace.as_deref(), name),
        };
        let request = RegistryRequest::new(method, format!("{}/health", instance_path(name)));
        match namespace {
            Some(namespace) => request.query("namespace", namespace),
            None => request,
        }
    }

    /// Sends a write to an instance. `false`: there is none with this id.
    async fn write(&self, operation: &str, id: &str, request: &RegistryRequest) -> Result<bool> {
        match self.http.send(request).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.status() == Some(404) => Ok(false),
            Err(failure) => Err(failure.into_error(format!("{operation} {}", clean(id)))),
        }
    }
}

impl Provider for PortolanProvider {
    fn name(&self) -> &'static str {
        "portolan"
    }

    fn source(&self, service: &str) -> Result<Arc<dyn Source>> {
        let mut source = self.options.clone();
        source.select(service);
        Ok(Arc::new(source))
    }

    fn place(&self) -> Option<String> {
        let address = self.options.address.as_ref().or(self.options.environment.address.as_ref());
        Some(address.cloned().unwrap_or_else(|| DEFAULT_ADDRESS.to_owned()))
    }

    fn all_services(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.options.clone()))
    }

    fn register<'a>(&'a self, registration: &'a Registration) -> ProviderFuture<'a, Box<dyn ActiveLease>> {
        Box::pin(self.register(registration))
    }

    fn remove<'a>(&'a self, _service: &'a Service, instance: &'a Instance) -> ProviderFuture<'a, bool> {
        Box::pin(async move {
            let request = RegistryRequest::delete(instance_path(&instance.id));
            self.write("deregister", &instance.id, &request).await
        })
    }

    fn change<'a>(&'a self, instance: &'a Instance, change: InstanceChange) -> ProviderFuture<'a, bool> {
        Box::pin(async move {
            let request = RegistryRequest::put(instance_path(&instance.id)).json(&change);
            self.write("update", &instance.id, &request).await
        })
    }

    fn status(&self) -> ProviderFuture<'_, ServerStatus> {
        Box::pin(async move {
            let reply = self.http.send(&RegistryRequest::get("/api/v1/status")).await;
            let reply = reply.and_then(|reply| reply.json::<StatusReply>());
            reply
                .map(|reply| reply.data)
                .map_err(|failure| failure.into_error("read the status of the registry".to_owned()))
        })
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> ProviderFuture<'a, AuditPart> {
        Box::pin(self.audit(query))
    }

    fn health<'a>(&'a self, request: HealthRequest<'a>) -> ProviderFuture<'a, Option<HealthReport>> {
        Box::pin(self.health(request))
    }

    fn server(&self) -> Result<RegistryServer> {
        Ok(RegistryServer::new(self.http.clone(), self.options.namespace.clone()))
    }
}

fn instance_path(id: &str) -> String {
    format!("/api/v1/services/{}", path_segment(id).unwrap_or_default())
}

/// One generation of a registration. A later one is another registration: this neither renews nor removes it.
#[derive(Debug)]
struct PortolanLease {
    name: String,
    path: String,
    generation: u64,
    ttl: Option<Duration>,
    http: RegistryHttp,
}

impl PortolanLease {
    fn failed(&self, operation: &str, failure: RegistryFailure) -> Error {
        failure.into_error(format!("{operation} {}", clean(&self.name)))
    }
}

impl ActiveLease for PortolanLease {
    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    fn renew(&self) -> ProviderFuture<'_, Renewal> {
        Box::pin(async move {
            let body = json!({ "generation": self.generation });
            let request = RegistryRequest::post(format!("{}/heartbeat", self.path)).json(&body);
            match self.http.send(&request).await {
                Ok(_) => Ok(Renewal::Renewed),
                Err(failure) if failure.status() == Some(404) => Ok(Renewal::Gone),
                Err(failure) => Err(self.failed("renew", failure)),
            }
        })
    }

    fn release(&self) -> ProviderFuture<'_, ()> {
        Box::pin(async move {
            let request = RegistryRequest::delete(self.path.clone()).query("generation", self.generation.to_string());
            match self.http.send(&request).await {
                Err(failure) if failure.status() != Some(404) => Err(self.failed("deregister", failure)),
                _ => Ok(()),
            }
        })
    }
}
