//! Turns clap's errors into ours: one line that says what failed and why, and one hint.

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{habits, help};
use crate::clean::{MASK, clean, escaped, redacted_url};
use crate::error::{Error, nearest};
use crate::model::ParseError;
use crate::settings::NEGATION;

/// Longest list of values in a hint; longer ones belong into the manual.
const MAX_LISTED: usize = 20;

/// Why a value of the command line, the environment or a settings file is invalid.
pub(super) struct RejectedValue {
    /// The reason.
    pub(super) why: String,
    /// What to try instead.
    pub(super) hint: String,
}

impl RejectedValue {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }

    /// The part of clap's error that describes the value.
    pub(super) fn of_value(error: &clap::Error) -> Self {
        let value = refused_value(error).unwrap_or_default();
        match error.kind() {
            ErrorKind::ValueValidation => parser(error),
            ErrorKind::InvalidValue if value.is_empty() => Self::new("a value is missing", choices(error)),
            ErrorKind::InvalidValue => Self::new("there is no such value", choices(error)),
            ErrorKind::TooManyValues => Self::new("it takes no value", "leave the value out"),
            ErrorKind::InvalidUtf8 => Self::new("it is not UTF-8", "write it in UTF-8"),
            _ => Self::new(first_line(error), "try `portolan --help`"),
        }
    }
}

/// The option of `command` that was probably meant. A mistyped option is not meant to be the negation of a flag.
fn similar_option(argument: &str, command: &Command) -> Option<String> {
    let word = argument.strip_prefix("--")?;
    let names = command.get_arguments().filter_map(clap::Arg::get_long);
    let names: Vec<&str> = names.filter(|name| !name.starts_with(NEGATION) || word.starts_with(NEGATION)).collect();
    nearest(word, &names).map(|near| format!("--{near}"))
}

/// The value that clap's error is about.
pub(super) fn refused_value(error: &clap::Error) -> Option<String> {
    text(error, ContextKind::InvalidValue)
}

/// The value of an option or a settings key as it is shown. That of a header or a body may be a secret as a whole.
pub(super) fn shown_value(name: &str, value: &str) -> String {
    if matches!(name.trim_start_matches('-').rsplit('.').next(), Some("header" | "body")) && !value.is_empty() {
        return MASK.to_owned();
    }
    redacted_url(value).into_owned()
}

/// What to type in place of a `missing` argument: an example that has the option, or the first one for a word.
fn missing_example(command: &Command, missing: &str) -> String {
    let option = missing.split_whitespace().next().filter(|word| word.starts_with("--"));
    let examples = help::examples(command);
    let mut examples = examples.iter().filter_map(|example| example.split("  ").next()).filter(|text| !text.is_empty());
    let example = examples.find(|text| option.is_none_or(|option| text.split_whitespace().any(|word| word == option)));

    match (example, option) {
        (Some(example), _) => format!("as in `{example}`; "),
        (None, Some(option)) => format!("add {option}; "),
        (None, None) => String::new(),
    }
}

/// Converts a parsing error of clap. `command` and `args` are what clap parsed.
pub(super) fn error(error: &clap::Error, command: &Command, args: &[OsString]) -> Error {
    let (path, command) = asked_command(command, args);
    let help = format!("try `{path} --help`");
    let argument = argument(error);

    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Error::usage(&path, "no command is given", format!("{}; {help}", commands(command)))
        }
        ErrorKind::InvalidSubcommand => {
            let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            if args.get(1).is_some_and(|first| first == "help") {
                return unknown_topic(&word, command);
            }
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            // In `portolan catalog services`, the first word is wrong, although `services` is a command.
            let is_first = args.get(1).is_some_and(|first| *first == *word) && !names.contains(&&*word);
            let path = if is_first { "portolan".to_owned() } else { path };
            let habit = if path == "portolan" { habits::command(&word) } else { habits::subcommand(&path, &word) };
            let hint = habit.unwrap_or_else(|| match nearest(&word, &names) {
                Some(near) => format!("did you mean `{path} {near}`?"),
                None => format!("{}; {help}", commands(command)),
            });
            Error::usage(format!("'{}'", clean(&word)), format!("{path} has no such command"), hint)
        }
        ErrorKind::UnknownArgument => {
            let hint = habits::option(&path, &argument, args)
                .or_else(|| similar_option(&argument, command).map(|near| format!("did you mean {near}?")))
                .or_else(|| habits::argument(&path, &argument))
                .unwrap_or(help);
            let why = if argument.starts_with('-') { "has no such option" } else { "takes no such argument" };
            let shown = habits::shown(&argument, args);
            Error::usage(format!("'{}'", clean(shown)), format!("{path} {why}"), hint)
        }
        ErrorKind::ArgumentConflict => {
            let other = strings(error, ContextKind::PriorArg);
            let other: Vec<_> = other.iter().map(|arg| name(arg)).collect();
            if other.first() == Some(&argument.as_str()) {
                Error::usage(argument, "it is given twice", "give it once")
            } else {
                let other = other.join(" and ");
                Error::usage(argument, format!("it cannot be combined with {other}"), "leave one of them out")
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = strings(error, ContextKind::InvalidArg).join(" ");
            let hint = format!("{}{help}", missing_example(command, &missing));
            Error::usage(&path, format!("{missing} is missing"), hint)
        }
        // This is the only error that does not name its argument.
        ErrorKind::InvalidUtf8 => {
            let word = args.iter().find(|arg| arg.to_str().is_none()).map(|arg| arg.to_string_lossy());
            let RejectedValue { why, hint } = RejectedValue::of_value(error);
            Error::usage(format!("'{}'", clean(&word.unwrap_or_default())), why, hint)
        }
        _ => {
            let RejectedValue { why, mut hint } = RejectedValue::of_value(error);
            if let Some(habit) = refused_value(error).and_then(|value| habits::attached(&argument, &value)) {
                hint = habit;
            }
            let what = match refused_value(error) {
                Some(value) if !value.is_empty() || error.kind() == ErrorKind::ValueValidation => {
                    format!("{argument} '{}'", clean(&shown_value(&argument, &value)))
                }
                _ if argument.is_empty() => path,
                _ => argument,
            };
            Error::usage(what, why, hint)
        }
    }
}

