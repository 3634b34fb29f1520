//! From the words of the command line to what is asked, with the settings in between.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{StyledStr, TypedValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::outputs::{OutputSpec, OutputSpecParser};
use super::{Cli, definition, settings_file, usage};
use crate::error::Result;
use crate::settings::{self, Key, Settings};

/// What the command line asks for.
pub(super) enum Parsed {
    /// A text of clap's: `--help` or `--version`.
    Text(StyledStr),
    /// A command.
    Run(Box<Cli>),
}

/// Parses the command line, with the user's settings for its defaults.
///
/// # Errors
/// What cannot be used, the first of it.
pub(super) fn parse(args: &[OsString]) -> Result<Parsed> {
    // Most lines are parsed by the definition of their command alone. A line that it refuses may be right all the
    // same, as it may take back a flag; or it asks for help, which shows every command.
    let mut is_quick = true;
    let mut command = definition::of_line(args).unwrap_or_else(Cli::command);
    let mut parsed = command.try_get_matches_from_mut(args);
    if parsed.as_ref().is_err_and(|error| error.kind() != ErrorKind::DisplayVersion) {
        is_quick = false;
        command = definition::with_negations();
        parsed = command.try_get_matches_from_mut(args);
    }
    let mut matches = match parsed {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.render()));
        }
        Err(error) => return Err(usage::error(&error, &command, args)),
    };

    let mut settings = load(matches.get_one("config"), &command, Some(&section(&matches)))?;
    if !settings.is_empty() {
        let fresh = definition::of_line(args).filter(|_| is_quick).unwrap_or_else(definition::with_negations);
        settings.yield_to(&fresh, &matches);
        command = settings.as_defaults(fresh);
        matches = command.try_get_matches_from_mut(args).map_err(|error| usage::error(&error, &command, args))?;
    }

    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| usage::error(&error, &command, args))?;
    cli.global.choose_format(on_line(&matches, "output"), &set_outputs(&settings))?;
    Ok(Parsed::Run(Box::new(cli)))
}

/// The formats that the settings give `--output`.
fn set_outputs(settings: &Settings) -> Vec<OutputSpec> {
    if settings.is_empty() {
        return Vec::new();
    }
    let command = definition::root();
    let keys = Key::of_section(&command, &[]);
    let given = keys.iter().find(|key| key.name() == "output").and_then(|key| settings.get(key));
    let asked = |value: &String| OutputSpecParser.parse_ref(&command, None, value.as_ref()).ok();
    given.map(|given| given.values.iter().filter_map(asked).collect()).unwrap_or_default()
}

/// The words that lead to the command that is asked for.
fn section(matches: &ArgMatches) -> Vec<&str> {
    std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand()).map(|(name, _)| name).collect()
}

/// The settings of this user, for the command that the words of `section` lead to, or for all. `command` may be built
/// already: only its own options are looked at.
///
/// # Errors
/// Where the file or a variable cannot be used.
pub(super) fn load(named: Option<&PathBuf>, command: &Command, section: Option<&[&str]>) -> Result<Settings> {
    let file = match settings::file_to_read(named, variable) {
        Some((path, is_named)) => settings_file::read(&path, is_named)?.map(|text| (path, text)),
        None => None,
    };
    // Most people have neither, and should not pay for a second definition.
    if file.is_none() && !settings::is_in_environment(command, section, variable) {
        return Ok(Settings::default());
    }

    // The commands that are set are enough for settings that are right.
    if let Some(section) = section {
        let mut commands = file.as_ref().map(|(_, text)| settings::sections(text)).unwrap_or_default();
        commands.push(section.iter().map(|&word| word.to_owned()).collect());
        let defined = definition::of_commands(&commands);
        if let Some(settings) = defined.and_then(|command| read(file.as_ref(), &command, Some(section)).ok()) {
            return Ok(settings);
        }
    }
    // What is wrong with the others takes all commands to tell: a key may belong to another section.
    read(file.as_ref(), &Cli::command(), section)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Reads the settings by a definition that is not built yet.
fn read(file: Option<&(PathBuf, String)>, command: &Command, section: Option<&[&str]>) -> Result<Settings> {
    let mut settings = Settings::default();
    if let Some((path, text)) = file {
        settings.read_file(command, path, text)?;
    }
    settings.read_environment(command, section, variable)?;

    if let Some((key, given, error)) = settings.refused(command) {
        let refusal = usage::RejectedValue::of_value(&error);
        let value = usage::refused_value(&error).unwrap_or_default();
        return Err(given.origin.error(&key, &value, &refusal.why, &refusal.hint));
    }
    settings.agree(command)?;
    Ok(settings)
}

fn on_line(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What clap makes of a settings file and a command line, at the last command of the line.
    fn parsed(text: &str, line: &str) -> ArgMatches {
        let args: Vec<_> = line.split(' ').collect();
        let mut settings = Settings::default();
        settings.read_file(&Cli::command(), Path::new("c.toml"), text).unwrap();
        let mut matches = definition::with_negations().try_get_matches_from(&args).unwrap();
        settings.yield_to(&definition::with_negations(), &matches);
        matches = settings.as_defaults(definition::with_negations()).try_get_matches_from(&args).unwrap();
        while let Some((_, sub)) = matches.remove_subcommand() {
            matches = sub;
        }
        matches
    }

    #[test]
    fn a_setting_of_a_command_reaches_the_commands_below() {
        let strict = |text, line| parsed(text, line).get_flag("strict");
        assert!(!strict("", "portolan discover local"));
        assert!(strict("[discover]\nstrict = true", "portolan discover local"));
        assert!(strict("[discover]\nstrict = false", "portolan discover local --strict"));
        assert!(!strict("[discover]\nstrict = true", "portolan discover local --no-strict"));
        assert!(!strict("[discover]\nstrict = true", "portolan discover --no-strict local"));
        assert!(strict("", "portolan discover local --no-strict --strict"));
    }

    #[test]
    fn values_are_read_as_on_the_command_line() {
        let states = |text| {
            let matches = parsed(text, "portolan discover local");
            matches.get_many::<crate::model::SocketState>("state").map(|states| states.copied().collect::<Vec<_>>())
        };
        let two = states("[discover.local]\nstate = [\"listen\", \"connected\"]");
        assert_eq!(two.as_ref().map(Vec::len), Some(2));
        assert_eq!(states("discover.local.state = \"listen,connected\""), two);
        assert_eq!(states(""), None);
        let matches = parsed("[discover.local]\nports = 22", "portolan discover local");
        assert_eq!(matches.get_one::<crate::model::Ports>("ports"), Some(&"22".parse().unwrap()));
    }
}
