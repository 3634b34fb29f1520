//! The layout of `-h`: what the command does, three examples, and the options that people use, on one screen.

use std::fmt::Write;

use clap::builder::styling::Style;
use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, Command};

use super::selection::{COMMANDS, EXAMPLES, options_of};
use super::wrapped;

/// The screen that the short help fits, in characters; a narrower terminal wraps more, a wider one less.
const WIDTH: usize = 80;
/// The widest terminal that lines are laid out for: longer ones are hard to read.
const MAX_WIDTH: usize = 100;
/// The indent of a usage line that continues the one before.
const USAGE_INDENT: &str = "    ";
/// As wide as `Usage: `.
const USAGE_START: &str = "       ";
/// Examples of each command.
const MAX_EXAMPLES: usize = 3;
/// The widest name of an option that its description stands beside.
const MAX_NAME: usize = 28;
/// Headings of options that many commands share; a command that is not in the selection leaves them out.
const SHARED_HEADINGS: [&str; 3] = ["Watch", "Identification", "Global options"];
/// The longest list of possible values, in characters.
const MAX_VALUES: usize = 30;

/// The short help of a command that is built; `path`: how it is typed. `columns`: the width of the terminal, if there is one.
pub(in crate::cli) fn short_help(path: &str, command: &Command, columns: Option<u16>) -> StyledStr {
    let width = columns.map_or(WIDTH, usize::from).clamp(20, MAX_WIDTH);
    let mut page = HelpPage { text: String::new(), width, heading: *command.get_styles().get_header() };
    page.command(path, command);
    page.text.into()
}

/// A text that grows.
struct HelpPage {
    text: String,
    width: usize,
    heading: Style,
}

impl HelpPage {
    fn command(&mut self, path: &str, command: &Command) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        self.paragraph(&about);
        self.line("");

        let usage = command.clone().render_usage().to_string();
        for (way, usage) in usage.lines().enumerate() {
            // A second way to use the command stands below the first one.
            let start = if way > 0 { USAGE_START } else { "" };
            let width = self.width.saturating_sub(USAGE_INDENT.len() + start.len());
            for (at, line) in wrapped(usage.trim_start(), width).iter().enumerate() {
                let indent = if at > 0 { USAGE_INDENT } else { "" };
                self.line(&format!("{start}{indent}{line}"));
            }
        }

        self.examples(path, command);
        self.subcommands(path, command);
        let arguments = shown_arguments(path, command);
        for (heading, group) in grouped(&arguments) {
            self.heading(heading);
            self.arguments(&group);
        }
        self.more(path, command, arguments.len());
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        for line in wrapped(text, self.width) {
            self.line(&line);
        }
    }

    fn heading(&mut self, heading: &str) {
        let style = self.heading;
        // Writing to a String never fails.
        let _ = writeln!(self.text, "\n{style}{heading}:{style:#}");
    }

    fn examples(&mut self, path: &str, command: &Command) {
        let own = examples(command);
        let examples: Vec<&str> = if path == "portolan" {
            EXAMPLES.to_vec()
        } else {
            own.iter().filter_map(|line| fitting(line)).take(MAX_EXAMPLES).collect()
        };
        if examples.is_empty() {
            return;
        }

        self.heading("Examples");
        for example in examples {
            self.line(&format!("  {example}"));
        }
    }

    fn subcommands(&mut self, path: &str, command: &Command) {
        let mut below: Vec<&Command> =
            command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()).collect();
        if below.is_empty() {
            return;
        }

        self.heading("Commands");
        let all: Vec<&str> = below.iter().map(|sub| sub.get_name()).collect();
        if path == "portolan" {
            below.retain(|sub| COMMANDS.contains(&sub.get_name()));
            below.sort_by_key(|sub| COMMANDS.iter().position(|&name| name == sub.get_name()));
        }
        let names = below.iter().map(|sub| sub.get_name().len()).max().unwrap_or_default();
        for sub in &below {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            self.entry(sub.get_name(), names, first_clause(&about));
        }

        let others: Vec<&str> =
            all.into_iter().filter(|name| !below.iter().any(|sub| sub.get_name() == *name)).collect();
        if !others.is_empty() {
            for line in wrapped(&format!("and {}", others.join(", ")), self.width - 2) {
                self.line(&format!("  {line}"));
            }
        }
    }

    fn arguments(&mut self, arguments: &[&Arg]) {
        let names: Vec<String> = arguments.iter().map(|argument| name(argument)).collect();
        let widest = names.iter().map(String::len).filter(|&len| len <= MAX_NAME).max().unwrap_or_default();
        for (argument, name) in arguments.iter().zip(&names) {
            self.entry(name, widest, &description(argument));
        }
    }

    /// A name with its description beside it, or below it if the name is too long.
    fn entry(&mut self, name: &str, widest: usize, description: &str) {
        let indent = 2 + widest + 2;
        let lines = wrapped(description, self.width.saturating_sub(indent).max(1));
        let mut lines = lines.iter();
        if name.len() <= widest {
            let first = lines.next().map(String::as_str).unwrap_or_default();
            self.line(format!("  {name:widest$}  {first}").trim_end());
        } else {
            self.line(&format!("  {name}"));
        }

        for line in lines {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// Where the rest is.
    fn more(&mut self, path: &str, command: &Command, shown: usize) {
        let all = command.get_arguments().filter(|argument| !argument.is_hide_set()).count();
        let rest = if shown < all { format!("all {all} options") } else { "more of each option".to_owned() };
        self.line("");
        self.line(&format!("`{path} --help` has {rest}."));
        self.paragraph(&format!("`portolan help TOPIC` for {}.", super::topics::names().join(", ")));
    }
}

/// An example that fits a line, if necessary without what it is for; `None` if it is too long even so.
fn fitting(line: &str) -> Option<&str> {
    let code = line.split("  ").next().unwrap_or(line);
    [line, code].into_iter().find(|text| text.chars().count() + 2 <= WIDTH)
}

/// The lines of the examples of a command.
pub(in crate::cli) fn examples(command: &Command) -> Vec<String> {
    let text = command.get_after_help().or(command.get_after_long_help()).map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    // A line that is indented further belongs to the one before it.
    lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))).map(str::to_owned).collect()
}

