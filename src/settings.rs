//! Settings: flag > environment > file > default.
//!
//! A setting only replaces the default value of an option in the clap definition, so that clap ranks and parses
//! everything, and there is no second schema. Nothing here reads the process: the environment and the file's text are
//! arguments.

mod file;
mod key;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

pub(crate) use self::key::{Key, Kind, NEGATION};
use crate::clean::clean;
use crate::error::{Error, Result};

/// Values that replace the defaults of options.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    given: BTreeMap<String, SettingValue>,
}

/// The value of an option.
#[derive(Debug)]
pub(crate) struct SettingValue {
    /// In the syntax of the command line; `true` or `false` for a flag.
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

/// Where a setting comes from.
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

    /// An error about a value from there.
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

    /// The value of `key`, if it is set.
    pub(crate) fn get(&self, key: &Key<'_>) -> Option<&SettingValue> {
        self.given.get(&key.dotted())
    }

    /// Reads a settings file. The environment is read after it, and so takes precedence.
    ///
    /// # Errors
    /// If the text is not TOML, a key is unknown, or a value has the wrong type.
    pub(crate) fn read_file(&mut self, command: &Command, path: &Path, text: &str) -> Result<()> {
        file::read(command, path, text, &mut self.given)
    }

    /// Reads the environment variables of the global options and of those of the command that the words of `section` lead
    /// to; `None` for all commands.
    ///
    /// Other variables that begin with `PORTOLAN_` are ignored: Kubernetes sets `PORTOLAN_PORT` and the like in every pod
    /// next to a Service named portolan.
    ///
    /// # Errors
    /// If a value is not UTF-8, or not a boolean for a flag.
    pub(crate) fn read_environment(
        &mut self,
        command: &Command,
        section: Option<&[&str]>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<()> {
        for key in Key::all(command) {
            if !key.section().is_empty() && section.is_some_and(|section| key.section() != section) {
                continue;
            }
            let Some(name) = key.variable() else { continue };
            // An empty variable counts as unset, as with NO_COLOR.
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

    /// The first setting that clap rejects for its option, with the error.
    pub(crate) fn first_invalid(&self, command: &Command) -> Option<(String, &SettingValue, clap::Error)> {
        let mut parser = command.clone();
        for key in Key::all(command).into_iter().filter(|key| key.kind() != Kind::Flag) {
            let Some(given) = self.get(&key) else { continue };
            let mut argv = vec![command.get_name().to_owned()];
            argv.extend(key.section().iter().map(|&word| word.to_owned()));
            argv.extend(given.values.iter().map(|value| format!("--{}={value}", key.name())));

            // Other errors of this command line, such as a missing argument, are not the setting's fault.
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

    /// Checks that no two settings exclude each other, as two options on a command line would.
    ///
    /// # Errors
    /// The first such pair.
    pub(crate) fn check_conflicts(&self, command: &Command) -> Result<()> {
        let set: Vec<_> = Key::all(command).into_iter().filter(|key| self.is_effective(key)).collect();

        for (at, one) in set.iter().enumerate() {
            let Some(other) = set[at + 1..].iter().find(|other| one.excludes(other)) else { continue };
            if let Some(given) = self.get(other) {
                let why = format!("it cannot be combined with {}", one.dotted());
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

    /// Drops settings that the command line overrides: `--json` overrides a file's `output`, `--unix` its `ports`, and
    /// `--no-quiet` overrides `quiet = true`.
    pub(crate) fn yield_to(&mut self, command: &Command, matches: &ArgMatches) {
        let given = options_on_line(matches);
        for key in Key::all(command) {
            let negated = format!("{NEGATION}{}", key.name());
            if given.contains(&negated.as_str()) || key.excluded().any(|id| given.contains(&id)) {
                self.given.remove(&key.dotted());
            }
        }
    }

    /// The command with these settings as defaults.
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
        let of_sources: Vec<(String, Arg)> = command
            .get_subcommands()
            .flat_map(|sub| Key::of_source(&command, &[section, &[sub.get_name()]].concat()))
            .filter_map(|key| {
                let source = key.section().last()?;
                Some(((*source).to_owned(), key.with_default(&self.get(&key)?.values)))
            })
            .collect();

        command.mut_subcommands(|sub| {
            let name = sub.get_name().to_owned();
            // In place of the copy that a source gets of an option of all sources.
            let own = of_sources.iter().filter(|(source, _)| *source == name).map(|(_, arg)| arg.clone());
            self.defaults_of(sub.args(own), &[section, &[name.as_str()]].concat())
        })
    }
}

/// The ids of the options on the command line itself.
fn options_on_line(matches: &ArgMatches) -> Vec<&str> {
    let mut options = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        options.extend(matches.ids().map(clap::Id::as_str).filter(|id| is_on_line(matches, id)));
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    options
}

fn is_on_line(matches: &ArgMatches, id: &str) -> bool {
    // clap also lists the global options of a subcommand here, where they are not defined and `value_source` panics.
    matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some("true"),
        "0" | "false" | "no" | "off" => Some("false"),
        _ => None,
    }
}

/// The sections of a settings file, each as the words that lead to it; none if it is not TOML.
pub(crate) fn sections(text: &str) -> Vec<Vec<String>> {
    file::sections(text)
}

/// Whether the environment sets any global option, or one of the command that `section` leads to. Variables of other commands
/// cost this one nothing.
pub(crate) fn is_in_environment(
    command: &Command,
    section: Option<&[&str]>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let global = Key::of_section(command, &[]).into_iter().filter_map(|key| key.variable());
    let of_command = key::variables_of(section).map(str::to_owned);
    global.chain(of_command).any(|name| variable(&name).is_some())
}

/// The settings file to read, and whether the user named it: a file at the default path may be missing.
///
/// `named` comes from `--config`; otherwise the environment decides.
pub(crate) fn file_to_read(
    named: Option<&PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<(PathBuf, bool)> {
    if let Some(named) = named.cloned().or_else(|| non_empty(variable("PORTOLAN_CONFIG"))) {
        return Some((named, true));
    }

    // The XDG base directory specification says to ignore a relative path.
    let xdg = non_empty(variable("XDG_CONFIG_HOME")).filter(|path| path.is_absolute());
    let config = xdg.or_else(|| non_empty(variable("HOME")).map(|home| home.join(".config")))?;
    Some((config.join("portolan").join("config.toml"), false))
}

fn non_empty(value: Option<OsString>) -> Option<PathBuf> {
    value.filter(|value| !value.is_empty()).map(PathBuf::from)
}
