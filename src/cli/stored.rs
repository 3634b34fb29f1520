//! Stored listings: what an earlier run wrote, for `--diff FILE` and for `discover file FILE`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result, plain};
use crate::health::columns_beside;
use crate::identify::IdentifyOptions;
use crate::model::{
    Address, AddressRange, Addresses, Column, Completeness, Coverage, Filters, HostFacts, Listing, NamespaceScope,
    PartialError, Ports, ScannedHost, Transport,
};
use crate::net::read_file;
use crate::source::{
    CheckProxy, File, ItemSink, KnownPorts, ListContext, ListFuture, ListItem, Source, source_findings,
    source_of_listing, type_detail,
};

/// An earlier listing, as a JSON document or line by line.
pub(super) struct StoredListing {
    pub(super) listing: Listing,
    facts: DocumentFacts,
    /// When the file was last written.
    written: Option<Timestamp>,
    /// The file, for messages.
    file: String,
    /// What listed it.
    source: Box<dyn Source>,
    columns: &'static [Column],
}

/// What a document has beside its services; lines have nothing of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DocumentFacts {
    items: Option<IgnoredAny>,
    generated: Option<Timestamp>,
    coverage: Vec<Coverage>,
    /// Port counts, which only scans have.
    hosts: Option<Vec<ScannedHost>>,
}

/// The largest file that is read.
const MAX_BYTES: usize = 1 << 30;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const HINT: &str = "name what an earlier run wrote with -o json=FILE";

/// Whether a file is a stored listing, by its name.
pub(super) fn is_stored_listing(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json" || extension == "ndjson" || extension == "jsonl")
}

impl StoredListing {
    /// Reads it. `option`: where the user named it, for errors.
    ///
    /// # Errors
    /// A file that cannot be read, or not before `cancel` or `until`; one that is not a listing.
    pub(super) fn read(path: &Path, option: &str, cancel: &Cancel, until: Option<Instant>) -> Result<Self> {
        let file = clean(&path.to_string_lossy());
        let refused = |why: String| Error::usage(format!("{option}'{file}'"), why, HINT);

        let bytes = read_file(path, MAX_BYTES, cancel, until).map_err(|error| refused(plain(&error)))?;
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let written = modified.and_then(|time| Timestamp::try_from(time).ok());
        let stored = Self::parse(&bytes, file.clone()).map_err(refused)?;
        Ok(Self { written, ..stored })
    }

    fn parse(bytes: &[u8], file: String) -> std::result::Result<Self, String> {
        let mut listing = Listing::from_json(bytes).map_err(|error| error.to_string())?;
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let facts: DocumentFacts = match serde_json::from_slice(text) {
            Ok(facts) => facts,
            Err(error) if error.is_data() => return Err(clean(&error.to_string())),
            // Several lines are not one JSON text.
            Err(_) => DocumentFacts::default(),
        };
        for service in &mut listing.services {
            service.resolve_findings(source_findings);
            type_detail(service);
        }

        // Without services, only a scan says whose listing it is; of the filters, those of this machine can be compared.
        let is_scan = facts.hosts.is_some() || !facts.coverage.is_empty();
        let without_services = if is_scan { "scan" } else { "local" };
        let word = listing.services.first().map_or(without_services, |service| service.source.as_str());
        let source = source_of_listing(word, &listing.filters).unwrap_or_else(|| Box::<File>::default());
        let columns = columns(&listing, &*source);
        Ok(Self { listing, facts, written: None, file, source, columns })
    }

    /// # Errors
    /// If it has services that a listing of `source` does not have.
    pub(super) fn check_comparable(&self, source: &dyn Source) -> Result<()> {
        let Some(other) = self.listing.services.iter().find(|service| !source.may_list(service.source.as_str())) else {
            return Ok(());
        };
        let why = format!("it is a listing of {}", clean(&other.source));
        let hint = format!("compare with a listing of {}", source.name());
        Err(Error::usage(format!("--diff '{}'", self.file), why, hint))
    }