/// What comes before explanations and examples: `--help` has the rest.
fn first_clause(text: &str) -> &str {
    let ends = ["; ", ": ", ", as in ", ". "].into_iter().filter_map(|end| {
        let at = text.find(end)?;
        // `[default: x]` is one word.
        let before = text.get(..at).filter(|before| !before.ends_with("[default"))?;
        // No other bracket is cut in two.
        let open = before.rfind('[').filter(|open| !before[*open..].contains(']'));
        Some(open.unwrap_or(at))
    });
    ends.min().and_then(|at| text.get(..at)).unwrap_or(text).trim_end()
}

/// The arguments that the short help shows, in its order.
fn shown_arguments<'c>(path: &str, command: &'c Command) -> Vec<&'c Arg> {
    let positional = command.get_positionals().filter(|argument| !argument.is_hide_set());
    let named = |name: &&str| command.get_arguments().find(|argument| argument.get_long() == Some(*name));
    let options: Vec<&Arg> = match options_of(path) {
        Some(names) => names.iter().filter_map(named).collect(),
        None => command.get_opts().chain(command.get_arguments().filter(is_flag)).filter(|arg| is_own(arg)).collect(),
    };
    positional.chain(options).collect()
}

fn is_flag(argument: &&Arg) -> bool {
    !argument.is_positional() && !argument.get_action().takes_values()
}

/// Whether an option belongs to the command itself.
fn is_own(argument: &Arg) -> bool {
    let is_everywhere =
        matches!(argument.get_id().as_str(), "help" | "version") && !argument.get_action().takes_values();
    let is_shared = argument.get_help_heading().is_some_and(|heading| SHARED_HEADINGS.contains(&heading));
    !is_everywhere && !is_shared && !argument.is_hide_set()
}

/// Arguments by heading, in the order of their first one.
fn grouped<'a>(arguments: &[&'a Arg]) -> Vec<(&'a str, Vec<&'a Arg>)> {
    let mut groups: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for &argument in arguments {
        let heading = heading(argument);
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, group)) => group.push(argument),
            None => groups.push((heading, vec![argument])),
        }
    }
    groups
}

/// The heading in the short help, which has fewer of them: targets, options, output.
fn heading(argument: &Arg) -> &str {
    match argument.get_help_heading() {
        _ if argument.is_positional() => "Targets",
        Some("Output" | "Watch" | "Identification" | "Global options") => "Output",
        Some("Filters" | "Ports" | "Targets") => "Filters",
        _ => "Options",
    }
}

/// `-p, --ports <PORTS>`, `[PORT]...`
fn name(argument: &Arg) -> String {
    match argument.get_short() {
        Some(short) => format!("-{short}, {argument}"),
        None if argument.is_positional() => argument.to_string(),
        None => format!("    {argument}"),
    }
}

