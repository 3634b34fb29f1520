//! `portolan services balance`: how the server chooses among the instances of a service.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;

use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stdout, terminal};
use crate::client::{BalancingState, InstancePicks};
use crate::error::Result;
use crate::output::{self, GridColumn, GridLayout};

const EXAMPLES: &str = "\
Examples:
  portolan services balance web             its strategy, and its counts
  portolan services balance web least_connections
  portolan services balance web --default   the one in the server's settings";

/// Show or set the balancing strategy of a service for clients that choose none
///
/// A client that chooses a strategy, as with `portolan resolve --lb`, gets that one. The counts are those of this server
/// alone. Only registries that `portolan serve` runs can do this.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Balance {
    /// The name of the service, or NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// round_robin, weighted_round_robin, random, least_connections, consistent_hash or ip_hash
    #[arg(value_name = "STRATEGY", conflicts_with = "default")]
    strategy: Option<String>,
    /// Return to the strategy in the server's settings
    #[arg(long)]
    default: bool,
    /// Set the counts to zero
    #[arg(long)]
    reset_counts: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Balance {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan services balance")?;

        self.registry.run(async |registry| {
            let server = registry.server()?;
            if self.strategy.is_some() || self.default {
                server.set_strategy(&self.name, self.strategy.as_deref()).await?;
            }
            if self.reset_counts {
                server.reset_picks(&self.name).await?;
            }
            let state = server.balancing(&self.name).await?;
            stdout::with_stdout(
                None,
                |out| {
                    if json { output::write_value(out, &state) } else { write_text(out, &state) }
                },
            )?;
            Ok(Exit::Done)
        })
    }
}

fn write_text(out: &mut (dyn Write + Send), state: &BalancingState) -> io::Result<()> {
    writeln!(out, "{}/{}", clean(&state.namespace), clean(&state.service_name))?;
    let origin = if state.is_own { "set for this service" } else { "the default of the server" };
    writeln!(out, "  strategy  {} ({origin})", clean(&state.strategy))?;
    let gone = match state.gone {
        0 => String::new(),
        gone => format!(", {gone} of them to instances that are gone"),
    };
    writeln!(out, "  requests  {}{gone}", state.requests)?;

    writeln!(out)?;
    let rows: Vec<_> = state.instances.iter().map(row).collect();
    GridLayout::new(COLUMNS, &rows, terminal::stdout_width()).write(out, &rows)
}

const COLUMNS: [GridColumn; 5] = [
    GridColumn::left("ID").cut(9),
    GridColumn::left("ADDRESS"),
    GridColumn::left("HEALTHY"),
    GridColumn::right("WEIGHT"),
    GridColumn::right("NAMED FIRST"),
];

fn row(instance: &InstancePicks) -> [Cow<'_, str>; 5] {
    let address = match instance.address.parse() {
        Ok(ip) => std::net::SocketAddr::new(ip, instance.port).to_string(),
        Err(_) => format!("{}:{}", clean(&instance.address), instance.port),
    };
    [
        clean(&instance.id).into(),
        address.into(),
        if instance.healthy { "yes" } else { "no" }.into(),
        instance.weight.to_string().into(),
        instance.picks.to_string().into(),
    ]
}
