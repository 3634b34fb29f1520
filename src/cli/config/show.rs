//! `portolan config show`: the user's settings.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::clean::{clean, is_dangerous};
use crate::cli::exit::Exit;
use crate::cli::{Cli, Global, stdout, usage, user_settings};
use crate::error::Result;
use crate::output;
use crate::settings::{self, Key, Kind, Settings};

/// Print every setting with its value and origin, as a settings file or as JSON
///
/// The values come from the environment, the settings file and the built-in defaults. Options of this command line are not
/// settings. Passwords, tokens and headers are shown as ***.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = "Examples:
  portolan config show
  portolan config show --json
  portolan config show > settings.toml")]
pub(super) struct Show {}

/// A setting as it is shown; `value` is `None` if it is not set.
#[derive(Serialize)]
struct SettingItem {
    key: String,
    value: Option<Value>,
    origin: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    Flag(bool),
    One(String),
    Several(Vec<String>),
}

impl Show {
    #[expect(clippy::unused_self, reason = "as the other commands, which have options")]
    pub(super) fn run(self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan config show")?;
        let command = Cli::command();
        let settings = user_settings::load(global.config.as_ref())?;
        let keys = Key::all(&command);

        let items: Vec<SettingItem> = keys.iter().map(|key| item(key, &settings)).collect();
        let place = place(global);
        stdout::with_stdout(None, |out| {
            if json {
                return output::write_document(out, &items);
            }
            writeln!(out, "# settings file: {place}")?;
            write_toml(out, &keys, &items)
        })?;

        Ok(Exit::Done)
    }
}

/// The path of the settings file, which may not exist.
fn place(global: &Global) -> String {
    match settings::file_to_read(global.config.as_ref(), |name| std::env::var_os(name)) {
        Some((path, _)) => {
            format!("{}{}", clean(&path.to_string_lossy()), if path.exists() { "" } else { " (does not exist)" })
        }
        None => "none: there is no home directory".to_owned(),
    }
}

fn item(key: &Key<'_>, settings: &Settings) -> SettingItem {
    let (values, origin) = match settings.get(key) {
        Some(given) => (given.values.clone(), given.origin.to_text()),
        None => (key.defaults(), "default".to_owned()),
    };
    // People put this output into tickets.
    let values: Vec<String> = values.iter().map(|value| usage::shown_value(key.name(), value)).collect();
    let value = match key.kind() {
        Kind::Flag => Some(Value::Flag(values.iter().any(|value| value == "true"))),
        Kind::One => values.into_iter().next().map(Value::One),
        Kind::Several => (!values.is_empty()).then_some(Value::Several(values)),
    };

    SettingItem { key: key.dotted(), origin: value.is_some().then_some(origin), value }
}

/// Writes a document that can be saved as a settings file.
fn write_toml(out: &mut (dyn Write + Send), keys: &[Key<'_>], items: &[SettingItem]) -> io::Result<()> {
    let mut section: &[&str] = &[];
    for (key, item) in keys.iter().zip(items) {
        if key.section() != section {
            section = key.section();
            writeln!(out, "\n[{}]", section.join("."))?;
        }
        match (&item.value, &item.origin) {
            (Some(value), Some(origin)) if origin == "default" => {
                writeln!(out, "{} = {}  # default", key.name(), toml(value))?;
            }
            (Some(value), Some(origin)) => writeln!(out, "{} = {}  # from {origin}", key.name(), toml(value))?,
            _ => writeln!(out, "# {} =  # not set", key.name())?,
        }
    }

    Ok(())
}

fn toml(value: &Value) -> String {
    match value {
        Value::Flag(truth) => truth.to_string(),
        Value::One(text) => quoted(text),
        Value::Several(list) => format!("[{}]", list.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    }
}

/// A TOML string that parses back to the same text, with dangerous characters escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Writing to a String cannot fail.
            c if is_dangerous(c) => drop(write!(quoted, "\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_reads_back_as_it_was() {
        let text = "a\"b\\c\u{1b}[2J\n\u{202e}é 日本 \u{9b}";
        let quoted = quoted(text);
        assert!(!quoted.chars().any(is_dangerous), "{quoted}");
        let table: toml::Table = format!("key = {quoted}").parse().unwrap();
        assert_eq!(table["key"].as_str(), Some(text));
    }
}
