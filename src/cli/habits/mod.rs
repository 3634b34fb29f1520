//! Options and commands of other tools that people type by habit, each with portolan's equivalent of it.

mod table;

use std::ffi::OsString;

use self::table::{ALONE, ANY, COMMANDS, HABITS, Habit, LOCAL, SCAN, SUBCOMMANDS};
use crate::clean::clean;

/// The option as it was typed, without its value. `rejected` is the part that the parser stopped at: it reads `-sV` as `-s`
/// with more to come.
fn typed<'a>(rejected: &'a str, args: &'a [OsString]) -> &'a str {
    let typed = args.iter().filter_map(|arg| arg.to_str()).find(|arg| arg.starts_with(rejected)).unwrap_or(rejected);
    typed.split('=').next().unwrap_or(typed)
}

/// An unknown option as messages name it: as it was typed if it is another tool's, because what is attached to any other may be
/// a password.
pub(super) fn shown<'a>(rejected: &'a str, args: &'a [OsString]) -> &'a str {
    let typed = typed(rejected, args);
    if HABITS.iter().any(|habit| habit.typed == typed) { typed } else { rejected }
}

/// What to type instead of an unknown option. `path` is portolan's command.
pub(super) fn option(path: &str, rejected: &str, args: &[OsString]) -> Option<String> {
    let command = path.rsplit(' ').next().filter(|name| *name != "portolan").unwrap_or_default();
    let typed = typed(rejected, args);

    let known = HABITS.iter().filter(|habit| habit.at == command || habit.at == ANY);
    let exact = known.clone().find(|habit| habit.typed == typed);
    if let Some(hint) = socket_letters(typed).filter(|_| exact.is_none() && command == LOCAL) {
        return Some(hint);
    }
    let exact = exact.or_else(|| known.clone().find(|habit| habit.typed == rejected));
    let habit = exact.or_else(|| {
        known.clone().find(|habit| habit.typed.strip_suffix('…').is_some_and(|start| typed.starts_with(start)))
    });
    let habit = habit?;
    let others = args.iter().filter_map(|arg| arg.to_str()).filter(|arg| *arg != typed && *arg != habit.typed);
    let others = others.filter_map(|arg| HABITS.iter().find(|other| other.at == habit.at && other.typed == arg));
    // At portolan itself the first one already says which command it is.
    let others = others.filter(|_| habit.at != ALONE).take(MAX_MORE);
    let more = others.map(|other| format!("{}: {}", other.typed, other.instead));
    Some([habit.hint()].into_iter().chain(more).collect::<Vec<_>>().join("; "))
}

/// Letters of ss and netstat in one word, as in `-tlnp`: those that choose sockets lead to an option.
fn socket_letters(typed: &str) -> Option<String> {
    let letters = typed.strip_prefix('-').filter(|letters| letters.len() > 1)?;
    if !letters.chars().all(|letter| "tulnpaeoxwd046".contains(letter)) {
        return None;
    }
    let kinds = [('t', " --tcp"), ('u', " --udp"), ('x', " --unix"), ('w', " --raw"), ('0', " --packet")];
    let chosen: String =
        kinds.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, option)| *option).collect();
    // These two are shown without any option.
    let chosen = if chosen == " --tcp --udp" { "" } else { &chosen };
    Some(format!("portolan's equivalent of ss's {typed}: `portolan local{chosen}`"))
}

/// More options of another tool that one hint answers.
const MAX_MORE: usize = 4;

/// What to type instead of an unknown command.
pub(super) fn command(word: &str) -> Option<String> {
    let known = COMMANDS.iter().find(|(known, _)| *known == word).map(|(_, instead)| format!("`{instead}`"));
    known.or_else(|| target(word)).map(|instead| format!("in portolan: {instead}"))
}

/// What to type instead of an unknown command below `path`.
pub(super) fn subcommand(path: &str, word: &str) -> Option<String> {
    let at = path.rsplit(' ').next()?;
    if at == "health" && word.contains("://") {
        return Some(
            "in portolan: `portolan validate URL`; `portolan health` is for the services of a registry".to_owned(),
        );
    }
    let known = SUBCOMMANDS.iter().find(|(known, name, _)| *known == at && *name == word);
    known.map(|(_, _, instead)| format!("in portolan: `{instead}`"))
}

/// What to type for a target without a command, as people do for nmap, curl and ping. Quotes nothing of a URL, which may hold a
/// password.
fn target(word: &str) -> Option<String> {
    if word.contains("://") {
        return Some("`portolan validate URL`".to_owned());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '/' | '[' | ']' | '_');
    let is_host = word == "localhost" || word.contains(['.', ':']) && word.chars().all(is_plain);

    // `::1` has colons and no port.
    let has_port = word.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match has_port {
        _ if !is_host => None,
        Some((_, port)) if port.parse::<u16>().is_err() => None,
        Some(_) => Some(format!("`portolan scan {word}`, or `portolan validate {word}`")),
        None => Some(format!("`portolan scan {word}`")),
    }
}

/// What to type instead of a word that a command does not take: kubectl's names of objects.
pub(super) fn argument(path: &str, word: &str) -> Option<String> {
    let name = word.rsplit('/').next().filter(|name| !name.is_empty())?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) {
        return None;
    }

    match name {
        _ if path != "portolan discover k8s" => None,
        "get" | "svc" | "service" | "services" | "endpoints" | "endpointslices" => {
            Some("in portolan: leave the word out; services are listed with their endpoints".to_owned())
        }
        "po" | "pod" | "pods" => Some("in portolan: --pods".to_owned()),
        "ing" | "ingress" | "ingresses" => Some("in portolan: --ingress".to_owned()),
        name => Some(format!("in portolan: --field-selector metadata.name={name}")),
    }
}

/// What to type instead of nmap's `-oX` and `-T4`, which read as `-o X` and `-T 4`.
pub(super) fn attached(argument: &str, value: &str) -> Option<String> {
    let short = match argument {
        "--output" if matches!(value, "jsonpath" | "jsonpath-file" | "go-template" | "template") => {
            return Some(format!("portolan's equivalent of kubectl's -o {value}: --json, for jq"));
        }
        "--output" if value.starts_with("custom-columns") => {
            return Some("portolan's equivalent of kubectl's -o custom-columns: --columns NAMES".to_owned());
        }
        "--output" => "-o",
        "--pace" => "-T",
        _ => return None,
    };
    let typed = |habit: &&Habit| habit.at == SCAN && habit.typed.strip_prefix(short) == Some(value);

    let habit = HABITS.iter().find(typed).map(Habit::hint);
    habit.or_else(|| format_of_file(value).filter(|_| short == "-o"))
}

/// The format that the name of a file stands for, as `-o page.html` of curl means a file.
fn format_of_file(file: &str) -> Option<String> {
    let format = match file.rsplit_once('.')?.1 {
        "html" | "htm" => "html",
        "json" => "json",
        "ndjson" | "jsonl" => "ndjson",
        "csv" => "csv",
        "yaml" | "yml" => "yaml",
        "svg" => "svg",
        "dot" | "gv" => "dot",
        "prom" => "prometheus",
        "xml" => "junit",
        "txt" => "table",
        _ => return None,
    };

    Some(format!("a file comes after its format: -o {format}={}", clean(file)))
}

#[cfg(test)]
mod tests;
