//! `consul://127.0.0.1:8500`: registers with the local agent, which keeps a check that the heartbeats renew.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::url::RegistryUrl;
use super::{ActiveLease, Provider, ProviderFuture, Renewal};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{CheckDefinition, CheckKind, Instance, OperatorStatus, Registration, Service};
use crate::net::registry_http::{RegistryFailure, RegistryHttp, RegistryRequest, path_segment};
use crate::source::{Consul, Source, Variable};

/// A Consul agent.
#[derive(Debug)]
struct ConsulProvider {
    options: Consul,
    http: RegistryHttp,
}

/// The agent on this machine.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8500";
/// How long a registration lasts unless it says otherwise.
const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// The defaults of the checks that the agent runs.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    let mut options = Consul::default();
    if let Some(variable) = variable {
        options.read_environment(variable);
    }
    if !url.authority.is_empty() {
        options.address = Some(url.authority.clone());
    } else if !url.path.is_empty() {
        // `consul:/run/consul.sock`
        options.address = Some(format!("unix://{}", url.path));
    }
    url.parameters("dc, ns, partition and tls", |name, value| {
        match name {
            "dc" => options.datacenter = Some(value.to_owned()),
            "ns" => options.namespace = Some(value.to_owned()),
            "partition" => options.partition = Some(value.to_owned()),
            "tls" => options.address = options.address.take().map(|address| format!("https://{address}")),
            _ => return false,
        }
        true
    })?;

    let http = RegistryHttp::new(options.http_options()?)?;
    Ok(Arc::new(ConsulProvider { options, http }))
}

/// What an agent says of itself.
#[derive(Deserialize)]
struct AgentReply {
    #[serde(rename = "Config")]
    config: AgentConfig,
}

#[derive(Deserialize)]
struct AgentConfig {
    #[serde(rename = "NodeName")]
    node_name: String,
}

impl ConsulProvider {
    /// A request to the agent with the parameters of its namespace. An agent has one datacenter.
    fn put(&self, path: String) -> RegistryRequest {
        let scope = self.options.scope();
        let scope = scope.into_iter().filter(|(name, _)| *name != "dc");
        scope.fold(RegistryRequest::put(path), |request, (name, value)| request.query(name, value))
    }

    async fn register(&self, registration: &Registration) -> Result<Box<dyn ActiveLease>> {
        let what = format!("register {} with Consul", clean(&registration.name));
        let ttl = registration.ttl.unwrap_or(DEFAULT_TTL);
        let ttl = Some(ttl).filter(|ttl| !ttl.is_zero());
        let id = registration.id.clone().unwrap_or_else(|| format!("{}-{}", registration.name, registration.place()));

        let body = service_body(registration, &id, ttl);
        // Another program's checks of an older registration with this id would stay.
        let request =
            self.put("/v1/agent/service/register".to_owned()).query("replace-existing-checks", "true").json(&body);
        self.http.send(&request).await.map_err(|failure| failure.into_error(what))?;

        let (name, http) = (registration.name.clone(), self.http.clone());
        let renewal = self.put(format!("/v1/agent/check/pass/{}", segment(&check_id(&id))));
        let removal = self.put(format!("/v1/agent/service/deregister/{}", segment(&id)));
        Ok(Box::new(ConsulLease { name, ttl, http, renewal, removal }))
    }
}

impl ConsulProvider {
    /// Removes an instance from this agent. The source's id of an instance is that of its node and its own.
    async fn remove(&self, instance: &Instance) -> Result<bool> {
        let (node, id) = instance.id.split_once('/').unwrap_or(("", &instance.id));
        let what = format!("deregister {} with Consul", clean(id));
        // The agent may have an instance of its own with the same id.
        let agent = self.http.send(&RegistryRequest::get("/v1/agent/self")).await;
        let agent = agent.and_then(|reply| reply.json::<AgentReply>());
        let agent = agent.map_err(|failure| failure.into_error(what.clone()))?;
        if agent.config.node_name != node {
            return Err(of_other_agent(node, id));
        }
        let request = self.put(format!("/v1/agent/service/deregister/{}", segment(id)));

        match self.http.send(&request).await {
            Ok(_) => Ok(true),
            Err(failure) if is_unknown(&failure) => Err(of_other_agent(node, id)),
            Err(failure) => Err(failure.into_error(what)),
        }
    }
}

/// Only the agent that an instance is registered with can remove it: another one's removal does not last.
fn of_other_agent(node: &str, id: &str) -> Error {
    Error::NotFound {
        what: format!("the instance {} at this agent", clean(id)),
        why: format!("it is registered with the agent of the node {}", clean(node)),
        hint: "name that agent, as in --registry consul://ADDRESS:8500".to_owned(),
    }
}

impl Provider for ConsulProvider {
    fn name(&self) -> &'static str {
        "consul"
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
        Box::pin(self.remove(instance))
    }
}

/// A service of an agent.
#[derive(Debug)]
struct ConsulLease {
    name: String,
    ttl: Option<Duration>,
    http: RegistryHttp,
    renewal: RegistryRequest,
    removal: RegistryRequest,
}

