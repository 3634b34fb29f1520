//! `--from-listener`: what listens on a port of this machine, as far as it says what it is.

use std::net::IpAddr;
use std::sync::Arc;

use super::ReadyCheck;
use crate::error::{Error, Result};
use crate::identify::{IdentifiedSource, IdentifyOptions};
use crate::model::{Address, LocalDetail, Ports, Service, SocketState};
use crate::source::{Local, collect};

/// A listener of this machine.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// The unit, the container or the process that it belongs to; `None` if it may not be seen.
    pub(super) name: Option<String>,
    pub(super) port: u16,
    /// The one address that it listens on; `None` for all.
    pub(super) address: Option<IpAddr>,
    pub(super) check: ReadyCheck,
}

impl Listener {
    /// Looks at a TCP port, and identifies what replies there. `address`: only what listens on it, or on all addresses.
    ///
    /// # Errors
    /// Nothing listens there, or several programs do.
    pub(super) async fn find(ports: &Ports, address: Option<IpAddr>) -> Result<Self> {
        let state = vec![SocketState::Listen];
        let local = Local { ports: Some(ports.clone()), tcp: true, state, ..Local::default() };
        let identified = IdentifiedSource::new(Arc::new(local), IdentifyOptions::default());
        let listing = collect(&identified).await?;

        let mut found: Vec<&Service> = listing.services.iter().filter(|service| listens_on(service, address)).collect();
        // A server that listens on all addresses has one listener for each family.
        found.sort_by_key(|service| rank(service));
        let chosen = found.first().copied();
        if let Some(other) = found.iter().find(|other| chosen.is_some_and(|chosen| !is_of_same_program(chosen, other)))
        {
            let what = format!("--from-listener {ports}");
            let why =
                format!("several programs listen there, one of them at {}", crate::clean::clean(&place_of(other)));
            return Err(Error::usage(what, why, "choose one with --address"));
        }
        let found = chosen.and_then(|service| Some((service, service.endpoints.first()?)));
        let (service, endpoint) = found.ok_or_else(|| Error::NotFound {
            what: format!("a listener on TCP port {ports}"),
            why: "nothing listens there".to_owned(),
            hint: "start the service first, or give --port, --check and a command".to_owned(),
        })?;

        let ip = if let Address::Ip(ip) = endpoint.address { Some(ip.to_canonical()) } else { None };
        let protocol = endpoint.identity.as_deref().map_or("", |identity| identity.protocol());
        let check = match protocol {
            "http" | "https" => format!("{protocol}:/"),
            "grpc" => "grpc".to_owned(),
            _ => "tcp".to_owned(),
        };
        let check = ReadyCheck::parse(&check)
            .map_err(|error| Error::usage(format!("the check {check}"), error.to_string(), error.hint()))?;
        Ok(Self {
            name: service.detail.downcast_ref::<LocalDetail>().and_then(name_of),
            port: endpoint.port.unwrap_or_default(),
            address: ip.filter(|ip| !ip.is_unspecified()),
            check,
        })
    }
}

fn listens_on(service: &Service, address: Option<IpAddr>) -> bool {
    let Some(wanted) = address else { return true };
    service.endpoints.iter().any(|endpoint| match endpoint.address {
        Address::Ip(ip) => ip.is_unspecified() || ip.to_canonical() == wanted.to_canonical(),
        _ => false,
    })
}

/// Whether the same processes hold both. A program that may not be seen may be another one.
fn is_of_same_program(one: &Service, other: &Service) -> bool {
    let [one, other] = [one, other].map(|service| service.detail.downcast_ref::<LocalDetail>());
    let [one, other] = [one, other].map(|detail| detail.and_then(LocalDetail::main_process).map(|process| process.pid));
    one == other
}

fn place_of(service: &Service) -> String {
    service.endpoints.first().map(ToString::to_string).unwrap_or_default()
}

/// The best address comes first: all, then one that others reach.
fn rank(service: &Service) -> u8 {
    match service.endpoints.first().map(|endpoint| &endpoint.address) {
        Some(Address::Ip(ip)) if ip.is_unspecified() => 0,
        Some(Address::Ip(ip)) if !ip.is_loopback() => 1,
        _ => 2,
    }
}

/// What it would be called: a system service by its unit, anything else by its process.
fn name_of(detail: &LocalDetail) -> Option<String> {
    let unit = detail.unit.as_ref().and_then(|unit| unit.as_raw().strip_suffix(".service"));
    let process = detail.main_process().map(|process| process.name.as_raw());
    let name = unit.or(process)?;
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!name.is_empty()).then(|| name.to_owned())
}
