//! `portolan services get NAME`: everything that a registry knows of a service.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::{checks_of, health_word, is_unchecked, joined, print_json, report_errors};
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout};
use crate::error::Result;
use crate::model::{Completeness, Endpoint, RegistryCheck, Service, ServiceSummary};
use crate::output::{self, Align};

const EXAMPLES: &str = "\
Examples:
  portolan services get web                                  of the registry on this machine
  portolan services get shop/web --json                      with its namespace
  portolan services get web --registry consul://127.0.0.1:8500";

/// Show a service: its health, versions, capabilities, and every instance with its state
///
/// HEALTHY counts the instances that take calls and are healthy or degraded, and those that have neither checks nor a
/// lease. The health of the service is degraded while only some of its instances can be used. Exits with 1 if no service has the name.
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
                stdout::with_stdout(None, |out| write_services(out, &listing.services))?;
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

fn write_services(out: &mut (dyn Write + Send), services: &[Service]) -> io::Result<()> {
    for (at, service) in services.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        write_summary(out, &ServiceSummary::of(service), is_unchecked(service))?;
        writeln!(out)?;
        write_instances(out, &service.endpoints)?;
        write_checks(out, checks_of(service))?;
    }
    Ok(())
}

fn write_summary(out: &mut (dyn Write + Send), service: &ServiceSummary, is_unchecked: bool) -> io::Result<()> {
    let namespace = service.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    writeln!(out, "{namespace}{}", joined(&service.name))?;

    let lines = [
        ("health", health_word(service.health, is_unchecked).to_owned()),
        ("healthy", format!("{} of {}", service.healthy, service.instances)),
        ("versions", joined(&service.versions)),
        ("capabilities", joined(&service.capabilities)),
        ("tags", joined(&service.tags)),
        ("zones", joined(&service.zones)),
    ];
    let mut filled = lines.iter().filter(|(_, value)| !value.is_empty());
    filled.try_for_each(|(label, value)| writeln!(out, "  {label:<12}  {value}"))
}

fn write_instances(out: &mut (dyn Write + Send), endpoints: &[Endpoint]) -> io::Result<()> {
    let columns = [
        ("ID", Align::Left),
        ("ADDRESS", Align::Left),
        ("HEALTH", Align::Left),
        ("STATUS", Align::Left),
        ("VERSION", Align::Left),
        ("WEIGHT", Align::Right),
        ("ZONE", Align::Left),
        ("NODE", Align::Left),
        ("LEASE", Align::Left),
    ];
    let rows: Vec<_> = endpoints.iter().map(instance_row).collect();
    output::write_grid(out, columns, &rows)
}

/// What the registry checks, where, and what it found.
fn write_checks(out: &mut (dyn Write + Send), checks: &[RegistryCheck]) -> io::Result<()> {
    if checks.is_empty() {
        return Ok(());
    }
    let columns = [
        ("CHECK", Align::Left),
        ("INSTANCE", Align::Left),
        ("KIND", Align::Left),
        ("TARGET", Align::Left),
        ("STATE", Align::Left),
    ];
    let rows: Vec<_> = checks.iter().map(check_row).collect();
    writeln!(out)?;
    output::write_grid(out, columns, &rows)
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

fn instance_row(endpoint: &Endpoint) -> [Cow<'static, str>; 9] {
    let instance = endpoint.instance.as_deref();
    let lease = instance.and_then(|instance| instance.lease);
    [
        instance.map(|instance| clean(&instance.id)).unwrap_or_default().into(),
        clean(&endpoint.to_string()).into(),
        endpoint.registered_health().as_str().into(),
        instance.map_or("", |instance| instance.lifecycle.as_str()).into(),
        joined(instance.and_then(|instance| instance.version.as_ref())).into(),
        joined(endpoint.weight).into(),
        joined(instance.and_then(|instance| instance.zone.as_ref())).into(),
        joined(instance.and_then(|instance| instance.node.as_ref())).into(),
        lease.map(|lease| format!("{} s", lease.ttl.as_secs_f64())).unwrap_or_default().into(),
    ]
}