impl ConsulLease {
    fn failed(&self, operation: &str, failure: RegistryFailure) -> Error {
        failure.into_error(format!("{operation} {} with Consul", clean(&self.name)))
    }
}

impl ActiveLease for ConsulLease {
    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    fn renew(&self) -> ProviderFuture<'_, Renewal> {
        Box::pin(async move {
            match self.http.send(&self.renewal).await {
                Ok(_) => Ok(Renewal::Renewed),
                Err(failure) if is_unknown(&failure) => Ok(Renewal::Gone),
                Err(failure) => Err(self.failed("renew", failure)),
            }
        })
    }

    fn release(&self) -> ProviderFuture<'_, ()> {
        Box::pin(async move {
            match self.http.send(&self.removal).await {
                Err(failure) if !is_unknown(&failure) => Err(self.failed("deregister", failure)),
                _ => Ok(()),
            }
        })
    }
}

/// Whether the agent does not know the check or the service. Before Consul 1.9 that is an error 500 with these texts.
fn is_unknown(failure: &RegistryFailure) -> bool {
    let texts = ["does not have associated TTL", "Unknown check", "Unknown service"];
    failure.status() == Some(404) || texts.iter().any(|text| failure.text().contains(text))
}

/// A part of a path. An id is never empty or dots: the registration is validated.
fn segment(text: &str) -> String {
    path_segment(text).unwrap_or_default()
}

/// The check that heartbeats renew, by the name that Consul gives the first check of a service.
fn check_id(id: &str) -> String {
    format!("service:{id}")
}

/// What the agent wants to know of a service.
fn service_body(registration: &Registration, id: &str, ttl: Option<Duration>) -> Value {
    let Registration { name, address, port, tags, checks, .. } = registration;
    let heartbeat = ttl.map(|ttl| {
        json!({ "CheckID": check_id(id), "Name": "portolan heartbeat", "TTL": seconds(ttl), "Status": "passing" })
    });
    let checks = checks.iter().enumerate().filter_map(|(number, check)| check_body(registration, id, number, check));
    let mut checks: Vec<Value> = heartbeat.into_iter().chain(checks).collect();

    let removal = registration.deregister_after.filter(|after| !after.is_zero());
    for check in checks.iter_mut().filter_map(Value::as_object_mut) {
        check.extend(removal.map(|after| ("DeregisterCriticalServiceAfter".to_owned(), json!(seconds(after)))));
    }
    let weight = registration.weight.unwrap_or(1);

    json!({
        "ID": id, "Name": name, "Address": address, "Port": port, "Tags": tags, "Meta": metadata(registration),
        "Weights": { "Passing": weight.max(1), "Warning": 1 }, "Checks": checks,
    })
}

/// Consul has fields for few things: the others become metadata, under the names that they are read by.
fn metadata(registration: &Registration) -> Map<String, Value> {
    let texts = [
        ("version", registration.version.as_ref()),
        ("zone", registration.zone.as_ref()),
        ("protocol", registration.protocol.as_ref()),
        ("node", registration.node.as_ref()),
    ];
    let texts = texts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    let given = registration.metadata.iter().map(|(key, value)| (key.clone(), json!(value)));
    let status = Some(registration.status).filter(|status| *status != OperatorStatus::Up);
    let status = status.map(|status| ("status".to_owned(), json!(status.as_str())));

    given.chain(texts).chain(status).collect()
}

/// A check that the agent runs. It has none that looks at TLS or at a protocol: a connection is the most that it can do.
fn check_body(registration: &Registration, id: &str, number: usize, check: &CheckDefinition) -> Option<Value> {
    let place = registration.place();
    let (key, value) = match &check.kind {
        CheckKind::Http { path, .. } => {
            let scheme = if registration.protocol.as_deref() == Some("https") { "https" } else { "http" };
            ("HTTP", format!("{scheme}://{place}{path}"))
        }
        CheckKind::Tcp | CheckKind::Tls | CheckKind::Protocol(_) => ("TCP", place),
        CheckKind::Grpc { service: Some(service) } => ("GRPC", format!("{place}/{service}")),
        CheckKind::Grpc { service: None } => ("GRPC", place),
        CheckKind::Dns | CheckKind::Ttl | CheckKind::Script { .. } => return None,
    };

    let mut body = json!({
        "CheckID": format!("service:{id}:{}", number + 1),
        "Name": check.name.clone().unwrap_or_else(|| check.kind.as_str().to_owned()),
        "Interval": seconds(check.interval.unwrap_or(DEFAULT_INTERVAL)),
        "Timeout": seconds(check.timeout.unwrap_or(DEFAULT_TIMEOUT)),
    });
    if let (Some(fields), CheckKind::Http { method, .. }) = (body.as_object_mut(), &check.kind) {
        fields.insert("Method".to_owned(), json!(method));
    }
    body.as_object_mut()?.insert(key.to_owned(), json!(value));
    Some(body)
}

/// A duration as Go reads it.
fn seconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
