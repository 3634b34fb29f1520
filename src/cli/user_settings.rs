//! The settings of this user, from the settings file and the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use super::{Cli, settings_file, usage};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::settings::{self, Settings};
use crate::source::AnySource;

/// A settings file with its text.
type SettingsText = (PathBuf, String);

/// The settings of all commands. `named`: the file that `--config` names.
///
/// # Errors
/// If the file or a variable is invalid.
pub(super) fn load(named: Option<&PathBuf>) -> Result<Settings> {
    read(file(named)?.as_ref(), &Cli::command(), None)
}

/// The settings of the command that the words of `section` lead to. `command` may be built already: only its own options
/// are read. `define` defines only the commands that some words lead to.
///
/// # Errors
/// If the file or a variable is invalid.
pub(super) fn load_for(
    named: Option<&PathBuf>,
    command: &Command,
    section: &[&str],
    define: fn(&[Vec<String>]) -> Option<Command>,
) -> Result<Settings> {
    let file = file(named)?;
    // Most users have neither, which saves building a second definition.
    if file.is_none() && !settings::is_in_environment(command, Some(section), variable) {
        return Ok(Settings::default());
    }

    // Valid settings need only the definitions of the commands that they set.
    let mut commands = file.as_ref().map(|(_, text)| settings::sections(text)).unwrap_or_default();
    commands.push(section.iter().map(|&word| word.to_owned()).collect());
    if let Some(settings) = define(&commands).and_then(|command| read(file.as_ref(), &command, Some(section)).ok()) {
        return Ok(settings);
    }
    // Describing an error needs all commands: a key may belong to another section.
    read(file.as_ref(), &Cli::command(), Some(section))
}

/// A source configured by these options, the settings and its defaults.
///
/// # Errors
/// If the settings are invalid, or the source requires an option.
pub(super) fn source(word: &str, options: &[String], named: Option<&PathBuf>) -> Result<Option<AnySource>> {
    let section = ["discover", word];
    let root = Cli::command();
    let settings = read(file(named)?.as_ref(), &root, Some(&section))?;

    let mut root = settings.as_defaults(root);
    // Options of all sources become those of each one.
    root.build();
    let Some(command) = root.find_subcommand(section[0]).and_then(|discover| discover.find_subcommand(word)) else {
        return Ok(None);
    };
    let matches = command.clone().no_binary_name(true).try_get_matches_from_mut(options);
    let source = matches.and_then(|matches| AnySource::from_matches(word, &matches).transpose());
    source.map_err(|error| usage::error(&error, &root, &["portolan", section[0], word].map(OsString::from)))
}

/// Whether a file has the settings of a server: those of users are TOML.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn file(named: Option<&PathBuf>) -> Result<Option<SettingsText>> {
    let Some((path, is_named)) = settings::file_to_read(named, variable) else { return Ok(None) };
    if is_named && is_yaml(&path) {
        let what = format!("--config '{}'", clean(&path.to_string_lossy()));
        let why = "it is YAML, and this command reads TOML: the settings of the user, not those of a server";
        let hint =
            "serve, key, db and doctor read a server's settings: `portolan doctor --config FILE` checks its database";
        return Err(Error::usage(what, why, hint));
    }
    Ok(settings_file::read(&path, is_named.then_some("--config"))?.map(|text| (path, text)))
}

/// Reads the settings. `command` must not be built yet.
fn read(file: Option<&SettingsText>, command: &Command, section: Option<&[&str]>) -> Result<Settings> {
    let mut settings = Settings::default();
    if let Some((path, text)) = file {
        settings.read_file(command, path, text)?;
    }
    settings.read_environment(command, section, variable)?;

    if let Some((key, given, error)) = settings.first_invalid(command) {
        let rejected = usage::RejectedValue::of_value(&error);
        let value = usage::shown_value(&key, &usage::refused_value(&error).unwrap_or_default());
        return Err(given.origin.error(&key, &value, &rejected.why, &rejected.hint));
    }
    settings.check_conflicts(command)?;
    Ok(settings)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
