//! Flag > environment > file > default.
//!
//! A setting only replaces the default value of an option of the clap definition, so that clap ranks and parses
//! everything, and there is no second schema. Nothing here looks at the process: the environment and the file's
//! text come in as arguments.

mod file;
mod key;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

pub(crate) use self::key::{Key, Kind, NEGATION};
use crate::clean::clean;
use crate::error::{Error, Result};

/// Values that stand in for the defaults of options.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    given: BTreeMap<String, SettingValue>,
}

/// What an option is set to.
#[derive(Debug)]
pub(crate) struct SettingValue {
    /// As clap would read it from the command line; for a flag `true` or `false`.
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    SettingsFile { path: PathBuf, line: usize, column: usize },
    Variable(String),
}

impl Origin {
    /// The file with its line, or the variable's name.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::SettingsFile { path, line, .. } => format!("{}:{line}", clean(&path.to_string_lossy())),
            Self::Variable(name) => name.clone(),
        }
    }

    /// An error about a value that stands there.
    pub(crate) fn error(&self, key: &str, value: &str, why: &str, hint: &str) -> Error {
        match self {
            Self::SettingsFile { path, line, column } => Error::Settings {
                place: format!("{}:{line}:{column}", clean(&path.to_string_lossy())),
                why: format!("{key} cannot be '{}': {why}", clean(value)),
                hint: hint.to_owned(),
            },
            Self::Variable(name) => Error::usage(format!("{name}='{}'", clean(value)), why, hint),
        }
    }
}

impl Settings {
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// What `key` is set to, if it is.
    pub(crate) fn get(&self, key: &Key<'_>) -> Option<&SettingValue> {
        self.given.get(&key.dotted())
    }

    /// Takes a settings file in. What the environment says goes in after it, and so before it.
    ///
    /// # Errors
    /// What is not TOML, no key, or not of the option's type.
    pub(crate) fn read_file(&mut self, command: &Command, path: &Path, text: &str) -> Result<()> {
        file::read(command, path, text, &mut self.given)
    }

