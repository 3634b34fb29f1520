//! Stored listings: what an earlier run wrote, for `--diff FILE` and for `discover file FILE`.

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
    hosts: Vec<ScannedHost>,
}

/// The largest file that is read.
const MAX_BYTES: usize = 1 << 30;
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
        let mut listing = Listing::from_json(&bytes).map_err(|error| refused(error.to_string()))?;
        let facts: DocumentFacts = serde_json::from_slice(&bytes).unwrap_or_default();
        for service in &mut listing.services {
            service.resolve_findings(source_findings);
            type_detail(service);
        }

        // Without services, only the filters say whose listing it is, and only those of this machine can be compared.
        let word = listing.services.first().map_or("local", |service| service.source.as_str());
        let source = source_of_listing(word, &listing.filters).unwrap_or_else(|| Box::<File>::default());
        let columns = columns(&listing, &*source);
        Ok(Self { listing, facts, file, source, columns })
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

    /// When it was requested, if it says so.
    pub(super) fn generated(&self) -> Option<Timestamp> {
        self.facts.generated
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
    fn certain_coverage(&self) -> Vec<Coverage> {
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
                let replied = self.facts.hosts.iter().filter(|host| replies_everywhere(host, coverage));
                let replied = Addresses::new(replied.map(|host| AddressRange::from(host.address)));
                let unknown = coverage.addresses.without(&replied);
                let addresses =
                    if of_hosts { coverage.addresses.clone() } else { coverage.addresses.without(&unknown) };
                Coverage { addresses, ..coverage.clone() }
            })
            .collect()
    }

    fn note(&self) -> Option<String> {
        let has_silent_ports = self.facts.hosts.iter().any(|host| silent_ports(host) > 0);
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

/// Whether each port of a host that is not listed is closed.
fn replies_everywhere(host: &ScannedHost, coverage: &Coverage) -> bool {
    let netns = match &coverage.scope {
        NamespaceScope::Other(netns) => Some(netns),
        NamespaceScope::Own | NamespaceScope::Gone => None,
    };
    host.transport == coverage.transport && host.netns.as_ref() == netns && silent_ports(host) == 0
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
            for coverage in self.certain_coverage() {
                let _ = out.accept(ListItem::Coverage(coverage));
            }
            for service in &self.listing.services {
                if context.cancel.is_set() || out.service(service.clone()).is_break() {
                    return Ok(Completeness::Incomplete);
                }
            }

            if !self.facts.hosts.is_empty() {
                let _ = out.accept(ListItem::Hosts(self.facts.hosts.clone()));
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
