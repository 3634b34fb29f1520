//! `portolan services get NAME`: everything that a registry knows of a service.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{checks_of, health_word, imported_from, joined, print_json, report_errors, status};
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout, terminal};
use crate::error::Result;
use crate::model::{Completeness, Endpoint, HealthState, Lifecycle, RegistryCheck, Service, ServiceSummary};
use crate::output::{GridColumn, GridLayout};

const EXAMPLES: &str = "\
Examples:
  portolan services get web               of the registry on this machine
  portolan services get shop/web --json   with its namespace
  portolan services get web --registry consul://127.0.0.1:8500";

/// Show a service: its health, versions, capabilities, and every instance with its state
///
/// HEALTHY counts the instances that take calls and are healthy or degraded, and those that have neither checks nor a
/// lease. STATUS has the reason that an operator gave. The health of the service is degraded while only some of its instances can be used. Exits with 1 if no service has the name.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Get {
    /// The name of the service, or NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// A service with its endpoints.
#[derive(Serialize)]
struct ServiceItem<'s> {
    #[serde(flatten)]
    summary: ServiceSummary,
    endpoints: &'s [Endpoint],
}

impl Get {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan services get")?;
        self.registry.run(async |registry| {
            let listing = self.registry.list(registry.services_named(&self.name)).await?;
            if json {
                let items: Vec<ServiceItem<'_>> = listing.services.iter().map(item).collect();
                print_json(&items, &listing)?;
            } else {
                let width = terminal::stdout_width();
                let written = stdout::with_stdout(None, |out| write_services(out, &listing.services, width))?;
                terminal::note_hidden(&written.filter(|_| !global.quiet).unwrap_or_default());
            }

            let exit = report_errors(&listing);
            if listing.services.is_empty() && listing.completeness == Completeness::Complete {
                let hint = "`portolan services list` shows the names";
                stderr::failure(&format!("no service has the name {}", clean(&self.name)), hint);
                return Ok(Exit::ConditionFailed);
            }
            Ok(exit)
        })
    }
}

fn item(service: &Service) -> ServiceItem<'_> {
    ServiceItem { summary: ServiceSummary::of(service), endpoints: &service.endpoints }
}

/// Writes services. Returns the columns that had no room.
fn write_services(
    out: &mut (dyn Write + Send),
    services: &[Service],
    width: Option<u16>,
) -> io::Result<Vec<&'static str>> {
    let mut hidden = Vec::new();
    for (at, service) in services.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let summary = ServiceSummary::of(service);
        write_summary(out, &summary, &health_word(service, summary.health))?;
        writeln!(out)?;
        for column in write_instances(out, &service.endpoints, width)? {
            if !hidden.contains(&column) {
                hidden.push(column);
            }
        }
        write_checks(out, checks_of(service), width)?;
    }

    Ok(hidden)
}

fn write_summary(out: &mut (dyn Write + Send), service: &ServiceSummary, health: &str) -> io::Result<()> {
    let namespace = service.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    writeln!(out, "{namespace}{}", joined(&service.name))?;

    let lines = [
        ("health", health.to_owned()),
        ("healthy", format!("{} of {}", service.healthy, service.instances)),
        ("versions", joined(&service.versions)),
        ("capabilities", joined(&service.capabilities)),
        ("tags", joined(&service.tags)),
        ("zones", joined(&service.zones)),
    ];
    let mut filled = lines.iter().filter(|(_, value)| !value.is_empty());
    filled.try_for_each(|(label, value)| writeln!(out, "  {label:<12}  {value}"))
}

/// The columns of an instance. An id is cut before its address.
const INSTANCE_COLUMNS: [GridColumn; 9] = [
    GridColumn::left("ID").cut(9),
    GridColumn::left("ADDRESS"),
    GridColumn::left("HEALTH"),
    GridColumn::left("STATUS").cut(8).goes(5),
    GridColumn::left("VERSION").cut(7).goes(4),
    GridColumn::right("WEIGHT").goes(2),
    GridColumn::left("ZONE").cut(8).goes(1),
    GridColumn::left("NODE").cut(8).goes(3),
    GridColumn::left("LEASE").goes(0),
];

fn write_instances(
    out: &mut (dyn Write + Send),
    endpoints: &[Endpoint],
    width: Option<u16>,
) -> io::Result<Vec<&'static str>> {
    let rows: Vec<_> = endpoints.iter().map(instance_row).collect();
    let layout = GridLayout::new(INSTANCE_COLUMNS, &rows, width);
    layout.write(out, &rows)?;
    Ok(layout.hidden().to_vec())
}

/// The columns of a check. All have a use, so that they are cut only.
const CHECK_COLUMNS: [GridColumn; 5] = [
    GridColumn::left("CHECK").cut(8),
    GridColumn::left("INSTANCE").cut(9),
    GridColumn::left("KIND"),
    GridColumn::left("TARGET").cut(12),
    GridColumn::left("STATE"),
];

/// What the registry checks, where, and what it found.
fn write_checks(out: &mut (dyn Write + Send), checks: &[RegistryCheck], width: Option<u16>) -> io::Result<()> {
    if checks.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = checks.iter().map(check_row).collect();
    writeln!(out)?;
    GridLayout::new(CHECK_COLUMNS, &rows, width).write(out, &rows)
}

fn check_row(check: &RegistryCheck) -> [Cow<'static, str>; 5] {
    let name = if check.name.as_raw().is_empty() { &check.id } else { &check.name };
    [
        name.to_string().into(),
        joined(check.instance.as_ref().or(check.node.as_ref())).into(),
        joined(check.kind.as_ref()).into(),
        joined(check.target.as_ref()).into(),
        check.state.as_str().into(),
    ]
}

/// An instance in maintenance counts as unhealthy, but nothing found that it is.
fn health(endpoint: &Endpoint) -> &'static str {
    let is_in_maintenance =
        endpoint.instance.as_deref().is_some_and(|instance| instance.lifecycle == Lifecycle::Maintenance);
    match endpoint.registered_health() {
        HealthState::Unhealthy if is_in_maintenance => Lifecycle::Maintenance.as_str(),
        health => health.as_str(),
    }
}

/// How long the lease is, or why there is none.
fn lease(endpoint: &Endpoint) -> Option<String> {
    match endpoint.instance.as_deref().and_then(|instance| instance.lease) {
        Some(lease) if lease.expired => Some(format!("{} s, expired", lease.ttl.as_secs_f64())),
        Some(lease) => Some(format!("{} s", lease.ttl.as_secs_f64())),
        None => imported_from(endpoint),
    }
}

fn instance_row(endpoint: &Endpoint) -> [Cow<'static, str>; 9] {
    let instance = endpoint.instance.as_deref();
    [
        instance.map(|instance| clean(&instance.id)).unwrap_or_default().into(),
        clean(&endpoint.to_string()).into(),
        health(endpoint).into(),
        instance.map(status).unwrap_or_default().into(),
        joined(instance.and_then(|instance| instance.version.as_ref())).into(),
        joined(endpoint.weight).into(),
        joined(instance.and_then(|instance| instance.zone.as_ref())).into(),
        joined(instance.and_then(|instance| instance.node.as_ref())).into(),
        lease(endpoint).unwrap_or_default().into(),
    ]
}
