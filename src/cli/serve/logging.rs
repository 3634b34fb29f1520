//! The log of a server, on standard error.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::error::{Error, Result};

/// Starts the log. `filter` was checked before.
///
/// # Errors
/// The process has a log already.
pub(super) fn start(filter: &str, is_json: bool) -> Result<()> {
    let filter = EnvFilter::new(filter);
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).with_target(false);
    let started = if is_json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
    started.map_err(|error| Error::usage("the log", error.to_string(), "this is a bug in portolan"))
}
