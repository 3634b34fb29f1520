//! The settings of this user: the file and the environment, read by the definition of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Command, CommandFactory};

use super::{Cli, settings_file, usage};
use crate::error::Result;
use crate::settings::{self, Settings};
use crate::source::AnySource;

/// A settings file with its text.
type SettingsText = (PathBuf, String);

/// The settings of all commands. `named`: the file that `--config` names.
///
/// # Errors
/// Where the file or a variable cannot be used.
pub(super) fn load(named: Option<&PathBuf>) -> Result<Settings> {
    read(file(named)?.as_ref(), &Cli::command(), None)
}

/// The settings for the command that the words of `section` lead to. `command` may be built already: only its own options
/// are read. `define` defines the commands that some words lead to, and no others.
///
/// # Errors
/// Where the file or a variable cannot be used.
pub(super) fn load_for(
    named: Option<&PathBuf>,
    command: &Command,
    section: &[&str],
    define: fn(&[Vec<String>]) -> Option<Command>,
) -> Result<Settings> {
    let file = file(named)?;
    // Most people have neither, and should not pay for a second definition.
    if file.is_none() && !settings::is_in_environment(command, Some(section), variable) {
        return Ok(Settings::default());
    }

    // The commands that are set are enough for settings that are right.
    let mut commands = file.as_ref().map(|(_, text)| settings::sections(text)).unwrap_or_default();
    commands.push(section.iter().map(|&word| word.to_owned()).collect());
    if let Some(settings) = define(&commands).and_then(|command| read(file.as_ref(), &command, Some(section)).ok()) {
        return Ok(settings);
    }
    // An error takes all commands to describe: a key may belong to another section.
    read(file.as_ref(), &Cli::command(), Some(section))
}

/// A source as the settings and its defaults make it, without any option of the command line.
///
/// # Errors
/// Where the settings cannot be used, or the source needs an option.
pub(super) fn source(word: &str, named: Option<&PathBuf>) -> Result<Option<AnySource>> {
    let section = ["discover", word];
    let root = Cli::command();
    let settings = read(file(named)?.as_ref(), &root, Some(&section))?;

    let root = settings.as_defaults(root);
    let Some(command) = root.find_subcommand(section[0]).and_then(|discover| discover.find_subcommand(word)) else {
        return Ok(None);
    };
    let matches = command.clone().no_binary_name(true).try_get_matches_from_mut::<_, OsString>([]);
    let source = matches.and_then(|matches| AnySource::from_matches(word, &matches).transpose());
    source.map_err(|error| usage::error(&error, &root, &["portolan", section[0], word].map(OsString::from)))
}

fn file(named: Option<&PathBuf>) -> Result<Option<SettingsText>> {
    let Some((path, is_named)) = settings::file_to_read(named, variable) else { return Ok(None) };
    Ok(settings_file::read(&path, is_named)?.map(|text| (path, text)))
}

/// Reads the settings by a definition that is not built yet.
fn read(file: Option<&SettingsText>, command: &Command, section: Option<&[&str]>) -> Result<Settings> {
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

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
