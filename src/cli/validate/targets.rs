//! Reads the targets of the command line as services.

use std::borrow::Cow;
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
    Address, CheckSpec, Column, Completeness, DeclaredDetail, HostPort, HttpPath, Listing, PartialError, Service,
    Update, UpdateSink,
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

        // A word with a slash that no source has is told so by `Named::parse`, unless it is the path of a socket.
        if let Some((source, _)) = word.split_once('/').filter(|_| !word.starts_with(['/', '.', '@'])) {
            let (services, faults) = Named::parse(word, global)?.services()?;
            if services.is_empty() {
                let hint = format!("`portolan discover {source}` lists all services");
                return Err(invalid(word, "no service has that name", &hint));
            }
            self.services.extend(services);
            self.faults.extend(faults);
            return Ok(());
        }

        let place = tcp_place(word).map_err(|cause| invalid(word, &cause, FORMS))?;
        self.services.push(declared(word, place, CheckSpec::default()).erase());
        Ok(())
    }

    /// # Errors
    /// If `spec` has an option of HTTP, and a target is checked with gRPC only.
    pub(super) fn check_grpc(&self, spec: &CheckSpec) -> Result<()> {
        for service in &self.services {
            let declared = service.detail.downcast_ref::<DeclaredDetail>();
            let spec = declared.map_or_else(|| spec.clone(), |declared| spec.over(&declared.ask));
            if let Some(option) = spec.useless_for_grpc() {
                let name = service.name.as_ref().map_or_else(|| service.id.to_string(), ToString::to_string);
                let why = format!("{name} is checked with gRPC, which does not use it");
                let hint = "leave it out; --grpc-service names a service, and --header sets metadata";
                return Err(Error::usage(format!("--{option}"), why, hint));
            }
        }
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

/// A host and a port, or why it is not one.
fn tcp_place(text: &str) -> Result<HostPort, String> {
    let place = text.parse::<HostPort>().map_err(|error| error.to_string())?;
    if place.port.is_some() { Ok(place) } else { Err("a Unix-domain socket cannot be checked".to_owned()) }
}

/// A service at a place that the user named.
fn declared(from: &str, place: HostPort, mut spec: CheckSpec) -> Service<DeclaredDetail> {
    // The certificate must cover the host, even if that is an address.
    if spec.protocol.as_deref() == Some("https") && spec.server_name.is_none() {
        spec.server_name = match &place.address {
            Address::Ip(ip) => Some(ip.to_string()),
            Address::Name(name) | Address::Unix(name) => Some(name.as_raw().to_owned()),
        };
    }

    let id = format!("given/tcp/{from}");
    let detail = DeclaredDetail { from: from.into(), protocol: spec.protocol.clone(), ask: Arc::new(spec) };
    Service { name: Some(from.into()), ..Service::new(id, "given", vec![place.endpoint()], detail) }
}

/// `https://host/path`: the scheme and the path decide the checks.
fn of_url(word: &str) -> Result<Service<DeclaredDetail>> {
    let (scheme, rest) = word.split_once("://").unwrap_or_default();
    let (rest, zone) = without_zone(rest);
    let rest = &*rest;
    // The URL standard parses the host only for schemes of the web.
    let (protocol, default_port) = match scheme {
        "http" => ("http", 80),
        "https" => ("https", 443),
        scheme if HOST_PORT_SCHEMES.contains(&scheme) => {
            let place = in_zone(rest.trim_end_matches('/'), zone).map_err(|cause| invalid_url(word, &cause))?;
            let spec = CheckSpec { protocol: Some(scheme.to_owned()), ..CheckSpec::default() };
            return Ok(declared(word, place, spec));
        }
        scheme => return Err(unknown_scheme(word, scheme)),
    };

    // The URL standard would take the path for the host.
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return Err(invalid_url(word, "it has no host"));
    }

    let url = Url::parse(&format!("{scheme}://{rest}"));
    let url = url.map_err(|error| invalid_url(word, &format!("it is not a URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "send credentials with --header 'Authorization: ...', where no listing shows them";
        return Err(Error::usage("a target with credentials", "its password would be shown", hint));
    }

    let port = url.port().unwrap_or(default_port);
    let address = match url.host() {
        Some(Host::Domain(name)) => Address::Name(name.into()),
        Some(Host::Ipv4(ip)) => Address::Ip(ip.into()),
        Some(Host::Ipv6(ip)) => Address::Ip(IpAddr::from(ip).to_canonical()),
        None => return Err(invalid_url(word, "it has no host")),
    };
    let place = match (&address, zone) {
        (Address::Ip(ip), Some(_)) => {
            in_zone(&format!("[{ip}]:{port}"), zone).map_err(|why| invalid_url(word, &why))?
        }
        _ => HostPort { address, interface: None, port: Some(port) },
    };

    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let path = (path != "/").then(|| path.parse::<HttpPath>()).transpose();
    let path = path.map_err(|error| invalid_url(word, &error.to_string()))?;
    let spec = CheckSpec { protocol: Some(protocol.to_owned()), path, ..CheckSpec::default() };
    Ok(declared(word, place, spec))
}

/// Takes the zone out of a bracketed address, which the URL standard does not know: `[fe80::1%25eth0]` (RFC 6874), or
/// `[fe80::1%eth0]` as people write it.
fn without_zone(rest: &str) -> (Cow<'_, str>, Option<&str>) {
    let host = rest.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let Some((ip, zone)) = host.and_then(|host| host.split_once('%')) else { return (rest.into(), None) };
    let plain = format!("[{ip}{}", &rest[1 + ip.len() + 1 + zone.len()..]);
    (plain.into(), Some(zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone)))
}

/// A host and a port, in a zone if one was taken out of it.
fn in_zone(place: &str, zone: Option<&str>) -> Result<HostPort, String> {
    match zone {
        Some(zone) => tcp_place(&place.replacen(']', &format!("%{zone}]"), 1)),
        None => tcp_place(place),
    }
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
