//! Reads the targets of the command line as services.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::named::{FORMS, NamedServices};
use super::options::parse_code;
use super::reload::{OtherTargets, ReloadStatus, TargetFiles};
use crate::clean::{Untrusted, clean, redacted_url};
use crate::cli::Global;
use crate::cli::file_stamps::stamps;
use crate::cli::port_words::{misspelled_host, parse_host_port};
use crate::error::{Error, Result, nearest, plain};
use crate::health::{CHECKED_PROTOCOLS, is_checked_protocol};
use crate::model::{
    Address, CheckSpec, Column, Completeness, DeclaredDetail, HostFacts, HostPort, Listing, PartialError, Service,
    ServiceUrl, UpdateSink, UrlPlace,
};
use crate::source::file::ServicesFile;
use crate::source::{ItemSink, ListContext, ListFuture, Local, Source, WatchFuture, source_findings};

/// The services to check.
pub(in crate::cli) struct Targets {
    /// Those that no services file declares.
    others: Vec<Service>,
    faults: Vec<PartialError>,
    files: TargetFiles,
    status: Arc<ReloadStatus>,
}

/// The size limit of a list of targets.
const MAX_LIST: u64 = 16 << 20;
/// The size limit of standard input; a listing of 100,000 services has 40 MB.
const MAX_INPUT: u64 = 1 << 30;

impl Targets {
    /// Reads every target.
    ///
    /// # Errors
    /// If a target is invalid.
    pub(in crate::cli) fn read(words: &[String], global: &Global) -> Result<Self> {
        Self::read_within(words, None, global)
    }

    /// The same; sources have this time for their listings.
    pub(super) fn read_within(words: &[String], limit: Option<Duration>, global: &Global) -> Result<Self> {
        let words = expanded(words)?;
        let (files, others): (Vec<String>, Vec<String>) = words.into_iter().partition(|word| is_services_file(word));
        let before = stamps(&files);
        let declared = services_files(&files)?;
        let (names, others): (Vec<String>, Vec<String>) =
            others.into_iter().partition(|word| (!files.is_empty() && is_plain(word)) || has_name(&declared, word));
        let mut services = named(declared, &names, &files)?;

        let files = TargetFiles::new(files, names, read_named, before);
        let (status, faults) = (ReloadStatus::new(&[]), Vec::new());
        let mut targets = Self { others: Vec::new(), faults, files, status };
        for word in &others {
            targets.add(word, limit, global)?;
        }
        services.extend_from_slice(&targets.others);
        Ok(Self { status: ReloadStatus::new(&services), ..targets })
    }

    /// The services that are checked now, and what became of the last reading of their files.
    pub(super) fn status(&self) -> &Arc<ReloadStatus> {
        &self.status
    }

    pub(super) fn files_mut(&mut self) -> &mut TargetFiles {
        &mut self.files
    }

