//! `portolan config list` and `get`: the configurations that a registry keeps.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::clean::{clean, escaped};
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stdout};
use crate::client::{ConfigItem, RegistryServer};
use crate::error::Result;
use crate::output::{self, Align};

const EXAMPLES: &str = "\
Examples:
  portolan config get web                      the value
  portolan config get web --version 2 --json  an older version, with its details
  portolan config get web --watch              the value, and each new one";

/// How long the server is asked to wait for a change at once.
const POLL: Duration = Duration::from_mins(5);

/// List the configurations that a registry keeps
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan config list
  portolan config list --json
  portolan config list --registry portolan://127.0.0.1:7440")]
pub(super) struct ConfigList {
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Print the value of a configuration
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Get {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// Print this version, if it is still stored
    #[arg(long = "version", id = "wanted_version", value_name = "N")]
    version: Option<u64>,
    /// Print the value again after each change, until Ctrl-C
    #[arg(long, conflicts_with = "wanted_version")]
    watch: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl ConfigList {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config list")?;
        self.registry.run(async |registry| {
            let items = registry.server()?.configs().await?;
            print_items(&items, json, COLUMNS, row)?;
            Ok(Exit::Done)
        })
    }
}

/// Prints items as a document of JSON, or as a table.
pub(super) fn print_items<T: Serialize, const N: usize>(
    items: &[T],
    json: bool,
    columns: [(&'static str, Align); N],
    row: fn(&T) -> [Cow<'_, str>; N],
) -> Result<()> {
    stdout::with_stdout(None, |out| {
        if json {
            return output::write_document(out, items);
        }
        let rows: Vec<[Cow<'_, str>; N]> = items.iter().map(row).collect();
        output::write_grid(out, columns, &rows)
    })?;
    Ok(())
}

const COLUMNS: [(&str, Align); 6] = [
    ("NAME", Align::Left),
    ("VERSION", Align::Right),
    ("FORMAT", Align::Left),
    ("BYTES", Align::Right),
    ("UPDATED", Align::Left),
    ("BY", Align::Left),
];

fn row(item: &ConfigItem) -> [Cow<'_, str>; 6] {
    [
        clean(&item.name).into(),
        item.version.to_string().into(),
        clean(item.format.as_deref().unwrap_or_default()).into(),
        item.bytes.map(|bytes| bytes.to_string()).unwrap_or_default().into(),
        clean(&item.updated_at).into(),
        clean(item.author.as_deref().unwrap_or_default()).into(),
    ]
}

impl Get {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config get")?;
        self.registry.run(async |registry| {
            let server = registry.server()?;
            let item = server.config(&self.name, self.version).await?;
            let is_open = print(&item, json)?;
            if self.watch && is_open {
                self.follow(&server, item.index, json).await?;
            }
            Ok(Exit::Done)
        })
    }

    /// Prints each change until the output is closed.
    async fn follow(&self, server: &RegistryServer, mut index: u64, json: bool) -> Result<()> {
        loop {
            let Some(item) = server.changed_config(&self.name, index, POLL).await? else {
                // It was deleted: the next version has another index.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            if item.index != index && !print(&item, json)? {
                return Ok(());
            }
            index = item.index;
        }
    }
}

/// Prints a version. `false`: the output is closed.
fn print(item: &ConfigItem, json: bool) -> Result<bool> {
    let written =
        stdout::with_stdout(
            None,
            |out| {
                if json { output::write_value(out, item) } else { write_config(out, &item.value) }
            },
        )?;
    Ok(written.is_some())
}

/// The value as it is; a text is escaped for a terminal, which would act on control characters.
fn write_config(out: &mut (dyn Write + Send), value: &Value) -> io::Result<()> {
    let Value::String(text) = value else {
        return output::write_pretty_value(out, value);
    };
    if io::stdout().is_terminal() {
        return text.lines().try_for_each(|line| writeln!(out, "{}", escaped(line)));
    }
    out.write_all(text.as_bytes())?;
    if text.ends_with('\n') { Ok(()) } else { writeln!(out) }
}