    /// Takes in what the environment says of the options that every command takes, and of those of the command that the
    /// words of `section` lead to; `None` for all commands.
    ///
    /// Other variables that begin with `PORTOLAN_` are let be: Kubernetes puts `PORTOLAN_PORT` and the like into
    /// every pod beside a Service called portolan.
    ///
    /// # Errors
    /// What is not UTF-8, or no truth value where one is wanted.
    pub(crate) fn read_environment(
        &mut self,
        command: &Command,
        section: Option<&[&str]>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<()> {
        let asked = |key: &Key<'_>| key.section().is_empty() || section.is_none_or(|section| key.section() == section);
        for key in Key::all(command).into_iter().filter(asked) {
            let Some(name) = key.variable() else { continue };
            // An empty variable is an unset one, as with NO_COLOR.
            let Some(value) = variable(&name).filter(|value| !value.is_empty()) else { continue };
            let origin = Origin::Variable(name);
            let Some(text) = value.to_str() else {
                let why = "it is not UTF-8";
                return Err(origin.error(key.name(), &value.to_string_lossy(), why, "write it in UTF-8"));
            };
            let text = if key.kind() == Kind::Flag {
                truth(text).ok_or_else(|| {
                    origin.error(key.name(), text, "it is neither true nor false", "write 1 or 0, true or false")
                })?
            } else {
                text
            };
            self.given.insert(key.dotted(), SettingValue { values: vec![text.to_owned()], origin });
        }
        Ok(())
    }

    /// The first setting that clap does not take for its option, and what it says of it.
    pub(crate) fn refused(&self, command: &Command) -> Option<(String, &SettingValue, clap::Error)> {
        let mut parser = command.clone();
        for key in Key::all(command).into_iter().filter(|key| key.kind() != Kind::Flag) {
            let Some(given) = self.get(&key) else { continue };
            let mut argv = vec![command.get_name().to_owned()];
            argv.extend(key.section().iter().map(|&word| word.to_owned()));
            argv.extend(given.values.iter().map(|value| format!("--{}={value}", key.name())));
            // What else is wrong with this line, such as an argument that it lacks, is not the setting's fault.
            if let Err(error) = parser.try_get_matches_from_mut(argv)
                && matches!(
                    error.kind(),
                    ErrorKind::InvalidValue
                        | ErrorKind::ValueValidation
                        | ErrorKind::TooManyValues
                        | ErrorKind::TooFewValues
                        | ErrorKind::WrongNumberOfValues
                )
            {
                return Some((key.dotted(), given, error));
            }
        }
        None
    }

    /// Whether two settings exclude each other, as two options on a command line would.
    ///
    /// # Errors
    /// The pair.
    pub(crate) fn agree(&self, command: &Command) -> Result<()> {
        let set: Vec<_> = Key::all(command).into_iter().filter(|key| self.is_effective(key)).collect();

        for (at, one) in set.iter().enumerate() {
            let Some(other) = set[at + 1..].iter().find(|other| one.excludes(other)) else { continue };
            if let Some(given) = self.get(other) {
                let why = format!("it does not go together with {}", one.dotted());
                return Err(given.origin.error(
                    &other.dotted(),
                    &given.values.join(","),
                    &why,
                    "leave one of them out",
                ));
            }
        }
        Ok(())
    }

    /// Whether a key is set; a flag that is set to false has no effect.
    fn is_effective(&self, key: &Key<'_>) -> bool {
        let Some(given) = self.get(key) else { return false };
        key.kind() != Kind::Flag || given.values.iter().any(|value| value == "true")
    }

    /// Leaves out what the command line takes back: `--json` goes before a file's `output`, `--unix` before its
    /// `ports`, and `--no-quiet` before `quiet = true`.
    pub(crate) fn yield_to(&mut self, command: &Command, matches: &ArgMatches) {
        let asked = asked(matches);
        for key in Key::all(command) {
            let negated = format!("{NEGATION}{}", key.name());
            if asked.contains(&negated.as_str()) || key.excluded().any(|id| asked.contains(&id)) {
                self.given.remove(&key.dotted());
            }
        }
    }

    /// The command with these settings for its defaults.
    pub(crate) fn as_defaults(&self, command: Command) -> Command {
        self.defaults_of(command, &[])
    }

    fn defaults_of(&self, command: Command, section: &[&str]) -> Command {
        let set: Vec<_> = Key::of_section(&command, section)
            .iter()
            .filter_map(|key| Some((key.id().to_owned(), self.get(key)?.values.clone())))
            .collect();
        let command = set
            .into_iter()
            .fold(command, |command, (id, values)| command.mut_arg(id, |arg| arg.default_values(values)));
        command.mut_subcommands(|sub| {
            let name = sub.get_name().to_owned();
            self.defaults_of(sub, &[section, &[name.as_str()]].concat())
        })
    }
}

/// The ids of the options that the command line itself holds.
fn asked(matches: &ArgMatches) -> Vec<&str> {
    let mut asked = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        // A global option of a command below is handed up to where it is not defined, and may not be asked after.
        let on_line = |id: &&str| {
            matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        asked.extend(matches.ids().map(clap::Id::as_str).filter(on_line));
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    asked
}

fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some("true"),
        "0" | "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// The sections that the text of a settings file has keys in, as far as it is TOML: each as the words that lead to it.
pub(crate) fn sections(text: &str) -> Vec<Vec<String>> {
    file::sections(text)
}

/// Whether the environment sets any option that every command takes, or one of the command that `section` leads to. What
/// is meant for another command costs this one nothing.
pub(crate) fn is_in_environment(
    command: &Command,
    section: Option<&[&str]>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let global = Key::of_section(command, &[]).into_iter().filter_map(|key| key.variable());
    let of_command = key::variables_of(section).map(str::to_owned);
    global.chain(of_command).any(|name| variable(&name).is_some())
}

/// The settings file to read, and whether it was named: a file at the usual place may be missing.
///
/// `named` comes from `--config`; the rest are the environment's words for where settings live.
pub(crate) fn file_to_read(
    named: Option<&PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<(PathBuf, bool)> {
    let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = named.cloned().or_else(|| variable("PORTOLAN_CONFIG")) {
        return Some((named, true));
    }
    // The XDG base directory specification: a relative path here is to be ignored.
    let xdg = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = xdg.or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some((config.join("portolan").join("config.toml"), false))
}
