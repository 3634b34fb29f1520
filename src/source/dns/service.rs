//! The service of a name, from the records that the servers returned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::findings::{DIFFER, PORT, TARGET};
use super::name::DnsName;
use crate::clean::Untrusted;
use crate::model::{Address, DnsDetail, DnsRecord, Endpoint, Finding, Instance, Service, Transport};
use crate::net::{NameRecord, RecordData, RecordKind};

/// The records of one server that lead to endpoints: SRV records, or addresses.
pub(super) struct ServerRecords {
    pub(super) server: String,
    pub(super) records: BTreeSet<RecordData>,
}

/// What is known of a name.
#[derive(Default)]
pub(super) struct NameFacts {
    pub(super) servers: Vec<ServerRecords>,
    /// The addresses of the targets of SRV records; an empty list means that there are none.
    pub(super) targets: BTreeMap<String, Vec<IpAddr>>,
    pub(super) texts: Vec<NameRecord>,
    pub(super) ttl: u32,
}

/// The service; `None` if no server has a record.
pub(super) fn service(name: &DnsName, facts: NameFacts) -> Option<Service> {
    let all: BTreeSet<&RecordData> = facts.servers.iter().flat_map(|server| &server.records).collect();
    let texts = metadata(&facts.texts);
    let mut endpoints: Vec<Endpoint> = all.iter().flat_map(|record| endpoints(record, name, &facts)).collect();
    if endpoints.is_empty() {
        return None;
    }
    for endpoint in &mut endpoints {
        complete(endpoint, &texts);
    }

    let mut records: Vec<DnsRecord> = all.iter().map(|data| dns_record(data)).collect();
    records.extend(facts.texts.iter().map(|record| dns_record(&record.data)));
    records.dedup();
    let findings = findings(&all, &facts);
    let detail = DnsDetail {
        name: name.full.as_str().into(),
        resolvers: facts.servers.into_iter().map(|server| server.server).collect(),
        records,
        ttl: facts.ttl,
    };
    let service = Service::new(name.id(), "dns", endpoints, detail);
    Some(Service { name: Some(name.service().into()), findings, ..service }.erase())
}

/// The endpoints that a record leads to.
fn endpoints(record: &RecordData, name: &DnsName, facts: &NameFacts) -> Vec<Endpoint> {
    match record {
        RecordData::Address(ip) => vec![instance(Endpoint::new(Address::Ip(*ip), name.port, Transport::Tcp), &[])],
        // A service that is decidedly not there (RFC 2782).
        RecordData::Srv { target, .. } if target == "." => Vec::new(),
        RecordData::Srv { port, target, .. } => match facts.targets.get(target) {
            Some(addresses) if !addresses.is_empty() => {
                addresses.iter().map(|ip| srv_endpoint(record, name, Address::Ip(*ip))).collect()
            }
            resolved => {
                let endpoint = srv_endpoint(record, name, Address::Name(target.trim_end_matches('.').into()));
                vec![Endpoint { ready: resolved.is_none() && *port > 0, ..endpoint }]
            }
        },
        RecordData::Text(_) => Vec::new(),
    }
}

/// The endpoint of an SRV record at an address of its target.
fn srv_endpoint(record: &RecordData, name: &DnsName, address: Address) -> Endpoint {
    let RecordData::Srv { priority, weight, port, target } = record else {
        return Endpoint::new(address, None, Transport::Tcp);
    };
    let transport = if name.full.contains("._udp") { Transport::Udp } else { Transport::Tcp };
    let port = Some(*port).filter(|port| *port > 0);
    let endpoint = Endpoint { weight: Some(*weight), ..Endpoint::new(address, port, transport) };
    instance(endpoint, &[("priority", priority.to_string()), ("target", target.clone())])
}

fn instance(mut endpoint: Endpoint, facts: &[(&str, String)]) -> Endpoint {
    let metadata = facts.iter().map(|(key, value)| ((*key).into(), value.as_str().into())).collect();
    let id = endpoint.to_string();
    endpoint.ready = endpoint.port.is_some() || facts.is_empty();
    endpoint.instance = Some(Box::new(Instance { id, serving: true, metadata, ..Instance::default() }));
    endpoint
}

/// Adds what the TXT records say of all instances.
fn complete(endpoint: &mut Endpoint, texts: &BTreeMap<Untrusted, Untrusted>) {
    let Some(instance) = &mut endpoint.instance else { return };
    instance.version = texts.get(&Untrusted::from("version")).cloned();
    for (key, value) in texts {
        instance.metadata.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// `key=value`, as DNS-based service discovery writes it (RFC 6763, 6); without `=`, a key alone.
fn metadata(texts: &[NameRecord]) -> BTreeMap<Untrusted, Untrusted> {
    let mut metadata = BTreeMap::new();
    let records = texts.iter().filter_map(|record| match &record.data {
        RecordData::Text(strings) => Some(strings),
        _ => None,
    });
    for text in records.flatten() {
        let at = text.iter().position(|&byte| byte == b'=').unwrap_or(text.len());
        let (key, value) = (&text[..at], text.get(at + 1..).unwrap_or_default());
        if !key.is_empty() {
            let value = Untrusted::from_bytes(value);
            metadata.entry(Untrusted::from_bytes(&key.to_ascii_lowercase())).or_insert(value);
        }
    }
    metadata
}

fn findings(all: &BTreeSet<&RecordData>, facts: &NameFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((first, others)) = facts.servers.split_first()
        && let Some(other) = others.iter().find(|other| other.records != first.records)
    {
        let (one, two) = (first.records.len(), other.records.len());
        let text = format!(
            "{} returns {one} records, {} returns {two}, and they are not the same",
            first.server, other.server
        );
        findings.push(Finding::new(&DIFFER, text));
    }

    let srv = all.iter().filter_map(|record| match record {
        RecordData::Srv { port, target, .. } if target != "." => Some((*port, target)),
        _ => None,
    });
    let (mut unresolved, mut portless) = (BTreeSet::new(), BTreeSet::new());
    for (port, target) in srv {
        if facts.targets.get(target).is_some_and(Vec::is_empty) {
            unresolved.insert(target);
        }
        if port == 0 {
            portless.insert(target);
        }
    }
    findings.extend(unresolved.first().map(|target| Finding::new(&TARGET, format!("{target} has no address"))));
    findings.extend(portless.first().map(|target| Finding::new(&PORT, format!("the record for {target} has port 0"))));
    findings
}

fn dns_record(data: &RecordData) -> DnsRecord {
    let (kind, data) = match data {
        RecordData::Srv { priority, weight, port, target } => {
            (RecordKind::Srv, Untrusted::from(format!("{priority} {weight} {port} {target}")))
        }
        RecordData::Address(ip @ IpAddr::V4(_)) => (RecordKind::A, ip.to_string().into()),
        RecordData::Address(ip @ IpAddr::V6(_)) => (RecordKind::Aaaa, ip.to_string().into()),
        RecordData::Text(strings) => (RecordKind::Txt, Untrusted::from_bytes(&strings.join(&b' '))),
    };
    DnsRecord { kind: kind.as_str().to_owned(), data }
}