    /// Whether no service is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.listing.completeness == Completeness::Complete
    }

    /// When it was requested; if it does not say so, when it was written.
    pub(super) fn generated(&self) -> Option<Timestamp> {
        self.facts.generated.or(self.written)
    }

    /// What it covers; empty: everything, or unknown.
    pub(super) fn coverage(&self) -> &[Coverage] {
        &self.facts.coverage
    }

    /// The ports of its addresses at which something serves.
    pub(super) fn open_ports(&self) -> KnownPorts {
        let endpoints = self.listing.services.iter().flat_map(|service| &service.endpoints);
        let open = endpoints.filter(|endpoint| endpoint.ready).filter_map(|endpoint| match endpoint.address {
            Address::Ip(ip) => Some((ip, endpoint.port?, endpoint.transport)),
            _ => None,
        });
        open.collect()
    }

    /// The places where something would be listed if it were open. A document has no ports without a reply, only their number.
    pub(super) fn certain_coverage(&self) -> Vec<Coverage> {
        let coverage = &self.facts.coverage;
        if coverage.is_empty() && self.source.reports_coverage() {
            let (addresses, ports) = (Addresses::default(), Ports::default());
            let (scope, transport) = (NamespaceScope::Own, Transport::Tcp);
            return vec![Coverage { scope, transport, half_open: false, addresses, ports }];
        }

        coverage
            .iter()
            .map(|coverage| {
                let of_hosts = coverage.transport == Transport::Ip || coverage.scope == NamespaceScope::Gone;
                let replied = self.addresses(coverage, |host| host.ports == coverage.ports.len() as u64);
                // An address may have several entries: for its ports, and for those of HOST:PORT.
                let replied = replied.without(&self.addresses(coverage, |host| silent_ports(host) > 0));
                let unknown = coverage.addresses.without(&replied);
                let addresses =
                    if of_hosts { coverage.addresses.clone() } else { coverage.addresses.without(&unknown) };
                Coverage { addresses, ..coverage.clone() }
            })
            .collect()
    }

    /// The addresses of the hosts in this transport and namespace that have an entry like that.
    fn addresses(&self, coverage: &Coverage, is_counted: impl Fn(&ScannedHost) -> bool) -> Addresses {
        let hosts = self.facts.hosts.iter().flatten().filter(|host| is_within(host, coverage) && is_counted(host));
        Addresses::new(hosts.map(|host| AddressRange::from(host.address)))
    }

    fn note(&self) -> Option<String> {
        let has_silent_ports = self.facts.hosts.iter().flatten().any(|host| silent_ports(host) > 0);
        if self.facts.items.is_none() && !self.listing.services.is_empty() {
            Some(format!(
                "{} does not say what it covers: a service that it lacks may be there (-o json does)",
                self.file
            ))
        } else if has_silent_ports {
            Some(format!("{} has hosts with ports that sent no reply: they may be open (scan with --all)", self.file))
        } else {
            None
        }
    }
}

/// Whether a host was scanned with this transport in this namespace.
fn is_within(host: &ScannedHost, coverage: &Coverage) -> bool {
    let netns = match &coverage.scope {
        NamespaceScope::Other(netns) => Some(netns),
        NamespaceScope::Own | NamespaceScope::Gone => None,
    };
    host.transport == coverage.transport && host.netns.as_ref() == netns
}

fn silent_ports(host: &ScannedHost) -> u64 {
    let ScannedHost { filtered, unreachable, no_answer, not_tried, .. } = host;
    [filtered, unreachable, no_answer, not_tried].into_iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// The columns of its source, with those of checks and identities if it has some.
fn columns(listing: &Listing, source: &dyn Source) -> &'static [Column] {
    let mut endpoints = listing.services.iter().flat_map(|service| &service.endpoints);
    let columns = if endpoints.clone().any(|endpoint| endpoint.identity.is_some()) {
        IdentifyOptions::columns(source.columns())
    } else {
        source.columns()
    };
    if endpoints.any(|endpoint| endpoint.health.is_some()) { columns_beside(columns) } else { columns }
}

