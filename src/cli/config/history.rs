//! `portolan config history` and `diff`: the versions of a configuration.

use std::borrow::Cow;

use clap::Args;

use super::read::print_items;
use crate::clean::{clean, escaped};
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stdout};
use crate::client::ConfigItem;
use crate::error::Result;
use crate::output::{self, Align};

/// List the stored versions of a configuration, the newest first
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan config history web
  portolan config history web --json
  portolan config history web --registry portolan://127.0.0.1:7440")]
pub(super) struct ConfigHistory {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Compare two versions of a configuration, line by line
///
/// portolan compares JSON with one field per line, so that white space does not count. Prints nothing if the values are the
/// same.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan config diff web 2 3
  portolan config diff web 2 3 --json
  portolan config diff web 1 2 --registry portolan://127.0.0.1:7440")]
pub(super) struct Diff {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The older version [default: the one before the newer]
    #[arg(value_name = "FROM")]
    from: Option<u64>,
    /// The newer version [default: the newest]
    #[arg(value_name = "TO")]
    to: Option<u64>,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl ConfigHistory {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config history")?;
        self.registry.run(async |registry| {
            let items = registry.server()?.config_history(&self.name).await?;
            print_items(&items, json, COLUMNS, row)?;
            Ok(Exit::Done)
        })
    }
}

const COLUMNS: [(&str, Align); 5] = [
    ("VERSION", Align::Right),
    ("UPDATED", Align::Left),
    ("BYTES", Align::Right),
    ("BY", Align::Left),
    ("NOTE", Align::Left),
];

fn row(item: &ConfigItem) -> [Cow<'_, str>; 5] {
    let note = match item.rollback_of {
        Some(version) => format!("rollback to {version}"),
        None if item.deleted => "deleted".to_owned(),
        None => String::new(),
    };

    [
        item.version.to_string().into(),
        clean(&item.updated_at).into(),
        item.bytes.map(|bytes| bytes.to_string()).unwrap_or_default().into(),
        clean(item.author.as_deref().unwrap_or_default()).into(),
        note.into(),
    ]
}

impl Diff {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config diff")?;
        self.registry.run(async |registry| {
            let diff = registry.server()?.config_diff(&self.name, self.from, self.to).await?;
            stdout::with_stdout(None, |out| {
                if json {
                    return output::write_value(out, &diff);
                }
                diff.diff.lines().try_for_each(|line| writeln!(out, "{}", escaped(line)))
            })?;
            Ok(Exit::Done)
        })
    }
}
