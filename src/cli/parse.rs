//! From the words of the command line to what is asked, with the settings in between.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{Cli, settings_file, usage};
use crate::error::Result;
use crate::settings::{self, Key, Kind, NEGATION, Settings};

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
    // Once without settings: what is wrong or asks for help needs none, and most people have none.
    let mut command = definition();
    let mut matches = match command.try_get_matches_from_mut(args) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.render()));
        }
        Err(error) => return Err(usage::error(&error, &command, args)),
    };
    let mut settings = load(matches.get_one("config"), &command)?;
    if !settings.is_empty() {
        let fresh = definition();
        settings.yield_to(&fresh, &matches);
        command = settings.into_defaults(fresh);
        matches = command.try_get_matches_from_mut(args).map_err(|error| usage::error(&error, &command, args))?;
    }
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| usage::error(&error, &command, args))?;
    cli.global.output_asked = on_line(&matches, "output");
    Ok(Parsed::Run(Box::new(cli)))
}

/// The settings of this user. `command` may be built already: only its own options are looked at.
///
/// # Errors
/// Where the file or a variable cannot be used.
pub(super) fn load(named: Option<&PathBuf>, command: &Command) -> Result<Settings> {
    let variable = |name: &str| std::env::var_os(name);
    let file = match settings::file_to_read(named, variable) {
        Some((path, is_named)) => settings_file::read(&path, is_named)?.map(|text| (path, text)),
        None => None,
    };
    let mut settings = Settings::default();
    // Most people have neither, and should not pay for a second definition.
    if file.is_none() && !settings::is_in_environment(command, variable) {
        return Ok(settings);
    }
    let command = Cli::command();
    if let Some((path, text)) = file {
        settings.read_file(&command, &path, &text)?;
    }
    settings.read_environment(&command, variable)?;
    if let Some((key, given, error)) = settings.refused(&command) {
        let refusal = usage::Refusal::of_value(&error);
        return Err(given.origin.error(&key, &given.values.join(","), &refusal.why, &refusal.hint));
    }
    settings.agree(&command)?;
    Ok(settings)
}

/// The command line as it is parsed: as it is defined, and for every flag that settings may set a hidden opposite.
fn definition() -> Command {
    let command = Cli::command();
    let flags: Vec<(Vec<String>, String, String)> = Key::all(&command)
        .iter()
        .filter(|key| key.kind() == Kind::Flag)
        .map(|key| (key.section().iter().map(|&word| word.to_owned()).collect(), key.id().into(), key.name().into()))
        .collect();
    flags.into_iter().fold(command, |command, (section, id, name)| add_negation(command, &section, &id, &name))
}

fn add_negation(command: Command, section: &[String], flag: &str, name: &str) -> Command {
    if let Some((first, rest)) = section.split_first() {
        return command.mut_subcommand(first, |sub| add_negation(sub, rest, flag, name));
    }
    let opposite = format!("{NEGATION}{name}");
    let mut is_global = false;
    let command = command.mut_arg(flag, |arg| {
        is_global = arg.is_global_set();
        arg.overrides_with(opposite.clone())
    });
    let arg = Arg::new(opposite.clone()).long(opposite).hide(true).action(ArgAction::SetTrue).global(is_global);
    command.arg(arg.overrides_with(flag.to_owned()))
}

fn on_line(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}