impl Source for StoredListing {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn inner(&self) -> Option<&dyn Source> {
        Some(&*self.source)
    }

    fn nothing(&self) -> Option<String> {
        None
    }

    fn proxy(&self) -> Option<CheckProxy> {
        None
    }

    /// The facts of this machine are not those of the listing.
    fn host(&self) -> Option<HostFacts> {
        None
    }

    fn filters(&self) -> Filters {
        self.listing.filters.clone()
    }

    fn may_list(&self, source: &str) -> bool {
        let mut services = self.listing.services.iter();
        self.listing.services.is_empty() || services.any(|service| service.source.as_str() == source)
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for coverage in &self.facts.coverage {
                let _ = out.accept(ListItem::Coverage(coverage.clone()));
            }
            for service in &self.listing.services {
                if context.cancel.is_set() || out.service(service.clone()).is_break() {
                    return Ok(Completeness::Incomplete);
                }
            }

            if let Some(hosts) = &self.facts.hosts {
                let _ = out.accept(ListItem::Hosts(hosts.clone()));
            }
            for limit in &self.listing.limits {
                out.missing_permission(limit.clone());
            }
            for error in &self.listing.errors {
                out.partial_error(error.clone());
            }
            if !self.is_complete() && self.listing.errors.is_empty() {
                out.partial_error(PartialError {
                    operation: format!("read every service from {}", self.file),
                    cause: "its writer marked it as incomplete".to_owned(),
                    hint: "list again, to the end".to_owned(),
                });
            }
            if let Some(note) = self.note().filter(|_| !context.known_ports.is_empty()) {
                out.note(note);
            }
            Ok(self.listing.completeness)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn host(ports: u64, closed: u64, filtered: u64) -> Value {
        let others = json!({ "open": 0, "unreachable": 0, "no_answer": 0, "not_tried": 0 });
        let mut host = json!({ "address": "10.9.0.1", "transport": "tcp", "ports": ports, "closed": closed });
        host["filtered"] = filtered.into();
        host.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        host
    }

    fn scan(hosts: &[Value], coverage: &Value) -> String {
        json!({ "items": [], "complete": true, "hosts": hosts, "coverage": coverage }).to_string()
    }

    fn covered(ports: &str) -> Value {
        json!({ "scope": "own", "transport": "tcp", "addresses": [["10.9.0.1", "10.9.0.1"]], "ports": ports })
    }

    fn stored(text: &str) -> StoredListing {
        StoredListing::parse(text.as_bytes(), "old.json".to_owned()).unwrap()
    }

    fn is_certain(text: &str) -> Vec<bool> {
        stored(text).certain_coverage().iter().map(|coverage| !coverage.addresses.is_empty()).collect()
    }

    #[test]
    fn a_missing_port_is_closed_only_if_every_port_of_its_host_replied() {
        let both = json!([covered("80,81"), covered("8080")]);
        assert_eq!(is_certain(&scan(&[host(2, 2, 0), host(1, 1, 0)], &both)), [true, true]);
        assert_eq!(is_certain(&scan(&[host(2, 1, 1), host(1, 1, 0)], &both)), [false, false], "which one is unknown");
        assert_eq!(is_certain(&scan(&[host(1, 1, 0)], &both)), [false, true], "no counts of the first group");
        assert_eq!(is_certain(&scan(&[], &json!([]))), [false], "a scan without coverage does not cover everything");
        assert!(is_certain(r#"{"items":[],"complete":true}"#).is_empty(), "everything");
    }

    #[test]
    fn facts_are_read_or_refused_and_never_discarded() {
        let text = scan(&[host(2, 2, 0)], &json!([covered("80,81")]));
        assert_eq!(is_certain(&format!("\u{feff}{text}")), [true]);
        let bad = text.replace("80,81", "80-x");
        assert!(StoredListing::parse(bad.as_bytes(), "old.json".to_owned()).is_err());
    }
}
