//! `portolan services`: what a registry has, and what an operator changes about it.

#[cfg(feature = "registry")]
mod balance;
mod get;
mod list;
mod selection;
#[cfg(feature = "registry")]
mod traffic;
mod update;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::{Global, stderr, stdout};
use crate::error::Result;
use crate::model::{
    Completeness, HealthState, Listing, PartialError, RegisteredDetail, RegistryCheck, RegistryDetail, SCHEMA, Service,
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

/// The texts of a cell, separated by commas.
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

/// The health of a service, in words that do not claim a check where there is none.
fn health_word(health: HealthState, is_unchecked: bool) -> &'static str {
    match health {
        HealthState::Healthy if is_unchecked => "passing by lease",
        HealthState::Unknown if is_unchecked => "unchecked",
        health => health.as_str(),
    }
}

fn joined<T: ToString>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(", ")
}
