//! `portolan services list`: one line for each service.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;
use glob::Pattern;

use super::{health_word, joined, print_json, report_errors};
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout, terminal};
use crate::error::Result;
use crate::model::{ParseError, Service, ServiceSummary, Untrusted};
use crate::output::{self, FormatName, GridColumn, GridLayout};

const EXAMPLES: &str = "\
Examples:
  portolan services list   of the registry on this machine
  portolan services list 'shop-*' --namespace prod --json
  portolan services list -o csv                              for a spreadsheet
  portolan services list --registry consul://127.0.0.1:8500";

/// List the services of a registry: how many instances of each are healthy, their versions and tags
///
/// `portolan discover portolan` (or consul, etcd) lists the endpoints, in all formats.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// List only services with these names, in which * and ? are wildcards [default: all]
    #[arg(value_name = "NAME", value_parser = parse_pattern)]
    names: Vec<Pattern>,
    /// List only services of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    registry: RegistryOptions,
}

fn parse_pattern(text: &str) -> Result<Pattern, ParseError> {
    Pattern::new(text).map_err(|error| ParseError::new(error.msg, "* and ? are wildcards, [*] is a star"))
}

impl List {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let is_csv = global.format == FormatName::Csv && global.output_on_line;
        let json = !is_csv && global.wants_json("portolan services list")?;
        self.registry.run(async |registry| {
            let listing = self.registry.list(registry.services()).await?;
            let (services, health): (Vec<ServiceSummary>, Vec<Cow<'static, str>>) =
                listing.services.iter().map(summarised).filter(|(service, _)| self.takes(service)).unzip();

            if is_csv {
                stdout::with_stdout(None, |out| output::write_csv(out, CSV_COLUMNS, services.iter().map(csv_row)))?;
            } else if json {
                print_json(&services, &listing)?;
            } else {
                let width = terminal::stdout_width();
                let written = stdout::with_stdout(None, |out| {
                    if services.is_empty() { Ok(Vec::new()) } else { write_table(out, &services, &health, width) }
                })?;
                terminal::note_hidden(&written.filter(|_| !global.quiet).unwrap_or_default());
            }
            let exit = report_errors(&listing);
            if services.is_empty() && !global.quiet {
                let is_filtered = !self.names.is_empty() || self.namespace.is_some();
                stderr::note(if is_filtered { "no service matches" } else { "no service is registered" });
            }
            Ok(exit)
        })
    }

    fn takes(&self, service: &ServiceSummary) -> bool {
        let name = service.name.as_ref().map_or("", Untrusted::as_raw);
        let namespace = service.namespace.as_ref().map(Untrusted::as_raw);
        (self.names.is_empty() || self.names.iter().any(|pattern| pattern.matches(name)))
            && self.namespace.as_deref().is_none_or(|wanted| namespace == Some(wanted))
    }
}

const COLUMNS: [GridColumn; 6] = [
    GridColumn::left("NAMESPACE").cut(9).goes(2),
    GridColumn::left("NAME").cut(16),
    GridColumn::right("HEALTHY"),
    GridColumn::left("HEALTH"),
    GridColumn::left("VERSIONS").cut(8).goes(1),
    GridColumn::left("TAGS").cut(8).goes(0),
];

/// Writes the services. Returns the columns that had no room.
fn write_table(
    out: &mut (dyn Write + Send),
    services: &[ServiceSummary],
    health: &[Cow<'static, str>],
    width: Option<u16>,
) -> io::Result<Vec<&'static str>> {
    let rows: Vec<_> = services.iter().zip(health).map(|(service, health)| row(service, health.clone())).collect();
    let layout = GridLayout::new(COLUMNS, &rows, width);
    layout.write(out, &rows)?;
    Ok(layout.hidden().to_vec())
}

/// A service in short, and how it is.
fn summarised(service: &Service) -> (ServiceSummary, Cow<'static, str>) {
    let summary = ServiceSummary::of(service);
    let health = health_word(service, summary.health);
    (summary, health)
}

fn row(service: &ServiceSummary, health: Cow<'static, str>) -> [Cow<'static, str>; 6] {
    [
        joined(&service.namespace).into(),
        joined(&service.name).into(),
        format!("{}/{}", service.healthy, service.instances).into(),
        health,
        joined(&service.versions).into(),
        joined(&service.tags).into(),
    ]
}

/// The columns of CSV: those of the JSON.
const CSV_COLUMNS: [&str; 10] =
    ["namespace", "name", "instances", "usable", "healthy", "health", "versions", "tags", "capabilities", "zones"];

fn csv_row(service: &ServiceSummary) -> [String; 10] {
    [
        joined(&service.namespace),
        joined(&service.name),
        service.instances.to_string(),
        service.usable.to_string(),
        service.healthy.to_string(),
        service.health.as_str().to_owned(),
        joined(&service.versions),
        joined(&service.tags),
        joined(&service.capabilities),
        joined(&service.zones),
    ]
}