/// The error of `portolan help WORD`.
fn unknown_topic(word: &str, command: &Command) -> Error {
    let topics = help::topic_names();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).chain(topics.iter().copied()).collect();
    let hint = match nearest(word, &names) {
        Some(near) => format!("did you mean `portolan help {near}`?"),
        None => format!("the topics are {}; `portolan help COMMAND` explains a command", topics.join(", ")),
    };
    Error::usage(format!("'{}'", clean(word)), "there is no such topic, and no such command", hint)
}

/// The error of a value's own parser.
fn parser(error: &clap::Error) -> RejectedValue {
    let Some(source) = error.source() else {
        return RejectedValue::new(first_line(error), "");
    };

    if let Some(error) = source.downcast_ref::<ParseError>() {
        RejectedValue::new(escaped(&error.to_string()), error.hint())
    } else if let Some(number) = source.downcast_ref::<ParseIntError>() {
        let too_large = *number.kind() == IntErrorKind::PosOverflow;
        let why = if too_large { "it is too large a number" } else { "it is not a whole number" };
        RejectedValue::new(why, "write a whole number, as in 3")
    } else if let Some(glob) = source.downcast_ref::<glob::PatternError>() {
        let why = format!("{} at character {}", glob.msg, glob.pos + 1);
        RejectedValue::new(
            why,
            "`*` stands for any text, `?` for one character, `[a-z]` for one of these, `[[]` for `[`",
        )
    } else {
        let why = source.to_string();
        out_of_range(&why).unwrap_or_else(|| RejectedValue::new(clean(&why), "try --help"))
    }
}

/// clap's `0 is not in 1..=1000`, which has no type of its own.
fn out_of_range(why: &str) -> Option<RejectedValue> {
    let (least, most) = why.split_once(" is not in ")?.1.split_once("..")?;
    let most = most.trim_start_matches('=');
    let is_any = [u32::MAX.to_string(), u64::MAX.to_string()].iter().any(|any| any == most);
    let hint = if is_any { format!("write {least} or more") } else { format!("write a number from {least} to {most}") };
    Some(RejectedValue::new("it is out of range", hint))
}

/// The possible values, and the one that was probably meant.
fn choices(error: &clap::Error) -> String {
    let valid = strings(error, ContextKind::ValidValue);
    let list = if valid.is_empty() || valid.len() > MAX_LISTED {
        "give one, or see --help".to_owned()
    } else {
        format!("the values are {}", valid.join(", "))
    };
    match text(error, ContextKind::SuggestedValue) {
        Some(near) => format!("did you mean '{near}'? {list}"),
        None => list,
    }
}

fn commands(command: &Command) -> String {
    let names: Vec<_> = command.get_subcommands().map(Command::get_name).filter(|&name| name != "help").collect();
    format!("the commands are {}", names.join(", "))
}

/// The command that the words of `args` lead to. An option's value with the name of a command is mistaken for it, which only
/// makes the hint name the wrong page.
pub(super) fn asked_command<'c>(root: &'c Command, args: &[OsString]) -> (String, &'c Command) {
    let mut path = root.get_name().to_owned();
    let mut command = root;
    for word in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        // `portolan help WORD` asks about the command that WORD leads to.
        if let Some(sub) = command.find_subcommand(word).filter(|sub| sub.get_name() != "help") {
            path.push(' ');
            path.push_str(sub.get_name());
            command = sub;
        }
    }
    (path, command)
}

/// The argument that an error is about, without its value's name.
fn argument(error: &clap::Error) -> String {
    let argument = text(error, ContextKind::InvalidArg).unwrap_or_default();
    if error.kind() == ErrorKind::UnknownArgument { argument } else { name(&argument).to_owned() }
}

/// `--ports` of clap's `--ports <PORTS>`; a positional argument, `[PORT]`, has no name but its value's.
fn name(argument: &str) -> &str {
    if argument.starts_with('-') {
        argument.split([' ', '=', '[']).next().unwrap_or(argument)
    } else {
        argument.strip_suffix("...").unwrap_or(argument).trim_matches(['<', '>'])
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn strings(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => Vec::new(),
    }
}

/// Fallback for kinds of errors that have no text of their own here.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    clean(line.strip_prefix("error: ").unwrap_or(line))
}
