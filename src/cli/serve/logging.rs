//! The log of a server, on standard error.

use std::fmt;
use std::io;

use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// The log, whose level can be changed.
pub(super) struct Log {
    /// Puts a filter in force. `false`: the log has ended.
    apply: Box<dyn Fn(&str) -> bool + Send + Sync>,
    levels: Mutex<Levels>,
}

/// What says how much is logged.
#[derive(Debug, PartialEq, Eq)]
struct Levels {
    /// The filter of the settings.
    settings: String,
    /// What overrides it.
    overridden: Option<String>,
}

impl Levels {
    fn in_force(&self) -> &str {
        self.overridden.as_deref().unwrap_or(&self.settings)
    }
}

impl Log {
    fn new(filter: &str, apply: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let levels = Levels { settings: filter.to_owned(), overridden: None };
        Self { apply: Box::new(apply), levels: Mutex::new(levels) }
    }

    /// Changes the level of the settings. `filter` was checked before. `false`: the log has ended.
    pub(super) fn set_level(&self, filter: &str) -> bool {
        let mut levels = self.levels.lock();
        filter.clone_into(&mut levels.settings);
        (self.apply)(levels.in_force())
    }

    /// Overrides the level of the settings; `None` puts it in force again.
    pub(super) fn set_override(&self, level: Option<&str>) {
        let mut levels = self.levels.lock();
        if levels.overridden.as_deref() != level {
            levels.overridden = level.map(str::to_owned);
            (self.apply)(levels.in_force());
        }
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
        (builder.try_init(), Log::new(filter, move |filter| handle.reload(EnvFilter::new(filter)).is_ok()))
    } else {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Log::new(filter, move |filter| handle.reload(EnvFilter::new(filter)).is_ok()))
    };
    started.map_err(|error| Error::usage("the log", error.to_string(), "this is a bug in portolan"))?;
    Ok(log)
}
