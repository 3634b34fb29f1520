//! The definition of the command line: all of it, or only the commands that a run needs. Building every option takes longer
//! than listing the local sockets.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Args, Command, CommandFactory};

use super::{
    Cli, Global, audit, completions, config, deregister, discover, doctor, drift, explain, export, free_port, health,
    kill, local, man, ports, register, resolve, services, status, sync, validate, wait, who,
};
use crate::settings::{Key, Kind, NEGATION};
use crate::source::source_words;

/// The global options, without commands.
pub(super) fn root() -> Command {
    Global::augment_args(Command::new("portolan"))
}

/// The root with only the commands that these words lead to; `None` if there is no such command. It parses a valid command
/// line like the whole definition, but without version and help texts.
pub(super) fn of_commands<W: AsRef<str>>(paths: &[Vec<W>]) -> Option<Command> {
    let mut command = root();
    for path in paths {
        let [name, below @ ..] = path.as_slice() else { continue };
        let (name, below) = (name.as_ref(), below.first().map(AsRef::as_ref));
        if command.find_subcommand(name).is_none() {
            command = command.subcommand(of_command(name)?);
        }

        let Some(below) = below.filter(|_| name == DISCOVER) else { continue };
        let known = command.find_subcommand(name).is_some_and(|discover| discover.find_subcommand(below).is_some());
        if !known {
            let source = discover::source_definition(below)?;
            command = command.mut_subcommand(name, |discover| discover.subcommand(source));
        }
    }
    Some(command)
}

/// The definition of only the command of these arguments; `None` if it is unknown without parsing them.
pub(super) fn of_line(args: &[OsString]) -> Option<Command> {
    let words = command_words(args);
    if words.is_empty() { None } else { of_commands(&[words]) }
}

const DISCOVER: &str = "discover";

/// One command with its subcommands, except for sources.
fn of_command(name: &str) -> Option<Command> {
    let command = Command::new(name.to_owned());
    let define = match name {
        DISCOVER => discover::Options::augment_args,
        "local" => local::ShortLocal::augment_args,
        "scan" => discover::ShortScan::augment_args,
        "who" => who::Who::augment_args,
        "kill" => kill::Kill::augment_args,
        "free-port" => free_port::FreePort::augment_args,
        "validate" => validate::Validate::augment_args,
        "score" => validate::ScoreAgain::augment_args,
        "wait" => wait::Wait::augment_args,
        "resolve" => resolve::Resolve::augment_args,
        "register" => register::Register::augment_args,
        "deregister" => deregister::Deregister::augment_args,
        "services" => services::Services::augment_args,
        "status" => status::Status::augment_args,
        "health" => health::Health::augment_args,
        "audit" => audit::Audit::augment_args,
        "export" => export::Export::augment_args,
        "drift" => drift::DriftArgs::augment_args,
        #[cfg(feature = "registry")]
        "agent" => super::agent::AgentArgs::augment_args,
        "sync" => sync::Sync::augment_args,
        "doctor" => doctor::Doctor::augment_args,
        #[cfg(feature = "serve")]
        "serve" => super::serve::Serve::augment_args,
        #[cfg(feature = "serve")]
        "key" => super::key::KeyArgs::augment_args,
        #[cfg(feature = "serve")]
        "db" => super::db::Db::augment_args,
        #[cfg(feature = "serve")]
        "bench" => super::bench::Bench::augment_args,
        "explain" => explain::Explain::augment_args,
        "ports" => ports::PortNames::augment_args,
        "completions" => completions::Completions::augment_args,
        "man" => man::ManPages::augment_args,
        "config" => config::Config::augment_args,
        _ => return None,
    };

    Some(define(command))
}

/// The words of a command line that look like its command. The value of an option may look like one too; then
/// [`of_commands`] rejects the line, and the whole definition parses it.
fn command_words(args: &[OsString]) -> Vec<&str> {
    let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let Some(name) = words.find(|word| of_command(word).is_some()) else { return Vec::new() };
    if name != DISCOVER {
        return vec![name];
    }

    let sources = source_words();
    words.find(|word| sources.contains(word)).map_or_else(Vec::new, |source| vec![name, source])
}

/// The whole definition, with a hidden negation for every flag that settings may set.
pub(super) fn with_negations() -> Command {
    add_negations(Cli::command().mut_subcommands(examples_first))
}

/// What `--help` of a command consists of: the examples stand before the options.
const HELP: &str = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

fn examples_first(command: Command) -> Command {
    command.help_template(HELP).mut_subcommands(examples_first)
}

fn add_negations(command: Command) -> Command {
    let keys = Key::of_section(&command, &[]);
    let opposites: Vec<Arg> = keys.iter().filter(|key| key.kind() == Kind::Flag).map(opposite).collect();
    command.args(opposites).mut_subcommands(add_negations)
}

fn opposite(key: &Key<'_>) -> Arg {
    let opposite = format!("{NEGATION}{}", key.name());
    let arg = Arg::new(&opposite).long(&opposite).hide(true).action(ArgAction::SetTrue);
    arg.global(key.is_global()).overrides_with(key.id().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_alone_has_the_very_options_that_are_defined() {
        let whole = Cli::command();

        for command in whole.get_subcommands() {
            let name = command.get_name();
            for source in command.get_subcommands().map(Command::get_name).chain([""]) {
                let path = if source.is_empty() { vec![name] } else { vec![name, source] };
                let alone = of_commands(&[path]).unwrap();
                assert!(alone.get_arguments().eq(whole.get_arguments()), "above {name}");
                let alone = alone.find_subcommand(name).unwrap();
                assert!(alone.get_arguments().eq(command.get_arguments()), "{name}");
                if !source.is_empty() {
                    let alone = alone.find_subcommand(source).unwrap();
                    assert!(alone.get_arguments().eq(command.find_subcommand(source).unwrap().get_arguments()));
                }
            }
        }
    }

    #[test]
    fn the_words_of_a_command_are_found_among_options() {
        fn words(line: &str) -> String {
            let args: Vec<_> = line.split(' ').map(OsString::from).collect();
            command_words(&args).join(" ")
        }

        assert_eq!(words("portolan -o json discover --strict local -p 22"), "discover local");
        assert_eq!(words("portolan ports 80"), "ports");
        assert_eq!(words("portolan discover"), "", "a source is missing");
        assert_eq!(words("portolan --help"), "");
    }

    #[test]
    fn the_order_of_commands_and_options_stays() {
        fn names(command: &Command) -> Vec<String> {
            command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect()
        }

        assert_eq!(names(&with_negations()), names(&Cli::command()));
        with_negations().debug_assert();
    }
}
