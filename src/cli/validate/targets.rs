//! Reads the targets of the command line as services.

use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::named::{FORMS, Named};
use crate::clean::clean;
use crate::cli::Global;
use crate::error::{Error, Result, nearest, plain};
use crate::model::{
    Address, CheckSpec, Column, Completeness, DeclaredDetail, Endpoint, HttpPath, Listing, PartialError, Service,
    Transport, Update, UpdateSink,
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
        if word.contains("://") {
            self.services.push(of_url(word)?.erase());
            return Ok(());
        }
        if is_services_file(word) {
            let services = crate::source::file::read(Path::new(word))?;
            self.services.extend(services.into_iter().map(Service::erase));
            return Ok(());
        }

        if let Some((source, _)) = word.split_once('/') {
            let (services, faults) = Named::parse(word, global)?.services()?;
            if services.is_empty() {
                let hint = format!("`portolan discover {source}` lists all services");
                return Err(invalid(word, "no service has that name", &hint));
            }
            self.services.extend(services);
            self.faults.extend(faults);
            return Ok(());
        }

        let (host, port) = host_and_port(word).map_err(|cause| invalid(word, cause, FORMS))?;
        self.services.push(declared(word, host, port, CheckSpec::default())?.erase());
        Ok(())
    }

    /// Services that were listed already.
    pub(in crate::cli) fn of(services: Vec<Service>) -> Self {
        Self { services, faults: Vec::new() }
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
    Error::usage(format!("target '{}'", clean(word)), cause, hint)
}

fn invalid_url(word: &str, cause: &str) -> Error {
    invalid(word, cause, "write it as https://host:port/path")
}

fn invalid_input(cause: String) -> Error {
    Error::usage("standard input", cause, "pipe the output of `portolan discover SOURCE --json` or -o ndjson to it")
}

/// Whether the extension is that of a services file.
pub(in crate::cli) fn is_services_file(word: &str) -> bool {
    let extension = Path::new(word).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| matches!(extension, "toml" | "yaml" | "yml"))
}

/// `host:port`, `[::1]:port`.
fn host_and_port(word: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = match word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').ok_or("the port is missing")?),
        None if word.parse::<IpAddr>().is_ok() => return Err("the port is missing"),
        None => word.rsplit_once(':').ok_or("the port is missing")?,
    };
    let port = port.parse().ok().filter(|port| *port > 0).ok_or("the port is not a number from 1 to 65535")?;
    if host.is_empty() { Err("the host is missing") } else { Ok((host, port)) }
}

/// A service at a host, which is an address or a name.
fn declared(from: &str, host: &str, port: u16, mut spec: CheckSpec) -> Result<Service<DeclaredDetail>> {
    let address = match host.parse::<IpAddr>() {
        Ok(ip) => Address::Ip(ip.to_canonical()),
        Err(_) => match host.parse() {
            Ok(crate::model::Target::Name(name)) => Address::Name(name.as_str().into()),
            _ => return Err(invalid(from, "its host is neither an address nor a name", FORMS)),
        },
    };

    // The certificate must cover the host, even if that is an address.
    spec.server_name =
        spec.server_name.or_else(|| Some(host.to_owned()).filter(|_| spec.protocol.as_deref() == Some("https")));

    let endpoint = Endpoint::new(address, Some(port), Transport::Tcp);
    let id = format!("given/tcp/{from}");
    let detail = DeclaredDetail { from: from.into(), protocol: spec.protocol.clone(), ask: Arc::new(spec) };
    Ok(Service { name: Some(from.into()), ..Service::new(id, "given", vec![endpoint], detail) })
}

/// `https://host/path`: the scheme and the path decide the checks.
fn of_url(word: &str) -> Result<Service<DeclaredDetail>> {
    let (scheme, rest) = word.split_once("://").unwrap_or_default();
    // The URL standard parses the host only for schemes of the web.
    let (protocol, default_port) = match scheme {
        "http" => ("http", 80),
        "https" => ("https", 443),
        scheme if HOST_PORT_SCHEMES.contains(&scheme) => {
            let (host, port) = host_and_port(rest.trim_end_matches('/')).map_err(|cause| invalid_url(word, cause))?;
            let spec = CheckSpec { protocol: Some(scheme.to_owned()), ..CheckSpec::default() };
            return declared(word, host, port, spec);
        }
        scheme => return Err(unknown_scheme(word, scheme)),
    };

    // The URL standard would take the path for the host.
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return Err(invalid_url(word, "it has no host"));
    }

    let url = Url::parse(word).map_err(|error| invalid_url(word, &format!("it is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "send credentials with --header 'Authorization: ...', where no listing shows them";
        return Err(Error::usage("a target with credentials", "its password would be shown", hint));
    }

    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(invalid_url(word, "it has no host")),
    };

    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let path = (path != "/").then(|| path.parse::<HttpPath>()).transpose();
    let path = path.map_err(|error| invalid_url(word, &error.to_string()))?;
    let spec = CheckSpec { protocol: Some(protocol.to_owned()), path, ..CheckSpec::default() };
    declared(word, &host, url.port().unwrap_or(default_port), spec)
}

/// The schemes of targets that have a host and a port, but no path.
const HOST_PORT_SCHEMES: [&str; 15] = [
    "grpc",
    "grpcs",
    "tls",
    "tcp",
    "redis",
    "rediss",
    "postgresql",
    "mysql",
    "smtp",
    "imap",
    "pop3",
    "ftp",
    "ssh",
    "nats",
    "memcached",
];

fn unknown_scheme(word: &str, scheme: &str) -> Error {
    let known: Vec<&str> = ["http", "https"].into_iter().chain(HOST_PORT_SCHEMES).collect();
    let cause = match nearest(scheme, &known) {
        Some(near) => format!("unknown scheme {} (did you mean {near}?)", clean(scheme)),
        None => format!("unknown scheme {}", clean(scheme)),
    };
    invalid_url(word, &cause)
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
