//! `portolan serve --check`: what the settings mean.

use serde::Serialize;

use super::given::GivenValues;
use super::keys::KEYS;
use super::plan::Plan;
use crate::cli::exit::Exit;
use crate::cli::stdout;
use crate::error::Result;
use crate::output;

/// A setting as it is shown; `value` is `None` if it is not set.
#[derive(Serialize)]
struct ServerSetting {
    key: &'static str,
    value: Option<String>,
    origin: Option<String>,
}

/// Prints every setting with its value and origin, and what follows from them.
///
/// # Errors
/// Standard output cannot be written to.
pub(super) fn show(given: &GivenValues, plan: &Plan, json: bool) -> Result<Exit> {
    let settings: Vec<ServerSetting> = KEYS.iter().map(|key| setting(given, key.name, key.default)).collect();
    stdout::with_stdout(None, |out| {
        if json {
            return output::write_document(out, &settings);
        }
        for setting in &settings {
            match (&setting.value, &setting.origin) {
                (Some(value), Some(origin)) => writeln!(out, "{} = {value}  # {origin}", setting.key)?,
                _ => writeln!(out, "# {} =  # not set", setting.key)?,
            }
        }
        writeln!(out)?;
        for line in plan.lines() {
            writeln!(out, "# {line}")?;
        }
        Ok(())
    })?;

    Ok(Exit::Done)
}

fn setting(given: &GivenValues, key: &'static str, default: Option<&str>) -> ServerSetting {
    match given.get(key) {
        Some(value) => ServerSetting { key, value: Some(value.shown.clone()), origin: Some(value.by.to_text()) },
        None => ServerSetting { key, value: default.map(str::to_owned), origin: default.map(|_| "default".to_owned()) },
    }
}
