//! Looks a name up with every server, and its targets with the first that replies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::{StreamExt, stream};

use super::name::DnsName;
use super::service::{NameFacts, ServerRecords, service};
use crate::clean::clean;
use crate::model::{PartialError, Service};
use crate::net::{LookupError, NameRecord, NameRecords, NameServer, RecordData, RecordKind, name_servers};

/// The servers to ask.
pub(super) struct Lookup {
    servers: Vec<NameServer>,
}

/// What the lookup of a name found.
pub(super) struct Outcome {
    /// `None`: it does not exist, or is not known.
    pub(super) service: Option<Service>,
    pub(super) errors: Vec<PartialError>,
    /// Whether at least one server replied.
    pub(super) is_known: bool,
    /// How long the records stay valid.
    pub(super) ttl: Duration,
}

/// Records of one type that are used. More are not instances of one service.
const MAX_RECORDS: usize = 1024;
/// Targets of SRV records that are looked up; the names of others are resolved on connecting.
const MAX_TARGETS: usize = 128;
const CONCURRENCY: usize = 8;
const SERVER_HINT: &str = "check the server with `dig @SERVER NAME`, or ask another one with --server";

impl Lookup {
    /// # Errors
    /// The system has no resolver.
    pub(super) fn new(servers: &[SocketAddr], timeout: Duration) -> Result<Self, String> {
        name_servers(servers, timeout).map(|servers| Self { servers })
    }

    pub(super) async fn find(&self, name: &DnsName) -> Outcome {
        let replies = join_all(self.servers.iter().map(|server| ask(server, name))).await;

        let mut facts = NameFacts { ttl: u32::MAX, ..NameFacts::default() };
        let (mut errors, mut additionals) = (Vec::new(), Vec::new());
        let mut is_known = false;
        for ServerReply { server, records, additional, failures } in replies {
            let has_failed = !failures.is_empty();
            errors.extend(failures);
            if records.is_empty() && has_failed {
                continue;
            }
            is_known = true;
            facts.ttl = records.iter().map(|record| record.ttl).fold(facts.ttl, u32::min);
            facts.servers.push(ServerRecords { server, records: used(records, name, &mut errors) });
            additionals.extend(additional);
        }

        let (targets, texts) = join(self.targets(&facts, &additionals), self.texts(name, &facts)).await;
        (facts.targets, errors) = (targets.0, errors.into_iter().chain(targets.1).collect());
        facts.texts = texts;
        if facts.ttl == u32::MAX {
            facts.ttl = 0;
        }
        let ttl = Duration::from_secs(facts.ttl.into());
        Outcome { service: service(name, facts), errors, is_known, ttl }
    }

    /// The addresses of the targets of SRV records: those that a server added, or else by a lookup.
    async fn targets(
        &self,
        facts: &NameFacts,
        additionals: &[NameRecord],
    ) -> (BTreeMap<String, Vec<IpAddr>>, Vec<PartialError>) {
        let srv = facts.servers.iter().flat_map(|server| &server.records);
        let targets: BTreeSet<&String> = srv.filter_map(target).collect();
        let mut known: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for record in additionals {
            if let RecordData::Address(ip) = record.data
                && targets.contains(&record.owner)
            {
                known.entry(record.owner.clone()).or_default().push(ip);
            }
        }

        let unknown: Vec<String> = targets.into_iter().filter(|name| !known.contains_key(*name)).cloned().collect();
        let lookups =
            unknown.into_iter().take(MAX_TARGETS).map(|name| async move { (self.addresses(&name).await, name) });
        let mut replies = stream::iter(lookups).buffer_unordered(CONCURRENCY);
        let mut errors = Vec::new();
        while let Some((reply, name)) = replies.next().await {
            match reply {
                Ok(addresses) => {
                    known.insert(name, addresses);
                }
                Err((server, error)) => errors.push(failed(&server, &name, None, &error)),
            }
        }
        for addresses in known.values_mut() {
            addresses.sort_unstable();
            addresses.dedup();
        }
        (known, errors)
    }

    /// The addresses of a name, from the first server that replies.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, (String, LookupError)> {
        let mut last = None;
        for server in &self.servers {
            match server.addresses(name).await {
                Ok(addresses) => return Ok(addresses),
                Err(error) => last = Some((server.name.clone(), error)),
            }
        }
        last.map_or_else(|| Ok(Vec::new()), Err)
    }

    /// The TXT records of a name that has others. They only describe: a failure hides no instance.
    async fn texts(&self, name: &DnsName, facts: &NameFacts) -> Vec<NameRecord> {
        let has_records = facts.servers.iter().any(|server| !server.records.is_empty());
        let Some(server) = self.servers.first().filter(|_| has_records && name.reads_texts) else { return Vec::new() };
        server.records(&name.full, RecordKind::Txt).await.map(|found| found.answers).unwrap_or_default()
    }
}

struct ServerReply {
    server: String,
    /// SRV records, or else addresses.
    records: Vec<NameRecord>,
    additional: Vec<NameRecord>,
    failures: Vec<PartialError>,
}

async fn ask(server: &NameServer, name: &DnsName) -> ServerReply {
    let lookups = name.kinds.iter().map(|kind| async move { (*kind, server.records(&name.full, *kind).await) });
    let (mut srv, mut addresses, mut additional) = (Vec::new(), Vec::new(), Vec::new());
    let mut failures: Vec<PartialError> = Vec::new();
    let mut knows_srv = true;
    for (kind, reply) in join_all(lookups).await {
        match reply {
            Ok(NameRecords { answers, additionals }) => {
                additional.extend(additionals);
                if kind == RecordKind::Srv { srv.extend(answers) } else { addresses.extend(answers) }
            }
            Err(error) => {
                knows_srv &= kind != RecordKind::Srv;
                failures.push(failed(&server.name, &name.full, Some(kind), &error));
            }
        }
    }
    // A silent server is silent for every type: one line is enough.
    failures.dedup_by(|a, b| a.cause == b.cause);
    // Addresses are the answer only if there are certainly no SRV records.
    let records = if srv.is_empty() && knows_srv { addresses } else { srv };
    ServerReply { server: server.name.clone(), records, additional, failures }
}

/// The records that are used, sorted, and no record twice.
fn used(records: Vec<NameRecord>, name: &DnsName, errors: &mut Vec<PartialError>) -> BTreeSet<RecordData> {
    let all: BTreeSet<RecordData> = records.into_iter().map(|record| record.data).collect();
    if all.len() <= MAX_RECORDS {
        return all;
    }
    errors.push(PartialError {
        operation: format!("list all records of {}", clean(&name.full)),
        cause: format!("it has {} records, and portolan uses the first {MAX_RECORDS}", all.len()),
        hint: "split the service into several names".to_owned(),
    });
    all.into_iter().take(MAX_RECORDS).collect()
}

fn target(record: &RecordData) -> Option<&String> {
    match record {
        RecordData::Srv { target, .. } if target != "." => Some(target),
        _ => None,
    }
}

fn failed(server: &str, name: &str, kind: Option<RecordKind>, error: &LookupError) -> PartialError {
    let kind = kind.map(|kind| format!(" ({})", kind.as_str())).unwrap_or_default();
    PartialError {
        operation: format!("look up {}{kind}", clean(name)),
        cause: format!("{server}: {}", clean(&error.to_string())),
        hint: SERVER_HINT.to_owned(),
    }
}
