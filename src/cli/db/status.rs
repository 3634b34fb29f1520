//! `portolan db status`

use std::io::{self, Write};

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use super::place::Database;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stdout};
use crate::error::Result;
use crate::model::SCHEMA;
use crate::net::runtime;
use crate::output::{self, Align};
use crate::store::StoreStatus;

/// A clock that differs by less is one that is kept right.
const MAX_CLOCK_DIFFERENCE: f64 = 1.0;

/// Show the engine, format, index and size of a database, and the rows of each table
///
/// Changes nothing. A file that a server uses cannot be opened; `portolan status` reads the state of that server.
///
/// Exits with 1 if the database must be migrated before this portolan can use it; a server does that when it starts.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan db status
  portolan db status postgresql://portolan@db1,db2/registry
  portolan db status registry.db --json")]
pub(super) struct Status {
    /// Show this database: a file, or postgresql://HOST/NAME [default: the one in the server's settings]
    #[arg(value_name = "DATABASE", value_hint = ValueHint::AnyPath)]
    database: Option<String>,
}

impl Status {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan db status")?;
        let database = Database::choose(self.database.as_deref(), global.config.as_ref())?;
        let status = runtime(1)?.block_on(database.status())?;
        let shown = database.shown();
        let shown = shown.trim_start_matches("the database ");

        stdout::with_stdout(None, |out| {
            if json { output::write_value(out, &document(shown, &status)) } else { write_text(out, shown, &status) }
        })?;
        let is_current = status.format == status.newest_format;
        Ok(if is_current { Exit::Done } else { Exit::ConditionFailed })
    }
}

fn document(shown: &str, status: &StoreStatus) -> Value {
    let tables: Vec<Value> = status.tables.iter().map(|(name, rows)| json!({ "name": name, "rows": rows })).collect();
    let servers: Vec<Value> = status
        .servers
        .iter()
        .map(|server| json!({ "node": server.name, "id": server.id, "index": server.index, "checks": server.checks }))
        .collect();

    json!({
        "schema": SCHEMA,
        "database": shown,
        "engine": status.engine,
        "format": status.format,
        "newest_format": status.newest_format,
        "cluster": status.cluster,
        "index": status.index,
        "epoch": status.epoch,
        "bytes": status.bytes,
        "tables": tables,
        "clock_ahead_seconds": status.clock_ahead,
        "servers": servers,
    })
}

fn write_text(out: &mut (dyn Write + Send), shown: &str, status: &StoreStatus) -> io::Result<()> {
    let StoreStatus { engine, format, newest_format, index, epoch, bytes, .. } = status;
    writeln!(out, "database  {shown}")?;
    writeln!(out, "engine    {}", clean(engine))?;
    match format {
        0 => writeln!(out, "format    none: it has no tables; `portolan db migrate` creates them")?,
        _ if format == newest_format => writeln!(out, "format    {format}, the newest")?,
        _ => writeln!(out, "format    {format}; `portolan db migrate` migrates it to {newest_format}")?,
    }
    if let Some(cluster) = &status.cluster {
        writeln!(out, "cluster   {}", clean(cluster))?;
    }
    writeln!(out, "index     {index}")?;
    writeln!(out, "epoch     {}", clean(epoch))?;
    writeln!(out, "size      {bytes} bytes")?;
    if let Some(ahead) = status.clock_ahead {
        writeln!(out, "clock     {}", clock(ahead))?;
    }
    for server in &status.servers {
        writeln!(out, "server    {} at index {}", clean(&server.name), server.index)?;
    }

    if status.tables.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<_> = status.tables.iter().map(|(name, rows)| [(*name).into(), rows.to_string().into()]).collect();
    output::write_grid(out, [("TABLE", Align::Left), ("ROWS", Align::Right)], &rows)
}

fn clock(ahead: f64) -> String {
    if ahead.abs() < MAX_CLOCK_DIFFERENCE {
        return "as that of this machine".to_owned();
    }
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    format!("{:.0} s {direction} that of this machine: set both by NTP", ahead.abs())
}