/// What an option does, with its default and its values where they are few.
fn description(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = first_clause(&help).to_owned();
    // A default that the text names stays.
    if let Some((_, default)) = help.split_once(" [default: ").filter(|_| !text.contains("[default: ")) {
        let _ = write!(text, " [default: {default}");
    }
    let is_plain = argument.get_action().takes_values() && !argument.is_hide_default_value_set();
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if is_plain && !defaults.is_empty() && !text.contains("[default") {
        let _ = write!(text, " [default: {}]", defaults.join(","));
    }

    let values = argument.get_possible_values();
    let names: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(PossibleValue::get_name).collect();
    let list = names.join(", ");
    if argument.get_action().takes_values() && !names.is_empty() && list.len() <= MAX_VALUES {
        let _ = write!(text, " [{list}]");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::help::selection::options_of;
    use crate::cli::{Cli, definition, usage};

    /// The rows of a terminal that a page must fit.
    const ROWS: usize = 40;

    /// Every command with the words that lead to it.
    fn commands(command: &Command, path: &[String]) -> Vec<Vec<String>> {
        let path = [path, &[command.get_name().to_owned()]].concat();
        let below = command.get_subcommands().filter(|sub| sub.get_name() != "help");
        let below: Vec<_> = below.flat_map(|sub| commands(sub, &path)).collect();
        [vec![path], below].concat()
    }

    /// The whole definition, built, and every command as it is typed.
    fn built() -> (Command, Vec<Vec<OsString>>) {
        let mut root = definition::with_negations();
        root.build();
        let lines = commands(&Cli::command(), &[]);
        (root, lines.iter().map(|path| path.iter().map(OsString::from).collect()).collect())
    }

    fn shown(root: &Command, args: &[OsString]) -> StyledStr {
        let (path, command) = usage::asked_command(root, args);
        short_help(&path, command, None)
    }

    #[test]
    fn the_short_help_of_each_command_fits_a_screen() {
        let (root, lines) = built();
        let mut wrong = Vec::new();
        for args in &lines {
            let text = shown(&root, args).to_string();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
            let is_whole = text.matches('[').count() == text.matches(']').count();
            if text.lines().count() > ROWS || widest > WIDTH || !is_whole {
                wrong.push(format!("{args:?} {} lines, {widest} columns", text.lines().count()));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_command_has_three_examples_that_it_accepts() {
        let (root, lines) = built();
        let mut wrong = Vec::new();
        for args in &lines {
            let (name, command) = usage::asked_command(&root, args);
            if command.has_subcommands() {
                continue;
            }

            let examples = examples(command);
            if examples.len() < MAX_EXAMPLES {
                wrong.push(format!("{name}: {} examples", examples.len()));
            }
            wrong.extend(examples.iter().filter_map(|line| refusal(&root, line)));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Why an example is no command line that portolan accepts.
    fn refusal(root: &Command, line: &str) -> Option<String> {
        let code = line.split("  ").next().unwrap_or_default();
        // Of `kill $(portolan who --pid 80)`, what is in the parentheses.
        let code = code.split_once("$(portolan").and_then(|(_, rest)| rest.split_once(')'));
        let code = code.map_or_else(
            || line.split("  ").next().unwrap_or_default().to_owned(),
            |(rest, _)| format!("portolan{rest}"),
        );
        let words = shlex::split(&code)?;
        let start = words.iter().position(|word| word == "portolan")?;

        let end = words.iter().position(|word| matches!(word.as_str(), "|" | "||" | "&&" | ">"));
        let words = words.get(start..end.filter(|&end| end > start).unwrap_or(words.len()))?;
        let parsed = root.clone().try_get_matches_from(words);
        parsed.err().map(|error| format!("{line}: {}", error.to_string().lines().next().unwrap_or_default()))
    }

    #[test]
    fn explanations_are_left_to_the_long_help() {
        for (text, shown) in [
            ("Show only these ports: numbers, ranges", "Show only these ports"),
            ("Sort by a column; FIELD:desc sorts in reverse", "Sort by a column"),
            ("Show TCP listeners [default: TCP and UDP]", "Show TCP listeners [default: TCP and UDP]"),
            ("Keep running", "Keep running"),
        ] {
            assert_eq!(first_clause(text), shown);
        }
    }

    #[test]
    fn the_selected_options_exist() {
        let (root, lines) = built();
        for args in &lines {
            let (name, command) = usage::asked_command(&root, args);
            for option in options_of(&name).unwrap_or_default() {
                assert!(command.get_arguments().any(|arg| arg.get_long() == Some(option)), "{name} --{option}");
            }
        }
    }

    #[test]
    fn the_root_names_every_command() {
        let (root, _) = built();
        let text = shown(&root, &["portolan".into()]).to_string();
        let words: Vec<&str> = text.split([' ', ',', '\n']).collect();
        for command in Cli::command().get_subcommands() {
            assert!(words.contains(&command.get_name()), "{}", command.get_name());
        }
    }
}
