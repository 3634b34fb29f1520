//! `portolan config put`, `delete` and `rollback`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr, stdout};
use crate::client::{ConfigContent, ConfigItem};
use crate::error::{Error, Result};
use crate::output;

/// The longest value that is read. A server takes less.
const MAX_BYTES: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  portolan config put web web.json              the text of a file
  echo '{\"workers\": 4}' | portolan config put web -
  portolan config put web web.json --expect 3   only if version 3 is current
  portolan config put portolan settings.json    settings of the server itself";

/// Store a new version of a configuration
///
/// Storing the current value again creates no new version. The configuration `portolan` holds settings of the server, which
/// apply at once: load_balancer.default_strategy, monitoring.logging.level, registry.registration.heartbeat_interval,
/// server.limits.connections and server.limits.connections_per_address.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Put {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The file with the value; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Set the format of the value [default: json if it is JSON, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<ContentFormat>,
    /// Store it only if this version is the current one; 0: only if there is none
    #[arg(long, value_name = "N")]
    expect: Option<u64>,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ContentFormat {
    /// JSON
    Json,
    /// Any other text
    Text,
}

/// Delete a configuration
///
/// Its versions stay for a while: `portolan config rollback` makes one of them the newest again.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan config delete web
  portolan config delete web --quiet
  portolan config delete web --registry portolan://127.0.0.1:7440")]
pub(super) struct Delete {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// Delete it only if this version is the current one
    #[arg(long, value_name = "N")]
    expect: Option<u64>,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Make an older version of a configuration the newest
///
/// The rollback is a new version: after version 2, a rollback to version 1 is version 3.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan config rollback web 2
  portolan config rollback web 2 --quiet
  portolan config rollback web 2 --registry portolan://127.0.0.1:7440")]
pub(super) struct Rollback {
    /// The name of the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The version to go back to
    #[arg(id = "old_version", value_name = "VERSION")]
    version: u64,
    /// Roll back only if this version is the current one
    #[arg(long, value_name = "N")]
    expect: Option<u64>,
    #[command(flatten)]
    registry: RegistryOptions,
}

impl Put {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config put")?;
        let text = read(&self.file)?;
        let is_json = match self.format {
            Some(format) => format == ContentFormat::Json,
            None => serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(),
        };
        let content = if is_json { ConfigContent::Json(text) } else { ConfigContent::Text(text) };
        self.registry.run(async |registry| {
            let item = registry.server()?.put_config(&self.name, content.clone(), self.expect).await?;
            report(&item, json, global.quiet)
        })
    }
}

impl Delete {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        global.refuse_json("portolan config delete", "prints no list", "leave it out")?;
        self.registry.run(async |registry| {
            registry.server()?.delete_config(&self.name, self.expect).await?;
            if !global.quiet {
                stderr::note(&format!("deleted the configuration {}", clean(&self.name)));
            }
            Ok(Exit::Done)
        })
    }
}

impl Rollback {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config rollback")?;
        self.registry.run(async |registry| {
            let item = registry.server()?.roll_back_config(&self.name, self.version, self.expect).await?;
            report(&item, json, global.quiet)
        })
    }
}

fn report(item: &ConfigItem, json: bool, quiet: bool) -> Result<Exit> {
    if json {
        stdout::with_stdout(None, |out| output::write_value(out, item))?;
    } else if !quiet {
        stderr::note(&format!("{} has version {}", clean(&item.name), item.version));
    }
    Ok(Exit::Done)
}

/// Reads a value from a file or from standard input.
fn read(path: &Path) -> Result<String> {
    let what = || format!("the value in {}", clean(&path.to_string_lossy()));
    let hint = "name a file with text, or - for standard input";
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::usage(what(), crate::error::plain(&error), hint))?;

    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::usage(
            what(),
            "it is longer than 1 MiB",
            "keep large data elsewhere, and its location here",
        ));
    }
    String::from_utf8(bytes).map_err(|_| Error::usage(what(), "it is not UTF-8", hint))
}
