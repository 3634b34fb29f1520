//! From the words of the command line to services.

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
use crate::error::{Error, Result, plain};
use crate::model::{
    Address, CheckSpec, Column, Completeness, DeclaredDetail, Endpoint, HttpPath, Listing, PartialError, Service,
    Transport, Update, UpdateSink,
};
use crate::source::{ItemSink, ListContext, ListFuture, Source, WatchFuture, source_findings};

/// What there is to check.
pub(in crate::cli) struct Targets {
    services: Vec<Service>,
    faults: Vec<PartialError>,
}

/// A listing of 100,000 services has 40 MB.
const MAX_INPUT: u64 = 1 << 30;

impl Targets {
    /// Reads every target.
    ///
    /// # Errors
    /// The first that is none.
    pub(in crate::cli) fn read(words: &[String], global: &Global) -> Result<Self> {
        let mut targets = Self { services: Vec::new(), faults: Vec::new() };
        for word in words {
            targets.word(word, global)?;
        }
        Ok(targets)
    }

    fn word(&mut self, word: &str, global: &Global) -> Result<()> {
        let refuse = |why: &str, hint: &str| Error::usage(format!("target '{}'", clean(word)), why, hint);
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
                let hint = format!("`portolan discover {source}` lists what there is");
                return Err(refuse("nothing there is called so", &hint));
            }
            self.services.extend(services);
            self.faults.extend(faults);
            return Ok(());
        }
        let (host, port) = host_and_port(word).map_err(|why| refuse(why, FORMS))?;
        self.services.push(declared(word, host, port, CheckSpec::default())?.erase());
        Ok(())
    }

    /// Those that were found already.
    pub(in crate::cli) fn of(services: Vec<Service>) -> Self {
        Self { services, faults: Vec::new() }
    }

    fn standard_input(&mut self) -> Result<()> {
        let refuse = |why: String| {
            Error::usage("standard input", why, "give it what `portolan discover SOURCE --json` or -o ndjson writes")
        };
        let mut text = Vec::new();
        let read = io::stdin().lock().take(MAX_INPUT).read_to_end(&mut text);
        let read = read.map_err(|error| refuse(plain(&error)))?;
        if read as u64 == MAX_INPUT {
            return Err(refuse("it is larger than 1 GiB".to_owned()));
        }

        let mut listing = Listing::from_json(&text).map_err(|error| refuse(error.to_string()))?;
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

/// What ends like one of the formats that a services file is written in.
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
    let port = port.parse().ok().filter(|port| *port > 0).ok_or("the port is no number from 1 to 65535")?;
    if host.is_empty() { Err("the host is missing") } else { Ok((host, port)) }
}

/// A service at a host, which is an address or a name.
fn declared(from: &str, host: &str, port: u16, mut ask: CheckSpec) -> Result<Service<DeclaredDetail>> {
    let address = match host.parse::<IpAddr>() {
        Ok(ip) => Address::Ip(ip.to_canonical()),
        Err(_) => match host.parse() {
            Ok(crate::model::Target::Name(name)) => Address::Name(name.as_str().into()),
            _ => {
                return Err(Error::usage(
                    format!("target '{}'", clean(from)),
                    "its host is neither an address nor a name",
                    FORMS,
                ));
            }
        },
    };
    // Who is asked by an address must have a certificate for it.
    ask.server_name =
        ask.server_name.or_else(|| Some(host.to_owned()).filter(|_| ask.protocol.as_deref() == Some("https")));
    let endpoint = Endpoint::new(address, Some(port), Transport::Tcp);
    let id = format!("given/tcp/{from}");
    let detail = DeclaredDetail { from: from.into(), protocol: ask.protocol.clone(), ask: Arc::new(ask) };
    Ok(Service { name: Some(from.into()), ..Service::new(id, "given", vec![endpoint], detail) })
}

/// `https://host/path`: what to ask is said by its scheme and path.
fn of_url(word: &str) -> Result<Service<DeclaredDetail>> {
    let refuse =
        |why: String| Error::usage(format!("target '{}'", clean(word)), why, "write it as https://host:port/path");
    let (scheme, rest) = word.split_once("://").unwrap_or_default();
    // What the URL standard does not know as a scheme of the web it takes for opaque.
    let (protocol, usual) = match scheme {
        "http" => ("http", 80),
        "https" => ("https", 443),
        "grpc" | "grpcs" | "tls" | "tcp" | "redis" | "rediss" | "postgresql" | "mysql" | "smtp" | "imap" | "pop3"
        | "ftp" | "ssh" | "nats" | "memcached" => {
            let (host, port) = host_and_port(rest.trim_end_matches('/')).map_err(|why| refuse(why.to_owned()))?;
            let ask = CheckSpec { protocol: Some(scheme.to_owned()), ..CheckSpec::default() };
            return declared(word, host, port, ask);
        }
        _ => return Err(refuse(format!("nobody here speaks {}", clean(scheme)))),
    };
    // The standard would repair it, and take the path for the host.
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return Err(refuse("it has no host".to_owned()));
    }
    let url = Url::parse(word).map_err(|error| refuse(format!("it is no URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "send credentials with --header 'Authorization: ...', where no listing shows them";
        return Err(Error::usage("a target with a user's name in it", "its password would be shown", hint));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(refuse("it has no host".to_owned())),
    };
    let asked = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let path =
        (asked != "/").then(|| asked.parse::<HttpPath>()).transpose().map_err(|error| refuse(error.to_string()))?;
    let ask = CheckSpec { protocol: Some(protocol.to_owned()), path, ..CheckSpec::default() };
    declared(word, &host, url.port().unwrap_or(usual), ask)
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

    /// What was named stays as it was named.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            let faults = self.faults.iter().cloned().map(Update::PartialError);
            feed.apply(std::iter::once(Update::Reset(self.services.clone())).chain(faults).collect());
            std::future::pending().await
        })
    }
}
