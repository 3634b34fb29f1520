//! The log of a server, on standard error.

use std::fmt;
use std::io;

use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// The log, whose level can be changed.
pub(super) struct Log(Box<dyn Fn(&str) -> bool + Send + Sync>);

impl Log {
    /// Changes the level. `filter` was checked before. `false`: the log has ended.
    pub(super) fn set_level(&self, filter: &str) -> bool {
        (self.0)(filter)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// Starts the log. `filter` was checked before.
///
/// # Errors
/// The process has a log already.
pub(super) fn start(filter: &str, is_json: bool) -> Result<Log> {
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr);
    let builder = builder.with_ansi(false).with_target(false);
    let (started, log) = if is_json {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Log(Box::new(move |filter| handle.reload(EnvFilter::new(filter)).is_ok())))
    } else {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Log(Box::new(move |filter| handle.reload(EnvFilter::new(filter)).is_ok())))
    };
    started.map_err(|error| Error::usage("the log", error.to_string(), "this is a bug in portolan"))?;
    Ok(log)
}
