//! `portolan services`: what a registry has, and what an operator changes about it.

#[cfg(feature = "registry")]
mod balance;
mod get;
mod list;
mod selection;
#[cfg(feature = "registry")]
mod traffic;
mod update;

use std::borrow::Cow;
use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::{Global, stderr, stdout};
use crate::clean::Untrusted;
use crate::error::Result;
use crate::model::{
    Completeness, Endpoint, HealthState, IMPORTED_FROM, Instance, Lifecycle, Listing, PartialError, RegisteredDetail,
    RegistryCheck, RegistryDetail, SCHEMA, Service,
};
use crate::output;

pub(super) use self::selection::{InstanceSelection, report_missing};

const EXAMPLES: &str = "\
Examples:
  portolan services list                  of the registry on this machine
  portolan services get web               its instances, with their health
  portolan services update web-1 --status draining  no new calls for it
  portolan services switch web --to 1.3   all calls to one version
  portolan services list --registry consul://127.0.0.1:8500";

/// List, show and change the services of a registry
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry, as for `resolve` and
/// `register`; if they are not set, it is the one on this machine, at 127.0.0.1:7440.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Services {
    #[command(subcommand)]
    action: ServicesAction,
}

#[derive(Debug, Subcommand)]
enum ServicesAction {
    List(list::List),
    Get(get::Get),
    Update(update::Update),
    #[cfg(feature = "registry")]
    Balance(balance::Balance),
    #[cfg(feature = "registry")]
    Switch(traffic::Switch),
    #[cfg(feature = "registry")]
    #[command(name = "shift")]
    ShiftTraffic(traffic::ShiftTraffic),
}

impl Services {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        match &self.action {
            ServicesAction::List(list) => list.run(global),
            ServicesAction::Get(get) => get.run(global),
            ServicesAction::Update(update) => update.run(global),
            #[cfg(feature = "registry")]
            ServicesAction::Balance(balance) => balance.run(global),
            #[cfg(feature = "registry")]
            ServicesAction::Switch(switch) => switch.run(global),
            #[cfg(feature = "registry")]
            ServicesAction::ShiftTraffic(shift) => shift.run(global),
        }
    }
}

/// The JSON of a list, in the envelope of every document.
#[derive(Serialize)]
struct Document<'d, T> {
    schema: &'static str,
    items: &'d [T],
    complete: bool,
    errors: &'d [PartialError],
}

/// Prints items as JSON.
fn print_json<T: Serialize>(items: &[T], listing: &Listing) -> Result<()> {
    let complete = listing.completeness == Completeness::Complete;
    let document = Document { schema: SCHEMA, items, complete, errors: &listing.errors };
    stdout::with_stdout(None, |out| output::write_value(out, &document)).map(drop)
}

/// Reports what could not be read.
pub(super) fn report_errors(listing: &Listing) -> Exit {
    listing.errors.iter().for_each(stderr::fault);
    if listing.completeness == Completeness::Complete { Exit::Done } else { Exit::Incomplete }
}

/// What the registry checks of a service.
fn checks_of(service: &Service) -> &[RegistryCheck] {
    if let Some(detail) = service.detail.downcast_ref::<RegisteredDetail>() {
        return &detail.checks;
    }
    service.detail.downcast_ref::<RegistryDetail>().map_or(&[], |detail| &detail.checks)
}

/// Whether only leases and reports say how a service of portolan's own registry is: no check looks at it.
fn is_unchecked(service: &Service) -> bool {
    service.detail.downcast_ref::<RegisteredDetail>().is_some_and(|detail| detail.checks.is_empty())
}

/// The health of a service, in words that do not claim a check or a lease where there is none: `passing by lease`,
/// `maintenance: patch day`, `healthy, imported from eu`.
fn health_word(service: &Service, health: HealthState) -> Cow<'static, str> {
    if let Some(status) = out_of_service(service) {
        return status.into();
    }
    if !is_unchecked(service) {
        return health.as_str().into();
    }
    let is_imported = service.endpoints.iter().any(|endpoint| imported_from(endpoint).is_some());
    match (common(service, imported_from), health) {
        (Some(from), health) => format!("{}, {from}", health.as_str()).into(),
        (None, HealthState::Healthy) if !is_imported => "passing by lease".into(),
        (None, HealthState::Unknown) => "unchecked".into(),
        (None, health) => health.as_str().into(),
    }
}

/// What no instance of a service takes calls for: their common status, else each of their statuses without a reason. `None` if
/// an instance takes calls, or if there are none.
fn out_of_service(service: &Service) -> Option<String> {
    let common = common(service, status_out_of_service);
    common.or_else(|| {
        let instances = service.endpoints.iter().map(|endpoint| endpoint.instance.as_deref());
        let down = instances.map(|instance| Some(instance?.lifecycle).filter(|lifecycle| !lifecycle.takes_calls()));
        let down: BTreeSet<Lifecycle> = down.collect::<Option<_>>()?;
        Some(joined(down.iter().map(|lifecycle| lifecycle.as_str()))).filter(|words| !words.is_empty())
    })
}

/// What all instances of a service have in common; `None` if they differ, or if there are none.
fn common(service: &Service, of: fn(&Endpoint) -> Option<String>) -> Option<String> {
    let mut all = service.endpoints.iter().map(of);
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// `maintenance: patch day`; `None` if the instance takes calls.
fn status_out_of_service(endpoint: &Endpoint) -> Option<String> {
    let instance = endpoint.instance.as_deref().filter(|instance| !instance.lifecycle.takes_calls())?;
    Some(status(instance))
}

/// The status of an instance, with the reason of its operator.
fn status(instance: &Instance) -> String {
    let status = instance.lifecycle.as_str();
    instance.status_reason.as_ref().map_or_else(|| status.to_owned(), |reason| format!("{status}: {reason}"))
}

/// `imported from eu`
fn imported_from(endpoint: &Endpoint) -> Option<String> {
    let from = endpoint.instance.as_deref()?.metadata.get(&Untrusted::from(IMPORTED_FROM))?;
    Some(format!("imported from {from}"))
}

/// The texts of a cell, separated by commas.
fn joined<T: ToString>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(", ")
}
