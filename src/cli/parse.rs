//! Parses the command line, with the user's settings as defaults.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{StyledStr, TypedValueParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::outputs::{OutputSpec, OutputSpecParser};
use super::terminal::Terminal;
use super::{Cli, Color, definition, help, local, usage, user_settings};
use crate::error::Result;
use crate::settings::{Key, Settings};

/// The parsed command line.
pub(super) enum ParsedCommand {
    /// Text to print: `--help` or `--version`.
    Text(StyledStr),
    /// A command to run.
    Run(Box<Cli>),
}

/// Parses the command line, with the user's settings as defaults.
///
/// # Errors
/// The first argument or setting that is invalid.
pub(super) fn parse(args: &[OsString]) -> Result<ParsedCommand> {
    if let Some(text) = help::topic(args) {
        return Ok(ParsedCommand::Text(text.into()));
    }
    let with_command = with_discover_only(with_default_command(args));
    let args = &*with_command;
    // Most command lines are parsed with the definition of their command alone, which is faster. A command line that it
    // rejects may still be valid with the whole definition: it may negate a flag, or ask for help on every command.
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
        Err(error) if error.kind() == ErrorKind::DisplayHelp && help::is_short(args) => {
            command.build();
            let (path, asked) = usage::asked_command(&command, args);
            let columns = Terminal::of_stdout(Color::Auto).width;
            return Ok(ParsedCommand::Text(help::short_help(&path, asked, columns)));
        }
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(ParsedCommand::Text(error.render()));
        }
        Err(error) => return Err(usage::error(&error, &command, args)),
    };

    let mut settings =
        user_settings::load_for(settings_file(&matches), &command, &section(&matches), definition::of_commands)?;
    if !settings.is_empty() {
        let fresh = definition::of_line(args).filter(|_| is_quick).unwrap_or_else(definition::with_negations);
        settings.yield_to(&fresh, &matches);
        command = settings.as_defaults(fresh);
        matches = command.try_get_matches_from_mut(args).map_err(|error| usage::error(&error, &command, args))?;
    }

    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| usage::error(&error, &command, args))?;
    cli.global.choose_format(on_line(&matches, "output"), &outputs_in_settings(&settings))?;
    cli.global.columns_on_line = is_below(&matches, "columns");
    cli.global.sort_on_line = is_below(&matches, "sort");
    Ok(ParsedCommand::Run(Box::new(cli)))
}

/// The settings file that the command line names. For the commands that work on a server's files, that option names the
/// server's own settings; `doctor` takes either.
fn settings_file(matches: &ArgMatches) -> Option<&PathBuf> {
    let named: Option<&PathBuf> = matches.get_one("config");
    match matches.subcommand_name() {
        Some("serve" | "db" | "key") => None,
        Some("doctor") => named.filter(|path| !user_settings::is_yaml(path)),
        _ => named,
    }
}

/// `portolan 8080` is short for `portolan local 8080`.
fn with_default_command(args: &[OsString]) -> Cow<'_, [OsString]> {
    match args {
        [program, word, rest @ ..] if word.to_str().is_some_and(local::is_port) => {
            let command = [program.clone(), OsString::from("local"), word.clone()];
            command.into_iter().chain(rest.iter().cloned()).collect()
        }
        _ => Cow::Borrowed(args),
    }
}

/// nmap's `-sn` reads as `-s n`, which cannot be an option beside nmap's other `-s…`: it stands for `--discover-only`.
fn with_discover_only(args: Cow<'_, [OsString]>) -> Cow<'_, [OsString]> {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let at = args[..end]
        .iter()
        .position(|arg| arg == "scan")
        .and_then(|scan| args[scan..end].iter().position(|arg| arg == "-sn").map(|at| scan + at));
    let Some(at) = at else { return args };

    let mut args = args.into_owned();
    args[at] = "--discover-only".into();
    Cow::Owned(args)
}

/// The values of `--output` in the settings.
fn outputs_in_settings(settings: &Settings) -> Vec<OutputSpec> {
    if settings.is_empty() {
        return Vec::new();
    }
    let command = definition::root();
    let keys = Key::of_section(&command, &[]);
    let given = keys.iter().find(|key| key.name() == "output").and_then(|key| settings.get(key));

    let values = given.map(|given| given.values.as_slice()).unwrap_or_default();
    values.iter().filter_map(|value| OutputSpecParser.parse_ref(&command, None, value.as_ref()).ok()).collect()
}

/// The words that lead to the requested command.
fn section(matches: &ArgMatches) -> Vec<&str> {
    std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand()).map(|(name, _)| name).collect()
}

/// Whether an option of the command or of one below it is on the line.
fn is_below(matches: &ArgMatches, id: &str) -> bool {
    let mut levels = std::iter::successors(Some(matches), |matches| Some(matches.subcommand()?.1));
    levels.any(|matches| matches.try_contains_id(id).is_ok() && on_line(matches, id))
}

fn on_line(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::SocketState;

    /// The matches of the last command, parsed from a settings file and a command line.
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
        fn strict(text: &str, line: &str) -> bool {
            parsed(text, line).get_flag("strict")
        }

        assert!(!strict("", "portolan discover local"));
        assert!(strict("[discover]\nstrict = true", "portolan discover local"));
        assert!(strict("[discover]\nstrict = false", "portolan discover local --strict"));
        assert!(!strict("[discover]\nstrict = true", "portolan discover local --no-strict"));
        assert!(!strict("[discover]\nstrict = true", "portolan discover --no-strict local"));
        assert!(strict("", "portolan discover local --no-strict --strict"));
    }

    #[test]
    fn values_are_read_as_on_the_command_line() {
        fn states(text: &str) -> Option<Vec<SocketState>> {
            let matches = parsed(text, "portolan discover local");
            matches.get_many::<SocketState>("state").map(|states| states.copied().collect())
        }

        let two = states("[discover.local]\nstate = [\"listen\", \"connected\"]");
        assert_eq!(two.as_ref().map(Vec::len), Some(2));
        assert_eq!(states("discover.local.state = \"listen,connected\""), two);
        assert_eq!(states(""), None);
        let matches = parsed("[discover.local]\nports = 22", "portolan discover local");
        assert_eq!(matches.get_one::<crate::model::Ports>("ports"), Some(&"22".parse().unwrap()));
    }
}
