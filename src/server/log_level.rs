//! The level of the log, which can be changed while the server runs.

use std::fmt;

use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;

use crate::error::nearest;
use crate::model::ParseError;

/// The level of the process's log.
pub struct LogLevel {
    levels: Mutex<Levels>,
    apply: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// What says how much is logged.
#[derive(Debug)]
struct Levels {
    /// The level of the settings.
    settings: String,
    /// What lies over it: the server's own configuration.
    overridden: Option<String>,
}

impl Levels {
    fn in_force(&self) -> &str {
        self.overridden.as_deref().unwrap_or(&self.settings)
    }
}

/// The levels, from the quietest to the most talkative.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// A longer filter is a mistake.
const MAX_FILTER_BYTES: usize = 1_024;

impl LogLevel {
    /// The level `filter` of a log that `apply` changes; it returns `false` if the log has ended.
    pub fn new(filter: &str, apply: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let levels = Levels { settings: filter.to_owned(), overridden: None };
        Self { levels: Mutex::new(levels), apply: Box::new(apply) }
    }

    /// The level in force: `info`, or a list such as `portolan=debug,warn`.
    pub fn get(&self) -> String {
        self.levels.lock().in_force().to_owned()
    }

    /// Changes the level. What overrides it holds until it is taken back.
    ///
    /// # Errors
    /// It is not a level, or the log has ended.
    pub fn set(&self, filter: &str) -> Result<(), ParseError> {
        Self::check(filter)?;
        let mut levels = self.levels.lock();
        if levels.overridden.is_none() && !(self.apply)(filter) {
            return Err(ParseError::new("the log has ended", "restart the server"));
        }
        filter.clone_into(&mut levels.settings);
        Ok(())
    }

    /// Overrides the level, which was checked before; `None` takes that back.
    pub(super) fn set_override(&self, level: Option<&str>) {
        let mut levels = self.levels.lock();
        if levels.overridden.as_deref() != level {
            levels.overridden = level.map(str::to_owned);
            // A log that has ended shows nothing either way.
            (self.apply)(levels.in_force());
        }
    }

    /// Checks a level without using it.
    ///
    /// # Errors
    /// It is not a level.
    pub fn check(filter: &str) -> Result<(), ParseError> {
        let is_valid = filter.len() <= MAX_FILTER_BYTES && is_level_list(filter);
        if is_valid && EnvFilter::try_new(filter).is_ok() {
            return Ok(());
        }
        let near = nearest(filter, &LEVELS).map_or_else(String::new, |near| format!("did you mean {near}? "));
        let hint = format!("{near}the levels are {}, or a list such as portolan=debug,warn", LEVELS.join(", "));
        Err(ParseError::new("it is not a log level", hint))
    }
}

/// Whether each part of a filter without a target is a level: the parser takes any word for a target.
fn is_level_list(filter: &str) -> bool {
    let mut parts = filter.split(',').filter(|part| !part.contains(['=', '[']));
    let is_known = |part: &str| LEVELS.contains(&part.trim().to_ascii_lowercase().as_str()) || part.contains("::");
    !filter.is_empty() && parts.all(is_known)
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLevel").field("levels", &self.levels).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_change_the_log() {
        let level = LogLevel::new("info", |_| true);
        for wrong in ["", "loud", "inof", "portolan=loud", &"a::b,".repeat(400)] {
            assert!(level.set(wrong).is_err(), "{wrong}");
        }
        assert!(level.set("inof").unwrap_err().hint().starts_with("did you mean info?"));
        assert_eq!(level.get(), "info");
        for right in ["debug", "TRACE", "portolan=debug,warn", "portolan::server=trace"] {
            level.set(right).unwrap();
            assert_eq!(level.get(), right);
        }
        level.set_override(Some("trace"));

        level.set("warn").unwrap();
        assert_eq!(level.get(), "trace", "an override lies over the settings");
        level.set_override(None);
        assert_eq!(level.get(), "warn");
        assert!(LogLevel::new("info", |_| false).set("debug").is_err(), "a log that has ended");
    }
}