    fn beside_files(&self) -> OtherTargets<'_> {
        OtherTargets { services: &self.others, faults: &self.faults, status: &self.status }
    }

    /// The service of one host with a port, or of a URL.
    ///
    /// # Errors
    /// If the word is neither.
    #[cfg(feature = "serve")]
    pub(in crate::cli) fn one(word: &str) -> Result<Service> {
        if ServiceUrl::is_meant(word) { of_url(word) } else { of_host(word) }
    }

    /// # Errors
    /// If `spec` has an option of HTTP, and a target is checked with gRPC only.
    pub(in crate::cli) fn check_grpc(&self, spec: &CheckSpec) -> Result<()> {
        for service in &*self.status.services() {
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

    fn add(&mut self, word: &str, limit: Option<Duration>, global: &Global) -> Result<()> {
        if word == "-" {
            return self.standard_input();
        }
        if ServiceUrl::is_meant(word) {
            self.others.push(of_url(word)?);
            return Ok(());
        }
        if word.contains('/')
            && !NamedServices::is_one(word)
            && let Some(error) = misspelled_host(word).filter(|_| parse_host_port(word).is_err())
        {
            return Err(invalid(word, &error.to_string(), error.hint()));
        }
        // A word with a slash is SOURCE/NAME, unless it is the path of a socket. `NamedServices::parse` rejects unknown sources.
        if let Some((source, _)) = word.split_once('/').filter(|_| !word.starts_with(['/', '.', '@'])) {
            let (services, faults) = NamedServices::parse(word, &[], global)?.services(limit)?;
            if services.is_empty() && faults.is_empty() {
                let hint = format!("`portolan discover {source}` lists all services");
                return Err(invalid(word, "no service has that name", &hint));
            }
            self.others.extend(services);
            self.faults.extend(faults);
            return Ok(());
        }

        self.others.push(of_host(word)?);
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
        if let Some(host) = other_host(&text, Local::default().host().as_ref()) {
            check_addresses(&listing.services, &host)?;
        }
        for service in &mut listing.services {
            service.resolve_findings(source_findings);
            // Health is what this run finds out.
            service.clear_health();
        }

        self.others.append(&mut listing.services);
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

/// The targets, with those of each `@FILE` in its place.
///
/// # Errors
/// If a file cannot be read.
fn expanded(words: &[String]) -> Result<Vec<String>> {
    let mut targets = Vec::with_capacity(words.len());
    for word in words {
        match word.strip_prefix('@').filter(|file| !file.is_empty()) {
            Some(file) => targets.extend(targets_of_file(file)?),
            None => targets.push(word.clone()),
        }
    }
    Ok(targets)
}

/// The targets of a file: one per line, the first word of it. Empty lines and comments (#) are left out.
fn targets_of_file(file: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    let opened = File::open(file).and_then(|opened| opened.take(MAX_LIST).read_to_string(&mut text));
    let read = opened.map_err(|error| unreadable_list(file, plain(&error)))?;
    if read as u64 == MAX_LIST {
        return Err(unreadable_list(file, "it is larger than 16 MiB".to_owned()));
    }

    let words = text.lines().filter_map(|line| line.split('#').next()?.split_whitespace().next());
    Ok(words.map(str::to_owned).collect())
}

fn unreadable_list(file: &str, why: String) -> Error {
    let hint = "@FILE is a file with a target per line: HOST:PORT or a URL";
    Error::usage(format!("target '@{}'", clean(file)), why, hint)
}

/// What services files declare.
///
/// # Errors
/// The first one that is invalid.
fn services_files(files: &[String]) -> Result<Vec<ServicesFile>> {
    files.iter().map(|file| services_file(file)).collect()
}

/// The services of services files that have these names; without names, all.
///
/// # Errors
/// The first one that is invalid, and a name that no file has.
fn read_named(files: &[String], names: &[String]) -> Result<Vec<Service>> {
    named(services_files(files)?, names, files)
}

/// The services with these names; without names, all.
///
/// # Errors
/// If the files have no service of a name, or one that is meant needs a variable that is not set.
fn named(declared: Vec<ServicesFile>, names: &[String], files: &[String]) -> Result<Vec<Service>> {
    if let Some(missing) = names.iter().find(|name| !has_name(&declared, name)) {
        let file = files.first().map_or("", String::as_str);
        return Err(unknown_name(missing, file, &declared));
    }

    let mut services = Vec::new();
    for file in declared {
        file.check_variables(|name, namespace| {
            names.is_empty() || names.iter().any(|word| is_name_of((name, namespace), word))
        })?;
        let meant = file.services.into_iter().map(Service::erase);
        services.extend(meant.filter(|service| names.is_empty() || names.iter().any(|name| is_named(service, name))));
    }
    Ok(services)
}

/// Whether a file has a service of this name.
fn has_name(declared: &[ServicesFile], word: &str) -> bool {
    declared.iter().any(|file| {
        let unread = file.has_unread(|name, namespace| is_name_of((name, namespace), word));
        unread || file.services.iter().any(|service| is_named(service, word))
    })
}

/// The name of the machine that a document lists, unless that is this one, whose facts are `own`.
fn other_host(text: &[u8], own: Option<&HostFacts>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct ListingHost {
        host: Option<HostFacts>,
    }

    // Lines of services do not say it.
    let (listed, own) = (serde_json::from_slice::<ListingHost>(text).ok()?.host?, own?);
    let is_same_boot = match (listed.booted, own.booted) {
        (Some(one), Some(other)) => one.duration_since(other).abs() <= BOOT_JITTER,
        _ => false,
    };
    let name = listed.name.filter(|name| own.name.as_ref() != Some(name) && !is_same_boot)?;
    Some(name.to_string())
}

/// How much the time of a boot may differ between two readings.
const BOOT_JITTER: SignedDuration = SignedDuration::from_secs(2);

/// # Errors
/// If an address means another socket here than on the machine that was listed.
fn check_addresses(services: &[Service], host: &str) -> Result<()> {
    let mut endpoints = services.iter().flat_map(|service| &service.endpoints);
    let own = endpoints.find(
        |endpoint| matches!(endpoint.address, Address::Ip(ip) if ip.to_canonical().is_unspecified() || ip.to_canonical().is_loopback()),
    );
    let Some(endpoint) = own else { return Ok(()) };
    let why = format!("it is a listing of {host}, and {endpoint} is an address of each machine");
    Err(Error::usage("standard input", why, "run it there, as in `ssh HOST portolan local --validate`"))
}

/// What a services file declares.
fn services_file(word: &str) -> Result<ServicesFile> {
    let file = crate::source::file::read(Path::new(word), Some(|name| std::env::var_os(name)))?;
    for service in &file.services {
        let name = service.name.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(protocol) = service.detail.ask.protocol.as_deref() {
            check_protocol(protocol).map_err(|why| {
                let why = format!("service '{name}': protocol: {why}");
                Error::usage(clean(word), why, format!("the protocols are {CHECKED_PROTOCOLS}"))
            })?;
        }
        if let Some(endpoint) = service.endpoints.iter().find(|endpoint| is_group(&endpoint.address)) {
            let why = format!("service '{name}': endpoints: '{endpoint}': {GROUP}");
            return Err(Error::usage(clean(word), why, GROUP_HINT));
        }
        if let Some((code, error)) =
            service.detail.ask.limits.ignore.iter().find_map(|code| parse_code(code).err().map(|error| (code, error)))
        {
            let why = format!("service '{name}': ignore: '{}': {error}", clean(code));
            return Err(Error::usage(clean(word), why, error.hint()));
        }
    }

    Ok(file)
}

/// # Errors
/// If there is no check for a declared protocol: it would be called healthy where only its port accepts connections.
pub(super) fn check_protocol(word: &str) -> Result<(), String> {
    if is_checked_protocol(word) { Ok(()) } else { Err(format!("'{}' has no check", clean(word))) }
}

const GROUP: &str = "no connection reaches a multicast or broadcast address";
const GROUP_HINT: &str = "write the address of one host";

/// Whether an address stands for a group of hosts. No check applies to it: its health would be unknown without a reason.
fn is_group(address: &Address) -> bool {
    match address {
        Address::Ip(IpAddr::V4(ip)) => ip.is_multicast() || ip.is_broadcast(),
        Address::Ip(IpAddr::V6(ip)) => ip.is_multicast(),
        Address::Name(_) | Address::Unix(_) | Address::Other(_) => false,
    }
}

/// Whether a service has this name, with or without its namespace, or this id.
fn is_named<D>(service: &Service<D>, word: &str) -> bool {
    let name = service.name.as_ref().map_or("", |name| name.as_raw());
    let namespace = service.namespace.as_ref().map(Untrusted::as_raw);
    service.id == *word || is_name_of((name, namespace), word)
}

/// Whether a word is this name, with or without its namespace, or the id that a service of a file has.
fn is_name_of((name, namespace): (&str, Option<&str>), word: &str) -> bool {
    let word = word.strip_prefix("file/").unwrap_or(word);
    let full = namespace.and_then(|namespace| word.strip_prefix(namespace)?.strip_prefix('/'));
    name == word || full == Some(name)
}

/// Whether a word can only be the name of a service.
fn is_plain(word: &str) -> bool {
    word != "-" && !word.contains([':', '/', '@']) && !word.starts_with('.')
}

fn unknown_name(word: &str, file: &str, declared: &[ServicesFile]) -> Error {
    let services = declared.iter().flat_map(|file| &file.services);
    let names: Vec<&str> = services.filter_map(|service| Some(service.name.as_ref()?.as_raw())).collect();
    let hint = match nearest(word, &names) {
        Some(near) => format!("did you mean {}?", clean(near)),
        None => format!("`portolan discover file {}` lists its services", clean(file)),
    };
    invalid(word, &format!("{} has no service of that name", clean(file)), &hint)
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
///
/// # Errors
/// If a host is a group of hosts.
fn declared(from: &str, hosts: Vec<HostPort>, spec: CheckSpec) -> Result<Service> {
    if hosts.iter().any(|host| is_group(&host.address)) {
        return Err(invalid(from, GROUP, GROUP_HINT));
    }

    // The certificate must cover what the user named, however that is written.
    let named = match hosts.as_slice() {
        [HostPort { address: Address::Ip(ip), .. }] => Some(ip.to_string()),
        _ => None,
    };
    let spec = CheckSpec { server_name: spec.server_name.clone().or(named), ..spec };

    let from = redacted_url(from).into_owned();
    let endpoints = hosts.into_iter().map(|at| at.endpoint().declared_as(spec.protocol.as_deref())).collect();
    let id = format!("given/tcp/{from}");
    let detail = DeclaredDetail {
        from: from.as_str().into(),
        protocol: spec.protocol.clone(),
        ask: Arc::new(spec),
        ..DeclaredDetail::default()
    };
    Ok(Service { name: Some(from.into()), ..Service::new(id, "given", endpoints, detail) }.erase())
}

/// `host:port`: the port decides the checks.
fn of_host(word: &str) -> Result<Service> {
    let at = parse_host_port(word).map_err(|error| {
        let misspelled = misspelled_host(word);
        let (why, hint) =
            misspelled.as_ref().map_or((error.to_string(), FORMS), |known| (known.to_string(), known.hint()));
        invalid(word, &why, hint)
    })?;
    if at.port.is_none() {
        return Err(unchecked_socket(word));
    }
    declared(word, vec![at], CheckSpec::default())
}

/// `https://host/path`: the scheme and the path decide the checks.
fn of_url(word: &str) -> Result<Service> {
    let url = word.parse::<ServiceUrl>().map_err(|error| invalid(word, &error.to_string(), error.hint()))?;
    match url.place {
        UrlPlace::Hosts(hosts) => declared(word, hosts, url.spec),
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
            for service in &*self.status.services() {
                if let ControlFlow::Break(()) = out.service(service.clone()) {
                    break;
                }
            }
            self.faults.iter().for_each(|fault| out.partial_error(fault.clone()));
            Ok(if self.faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete })
        })
    }

    /// The targets change with the services files only.
    fn watch<'a>(&'a self, _interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        Box::pin(async move {
            feed.apply(self.beside_files().updates(self.status.services().to_vec()));
            match self.files.follow(self.beside_files(), feed).await {}
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ssh db7 portolan local --json | portolan validate -` would check the sockets of this machine.
    #[test]
    fn a_listing_of_another_machine_has_no_addresses_of_this_one() {
        let own: HostFacts = serde_json::from_str(r#"{"name":"web1","booted":"2026-01-02T00:00:00Z"}"#).unwrap();
        let of = |host: &str| other_host(format!(r#"{{"items":[],"host":{host}}}"#).as_bytes(), Some(&own));
        assert_eq!(of(r#"{"name":"web1","booted":"2026-01-02T00:00:00Z"}"#), None);
        assert_eq!(of(r#"{"name":"web1"}"#), None);
        assert_eq!(of(r#"{"name":"a-container","booted":"2026-01-02T00:00:01Z"}"#), None);
        assert_eq!(of(r#"{"name":"db7","booted":"2020-01-01T00:00:00Z"}"#), Some("db7".to_owned()));
        assert_eq!(of(r#"{"name":"db7"}"#), Some("db7".to_owned()));
        assert_eq!(of("null"), None);

        for (address, is_other) in
            [("0.0.0.0:22", true), ("[::1]:5432", true), ("127.0.0.53:53", true), ("10.0.0.7:80", false)]
        {
            let services = [of_host(address).unwrap()];
            assert_eq!(check_addresses(&services, "db7").is_err(), is_other, "{address}");
        }
    }
}
