//! The requests of each scenario, with the same content in both APIs.

use serde_json::{Value, json};

use super::target::{Dialect, LoadTarget};

/// The instances of one run: a service of its own, so that nothing else is touched.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub(super) service: String,
    dialect: Dialect,
    /// Whether each instance has a check that heartbeats renew.
    has_checks: bool,
    /// Whether every thousand instances have a service of their own.
    is_spread: bool,
}

/// They outlive the run, and no heartbeat is needed meanwhile.
const TTL: &str = "3600s";
/// Ports begin here, so that every instance has another address.
const FIRST_PORT: u64 = 1_024;

impl Fleet {
    pub(super) fn new(service: String, dialect: Dialect, (has_checks, is_spread): (bool, bool)) -> Self {
        Self { service, dialect, has_checks, is_spread }
    }

    /// Instances of a service: a server may limit them.
    pub(super) const SERVICE_SIZE: u64 = 1_000;

    /// The service of an instance.
    fn service_of(&self, number: u64) -> String {
        self.name(number / Self::SERVICE_SIZE)
    }

    /// The name of a service of this run; the first one has no number.
    fn name(&self, service: u64) -> String {
        if service == 0 || !self.is_spread { self.service.clone() } else { format!("{}-s{service}", self.service) }
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.service)
    }

    /// Registers an instance. `mark` is a fact of it that changes from one registration to the next.
    pub(super) fn register(&self, target: &LoadTarget, out: &mut Vec<u8>, number: u64, mark: Option<u64>) {
        let (id, port) = (self.id(number), FIRST_PORT + number % 60_000);
        let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let mark = mark.map(|mark| mark.to_string()).unwrap_or_default();
        match self.dialect {
            Dialect::Portolan => {
                let mut body = json!({ "id": id, "name": self.service_of(number), "address": address, "port": port, "version": "1.2.0",
                    "tags": ["bench"], "metadata": { "mark": mark }, "ttl": TTL });
                if self.has_checks {
                    add(&mut body, "health_checks", json!([{ "check_type": "ttl" }]));
                }
                target.write(out, "POST", "/api/v1/services", body.to_string().as_bytes());
            }
            Dialect::Consul => {
                let mut body = json!({ "ID": id, "Name": self.service_of(number), "Address": address, "Port": port,
                    "Tags": ["bench"], "Meta": { "mark": mark, "version": "1.2.0" } });
                if self.has_checks {
                    add(&mut body, "Check", json!({ "TTL": TTL, "Status": "passing" }));
                }
                target.write(out, "PUT", "/v1/agent/service/register", body.to_string().as_bytes());
            }
        }
    }

    pub(super) fn deregister(&self, target: &LoadTarget, out: &mut Vec<u8>, number: u64) {
        let id = self.id(number);
        match self.dialect {
            Dialect::Portolan => target.write(out, "DELETE", &format!("/api/v1/services/{id}"), b""),
            Dialect::Consul => target.write(out, "PUT", &format!("/v1/agent/service/deregister/{id}"), b""),
        }
    }

    pub(super) fn heartbeat(&self, target: &LoadTarget, out: &mut Vec<u8>, number: u64) {
        let id = self.id(number);
        match self.dialect {
            Dialect::Portolan => target.write(out, "POST", &format!("/api/v1/services/{id}/heartbeat"), b""),
            Dialect::Consul => target.write(out, "PUT", &format!("/v1/agent/check/pass/service:{id}"), b""),
        }
    }

    /// The instances of a service that take calls.
    pub(super) fn discover(&self, target: &LoadTarget, out: &mut Vec<u8>, service: u64) {
        let path = match self.dialect {
            Dialect::Portolan => format!("/api/v1/discover?service_name={}", self.name(service)),
            Dialect::Consul => format!("/v1/health/service/{}?passing=1", self.name(service)),
        };
        target.write(out, "GET", &path, b"");
    }

    /// The instances with the states of their checks.
    pub(super) fn checks(&self, target: &LoadTarget, out: &mut Vec<u8>) {
        let path = match self.dialect {
            Dialect::Portolan => format!("/api/v1/services/{}/instances", self.service),
            Dialect::Consul => format!("/v1/health/checks/{}", self.service),
        };
        target.write(out, "GET", &path, b"");
    }

    /// A stream of changes, or a query that waits for the next one after `index`.
    pub(super) fn watch(&self, target: &LoadTarget, out: &mut Vec<u8>, index: u64) {
        let path = match self.dialect {
            Dialect::Portolan => format!("/api/v1/events?service={}&format=ndjson", self.service),
            Dialect::Consul => format!("/v1/health/service/{}?index={index}&wait=1s", self.service),
        };
        target.write(out, "GET", &path, b"");
    }

    /// How many instances, or checks, a reply lists; `None` if it is not such a list.
    pub(super) fn count(&self, body: &[u8]) -> Option<usize> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let list = match self.dialect {
            Dialect::Portolan => value.get("data")?.get("services")?,
            Dialect::Consul => &value,
        };
        list.as_array().map(Vec::len)
    }
}

fn add(body: &mut Value, key: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
