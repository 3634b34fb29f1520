//! `etcd://127.0.0.1:2379`: registers as a key below the prefix, with a lease that the heartbeats keep alive.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::url::RegistryUrl;
use super::{ActiveLease, Provider, ProviderFuture, Renewal};
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result};
use crate::model::{Instance, Registration, RegistryDetail, Service};
use crate::net::registry_http::RegistryFailure;
use crate::source::{Etcd, EtcdApi, Source, Variable};

/// The servers of etcd.
#[derive(Debug)]
struct EtcdProvider {
    options: Etcd,
    api: Arc<EtcdApi>,
}

/// The server on this machine.
const DEFAULT_ADDRESS: &str = "127.0.0.1:2379";
/// How long a registration lasts unless it says otherwise.
const DEFAULT_TTL: Duration = Duration::from_secs(30);

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    let mut options = Etcd::default();
    if let Some(variable) = variable {
        options.read_environment(variable);
    }
    let hosts = url.authority.split(',').filter(|host| !host.is_empty());
    let mut hosts: Vec<String> = hosts.map(str::to_owned).collect();
    url.parameters("prefix and tls", |name, value| {
        match name {
            "prefix" => options.prefix = Some(value.to_owned()),
            "tls" => hosts = hosts.iter().map(|host| format!("https://{host}")).collect(),
            _ => return false,
        }
        true
    })?;
    if !hosts.is_empty() {
        options.endpoint = hosts;
    }
    if url.path.len() > 1 {
        options.prefix = Some(url.path.clone());
    }

    let api = Arc::new(EtcdApi::new(&options)?);
    Ok(Arc::new(EtcdProvider { options, api }))
}

/// A lease as etcd grants it and keeps it alive.
#[derive(Deserialize)]
struct GrantReply {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "TTL", default, deserialize_with = "number")]
    ttl: u64,
}

/// A line of the stream that keeps leases alive.
#[derive(Deserialize)]
struct KeepAliveReply {
    result: Option<GrantReply>,
}

/// etcd writes 64-bit numbers as text, and leaves out what is 0.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    // A negative time has passed already.
    Ok(number.unwrap_or(0))
}

impl EtcdProvider {
    async fn register(&self, registration: &Registration) -> Result<Box<dyn ActiveLease>> {
        let what = format!("register {} in etcd", clean(&registration.name));
        let id = registration.id.clone().unwrap_or_else(|| registration.place());
        let namespace = registration.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let key = format!("{}/{namespace}{}/{id}", self.options.prefix().trim_end_matches('/'), registration.name);
        let value = serde_json::to_vec(registration).map_err(|error| Error::Protocol {
            what: what.clone(),
            why: error.to_string(),
            hint: "this is a defect of portolan".to_owned(),
        })?;

        let ttl = Some(registration.ttl.unwrap_or(DEFAULT_TTL)).filter(|ttl| !ttl.is_zero());
        let granted = match ttl {
            Some(ttl) => {
                let body = json!({ "TTL": ttl.as_secs().max(1).to_string() });
                let granted = self.api.call::<GrantReply>("/v3/lease/grant", &body).await;
                Some(granted.map_err(|failure| failure.into_error(what.clone()))?)
            }
            None => None,
        };

        let (lease, ttl) = granted.map_or((None, None), |GrantReply { id, ttl }| (Some(id), Some(ttl)));
        let put = json!({
            "key": BASE64.encode(&key), "value": BASE64.encode(&value), "lease": lease.as_deref().unwrap_or("0"),
        });
        self.api.call::<Value>("/v3/kv/put", &put).await.map_err(|failure| failure.into_error(what))?;

        let (api, name) = (Arc::clone(&self.api), registration.name.clone());
        Ok(Box::new(EtcdLease { api, name, key, lease, ttl: ttl.map(Duration::from_secs) }))
    }
}

/// The reply to a removal. etcd writes the number as text, and leaves out 0.
#[derive(Deserialize)]
struct DeleteReply {
    #[serde(default, deserialize_with = "number")]
    deleted: u64,
}

