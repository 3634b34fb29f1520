//! Reads the targets of the command line as services.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::named::{FORMS, Named};
use crate::clean::{clean, redacted_url};
use crate::cli::Global;
use crate::error::{Error, Result, plain};
use crate::model::{
    CheckSpec, Column, Completeness, DeclaredDetail, HostPort, Listing, PartialError, Service, ServiceUrl, Update,
    UpdateSink, UrlPlace,
};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture, source_findings};

/// The services to check.
pub(in crate::cli) struct Targets {
    services: Vec<Service>,
    faults: Vec<PartialError>,
}

/// The size limit of standard input; a listing of 100,000 services has 40 MB.
const MAX_INPUT: u64 = 1 << 30;

impl Targets {
    /// Reads every target.
    ///
    /// # Errors
    /// If a target is invalid.
    pub(in crate::cli) fn read(words: &[String], global: &Global) -> Result<Self> {
        let mut targets = Self { services: Vec::new(), faults: Vec::new() };
        for word in words {
            targets.add(word, global)?;
        }
        Ok(targets)
    }

    fn add(&mut self, word: &str, global: &Global) -> Result<()> {
        if word == "-" {
            return self.standard_input();
        }
        if ServiceUrl::is_meant(word) {
            self.services.push(of_url(word)?);
            return Ok(());
        }
        if is_services_file(word) {
            let services = crate::source::file::read(Path::new(word))?;
            self.services.extend(services.into_iter().map(Service::erase));
            return Ok(());
        }

        // A word with a slash that no source has is told so by `Named::parse`, unless it is the path of a socket.
        if let Some((source, _)) = word.split_once('/').filter(|_| !word.starts_with(['/', '.', '@'])) {
            let (services, faults) = Named::parse(word, &[], global)?.services()?;
            if services.is_empty() {
                let hint = format!("`portolan discover {source}` lists all services");
                return Err(invalid(word, "no service has that name", &hint));
            }
            self.services.extend(services);
            self.faults.extend(faults);
            return Ok(());
        }

        let at = word.parse::<HostPort>().map_err(|error| invalid(word, &error.to_string(), FORMS))?;
        if at.port.is_none() {
            return Err(unchecked_socket(word));
        }
        self.services.push(declared(word, vec![at], CheckSpec::default()));
        Ok(())
    }

    fn standard_input(&mut self) -> Result<()> {
        let mut text = Vec::new();
        let read = io::stdin().lock().take(MAX_INPUT).read_to_end(&mut text);
        let read = read.map_err(|error| invalid_input(plain(&error)))?;
        if read as u64 == MAX_INPUT {
            return Err(invalid_input("it is larger than 1 GiB".to_owned()));
        }

        let mut listing = Listing::from_json(&text).map_err(|error| invalid_input(error.to_string()))?;
        for service in &mut listing.services {
            service.resolve_findings(source_findings);
            // Health is what this run finds out.
            service.clear_health();
        }

        self.services.append(&mut listing.services);
        if listing.completeness == Completeness::Incomplete {
            self.faults.push(PartialError {
                operation: "read every service from standard input".to_owned(),
                cause: "its writer marked it as incomplete".to_owned(),
                hint: "see the errors in it".to_owned(),
            });
        }
        Ok(())
    }
}

fn invalid(word: &str, cause: &str, hint: &str) -> Error {
    Error::usage(format!("target '{}'", clean(&redacted_url(word))), cause, hint)
}

fn invalid_input(cause: String) -> Error {
    Error::usage("standard input", cause, "pipe the output of `portolan discover SOURCE --json` or -o ndjson to it")
}

/// Whether the extension is that of a services file.
pub(in crate::cli) fn is_services_file(word: &str) -> bool {
    let extension = Path::new(word).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| matches!(extension, "toml" | "yaml" | "yml"))
}

/// A service at some hosts. `from` is what the user wrote.
fn declared(from: &str, hosts: Vec<HostPort>, spec: CheckSpec) -> Service {
    let from = redacted_url(from).into_owned();
    let endpoints = hosts.into_iter().map(HostPort::endpoint).collect();
    let id = format!("given/tcp/{from}");
    let detail = DeclaredDetail { from: from.as_str().into(), protocol: spec.protocol.clone(), ask: Arc::new(spec) };
    Service { name: Some(from.into()), ..Service::new(id, "given", endpoints, detail) }.erase()
}

/// `https://host/path`: the scheme and the path decide the checks.
fn of_url(word: &str) -> Result<Service> {
    let url = word.parse::<ServiceUrl>().map_err(|error| invalid(word, &error.to_string(), error.hint()))?;
    match url.place {
        UrlPlace::Hosts(hosts) => Ok(declared(word, hosts, url.spec)),
        UrlPlace::Socket(_) => Err(unchecked_socket(word)),
    }
}

fn unchecked_socket(word: &str) -> Error {
    invalid(word, "a Unix-domain socket cannot be checked", "`portolan wait` connects to it")
}

impl Source for Targets {
    fn name(&self) -> &'static str {
        "given"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for service in &self.services {
                if let ControlFlow::Break(()) = out.service(service.clone()) {
                    break;
                }
            }
            self.faults.iter().for_each(|fault| out.partial_error(fault.clone()));
            Ok(if self.faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete })
        })
    }

    /// The targets do not change during a watch.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let faults = self.faults.iter().cloned().map(Update::PartialError);
            feed.apply(std::iter::once(Update::Reset(self.services.clone())).chain(faults).collect());
            std::future::pending().await
        })
    }
}
