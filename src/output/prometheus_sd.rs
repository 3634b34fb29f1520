//! Prometheus targets: the JSON of `file_sd_configs` and `http_sd_configs`.
//!
//! A listener on every address becomes a target at this host's loopback address; endpoints without a port are left out. Those
//! that are not ready have the label `__meta_portolan_ready="false"`, as in Prometheus' own discovery of clusters. Labels begin with `__meta_portolan_`, so that relabelling drops them; only `__scheme__` is Prometheus' own. They hold only what stays
//! the same for the life of the service: any other change would make Prometheus restart the target.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::json::write_json;
use super::{Footer, Format, RenderOptions};
use crate::model::{Address, Endpoint, Instance, Service};

pub(super) struct PrometheusSd<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    first: bool,
    scratch: Vec<u8>,
}

impl<'w> PrometheusSd<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        out.write_all(b"[")?;
        Ok(Self { out, page, first: true, scratch: Vec::new() })
    }

    fn labels(&self, service: &Service, endpoint: &Endpoint) -> Map<String, Value> {
        let mut labels = Map::new();
        add(&mut labels, "id", service.id.to_string());
        add(&mut labels, "name", text(service.name.as_ref()));
        add(&mut labels, "namespace", text(service.namespace.as_ref()));
        add(&mut labels, "source", service.source.as_str().to_owned());
        add(&mut labels, "transport", endpoint.transport.as_str().to_owned());
        add(&mut labels, "address", endpoint.address.to_string());
        add(&mut labels, "port", text(endpoint.port.as_ref()));
        add(&mut labels, "service", self.page.service(endpoint).to_owned());

        if let Some(identity) = endpoint.identity.as_deref().filter(|identity| identity.protocol.is_some()) {
            add(&mut labels, "tls", identity.is_inside_tls().to_string());
            if identity.is_inside_tls() && SCRAPED.contains(&identity.protocol()) {
                labels.insert("__scheme__".to_owned(), Value::String("https".to_owned()));
            }
        }

        // Only sources with instances know more than that something listens.
        if let Some(instance) = &endpoint.instance {
            add(&mut labels, "ready", endpoint.ready.to_string());
            add_instance(&mut labels, instance);
        }
        for (name, value) in service.detail.labels().into_iter().flatten() {
            add(&mut labels, &format!("label_{}", label_name(name.as_raw())), value.to_string());
        }

        for column in self.page.columns.iter().filter(|column| column.label) {
            let mut value = String::new();
            // Writing to a String cannot fail.
            let _ = (column.cell)(service, Some(endpoint), &mut value);
            add(&mut labels, &format!("{}_{}", service.source, column.name), value);
        }

        labels
    }
}

/// Protocols over HTTP, which Prometheus scrapes by `http` unless the target says otherwise.
const SCRAPED: [&str; 4] = ["http", "prometheus", "prometheus-exporter", "etcd"];

/// Adds what an instance says of itself.
fn add_instance(labels: &mut Map<String, Value>, instance: &Instance) {
    add(labels, "instance_id", instance.id.clone());
    for (name, value) in [("node", &instance.node), ("zone", &instance.zone), ("version", &instance.version)] {
        add(labels, name, text(value.as_ref()));
    }
    // A tag stands between two commas, also the first and the last, so that a rule can match `,api,`.
    if !instance.tags.is_empty() {
        let tags: Vec<String> = instance.tags.iter().map(ToString::to_string).collect();
        add(labels, "tags", format!(",{},", tags.join(",")));
    }

    for (key, value) in &instance.metadata {
        add(labels, &format!("metadata_{}", label_name(key.as_raw())), value.to_string());
    }
}

/// Adds a label, unless its value is empty.
fn add(labels: &mut Map<String, Value>, name: &str, value: String) {
    if !value.is_empty() {
        labels.insert(format!("__meta_portolan_{name}"), Value::String(value));
    }
}

/// A text as part of a label's name: Prometheus allows letters, digits and underscores.
fn label_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The text of an optional value; empty if there is none.
fn text(value: Option<&impl std::fmt::Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

impl Format for PrometheusSd<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in &service.endpoints {
            let Some(target) = target(endpoint) else { continue };
            let mut group = Map::new();
            group.insert("targets".to_owned(), Value::Array(vec![Value::String(target)]));
            group.insert("labels".to_owned(), Value::Object(self.labels(service, endpoint)));

            self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
            self.first = false;
            write_json(self.out, &mut self.scratch, &group, false)?;
        }
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        self.out.write_all(if self.first { b"]\n" } else { b"\n]\n" })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The address to scrape.
fn target(endpoint: &Endpoint) -> Option<String> {
    endpoint.port?;
    let ip = match &endpoint.address {
        Address::Ip(ip) => ip,
        // Prometheus looks it up.
        Address::Name(_) => return Some(endpoint.to_string()),
        Address::Unix(_) | Address::Other(_) => return None,
    };
    // A listener bound to one interface does not reply on loopback.
    if ip.to_canonical().is_unspecified() && endpoint.interface.is_some() {
        return None;
    }

    let address = Address::Ip(endpoint.reachable_at()?);
    let target = Endpoint { address, interface: endpoint.zone().cloned(), ..endpoint.clone() };
    Some(target.to_string())
}