impl EtcdProvider {
    /// Removes the key of an instance. Its lease ends by itself.
    async fn remove(&self, service: &Service, instance: &Instance) -> Result<bool> {
        let id = instance.id.as_str();
        let keys = service.detail.downcast_ref::<RegistryDetail>().map(|detail| detail.keys.as_slice());
        let mut keys = keys.unwrap_or_default().iter().map(Untrusted::as_raw);
        let key = keys.find(|key| holds(key, id)).ok_or_else(|| Error::NotFound {
            what: format!("the key of {}", clean(id)),
            why: "no key of its service ends with its id".to_owned(),
            hint: "remove the key with `etcdctl del`".to_owned(),
        })?;

        let body = json!({ "key": BASE64.encode(key) });
        let reply = self.api.call::<DeleteReply>("/v3/kv/deleterange", &body).await;
        let reply = reply.map_err(|failure| failure.into_error(format!("deregister {} in etcd", clean(id))))?;
        Ok(reply.deleted > 0)
    }
}

impl Provider for EtcdProvider {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn source(&self, service: &str) -> Result<Arc<dyn Source>> {
        let mut source = self.options.clone();
        source.select(service);
        Ok(Arc::new(source))
    }

    fn place(&self) -> Option<String> {
        let options = &self.options;
        let hosts = if options.endpoint.is_empty() { &options.environment.endpoints } else { &options.endpoint };
        Some(if hosts.is_empty() { DEFAULT_ADDRESS.to_owned() } else { hosts.join(",") })
    }

    fn all_services(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.options.clone()))
    }

    fn register<'a>(&'a self, registration: &'a Registration) -> ProviderFuture<'a, Box<dyn ActiveLease>> {
        Box::pin(self.register(registration))
    }

    fn remove<'a>(&'a self, service: &'a Service, instance: &'a Instance) -> ProviderFuture<'a, bool> {
        Box::pin(self.remove(service, instance))
    }
}

/// Whether this key holds the instance: its id is the last part of the key, or the whole key below the prefix.
fn holds(key: &str, id: &str) -> bool {
    key.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// A key, and the lease that removes it.
#[derive(Debug)]
struct EtcdLease {
    api: Arc<EtcdApi>,
    name: String,
    key: String,
    /// `None`: the key stays until it is removed.
    lease: Option<String>,
    ttl: Option<Duration>,
}

impl EtcdLease {
    fn failed(&self, operation: &str, failure: RegistryFailure) -> Error {
        failure.into_error(format!("{operation} {} in etcd", clean(&self.name)))
    }

    async fn keep_alive(&self, lease: &str) -> Result<Renewal> {
        let reply: KeepAliveReply = match self.api.call("/v3/lease/keepalive", &json!({ "ID": lease })).await {
            Err(failure) if is_unknown(&failure) => return Ok(Renewal::Gone),
            reply => reply.map_err(|failure| self.failed("renew", failure))?,
        };
        // A lease that has expired is kept alive for no time. The key may have been removed by hand, too.
        let lasts = reply.result.is_some_and(|lease| lease.ttl > 0);
        Ok(if lasts && self.has_key().await? { Renewal::Renewed } else { Renewal::Gone })
    }

    async fn has_key(&self) -> Result<bool> {
        let body = json!({ "key": BASE64.encode(&self.key), "count_only": true });
        let reply: Value =
            self.api.call("/v3/kv/range", &body).await.map_err(|failure| self.failed("renew", failure))?;
        Ok(reply.get("count").is_some_and(|count| count.as_str() != Some("0")))
    }
}

impl ActiveLease for EtcdLease {
    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    fn renew(&self) -> ProviderFuture<'_, Renewal> {
        Box::pin(async move {
            match &self.lease {
                Some(lease) => self.keep_alive(lease).await,
                None => Ok(Renewal::Renewed),
            }
        })
    }

    fn release(&self) -> ProviderFuture<'_, ()> {
        Box::pin(async move {
            let (path, body) = match &self.lease {
                Some(lease) => ("/v3/lease/revoke", json!({ "ID": lease })),
                None => ("/v3/kv/deleterange", json!({ "key": BASE64.encode(&self.key) })),
            };
            match self.api.call::<Value>(path, &body).await {
                Err(failure) if !is_unknown(&failure) => Err(self.failed("deregister", failure)),
                _ => Ok(()),
            }
        })
    }
}

/// Whether the lease has expired already.
fn is_unknown(failure: &RegistryFailure) -> bool {
    failure.status() == Some(404) || failure.text().contains("requested lease not found")
}
