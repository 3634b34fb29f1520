//! What the long help and every man page say alike: exit codes, variables, files.

use std::fmt::Write;

/// A word and what it means.
pub(super) type Entry = (&'static str, &'static str);

pub(super) const EXIT_STATUS: &[Entry] = &[
    ("0", "Done, and every threshold was met"),
    ("1", "The asked condition failed, as in --fail-empty"),
    ("2", "The command line or the settings cannot be used; nothing was done"),
    ("3", "Incomplete: something could not be read or written; what could be is printed"),
    ("4", "Rights are missing to see what was asked for, such as an owner, with --strict"),
    ("5", "A server refused"),
    ("126, 127", "What `wait` was to become cannot be run, or is not there"),
    ("129, 130, 143", "Stopped by SIGHUP, SIGINT or SIGTERM; what was found until then is printed"),
];

pub(super) const ENVIRONMENT: &[Entry] = &[
    ("PORTOLAN_CONFIG", "The settings file, unless --config names one"),
    ("PORTOLAN_OUTPUT", "What --output is when it is not given"),
    ("PORTOLAN_COLOR", "What --color is when it is not given"),
    ("PORTOLAN_QUIET", "1 or true: --quiet without saying so"),
    ("KUBECONFIG", "What --kubeconfig of `discover k8s` is when it is not given: files, with colons between them"),
    ("K8S_NAMESPACE", "Likewise for --namespace"),
    ("K8S_LABEL_SELECTOR", "Likewise for --selector"),
    ("K8S_IN_CLUSTER", "1 or true: `discover k8s` asks as the pod that it runs in"),
    ("NO_COLOR", "Anything but nothing: no colour, unless --color or a setting asks for it"),
    ("COLUMNS", "The width of the terminal, if not what the terminal says"),
];

pub(super) const FILES: &[Entry] = &[("$XDG_CONFIG_HOME/portolan/config.toml", "Settings; they need not exist")];

/// How settings work, in a paragraph.
pub(super) const SETTINGS: &str = "A settings file is TOML: the keys are the long names of options, the sections the commands that take \
     them, as in [discover.local] with sort = \"name\"; output, color and quiet stand above the first section. An option on the \
     command line goes before an environment variable, which goes before the file. --no-FLAG takes back a flag that \
     a setting turned on, and --config /dev/null leaves every file out. `portolan config show` prints all settings \
     with their origin, ready to be a file.";

/// Of several exit codes, the one that is told.
pub(super) const EXIT_ORDER: &str =
    "Where several hold, 2 is told before 129, 130 and 143, these before 5, 4, 3 and 1.";

/// All of it, for the end of `portolan --help`.
pub(super) fn long_help() -> String {
    let mut text = format!("Settings:\n  {SETTINGS}\n");
    for (heading, entries) in [("Exit status", EXIT_STATUS), ("Environment", ENVIRONMENT), ("Files", FILES)] {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{heading}:\n");
        for (word, meaning) in entries {
            let _ = writeln!(text, "  {word:<15}  {meaning}");
        }
        if heading == "Exit status" {
            let _ = writeln!(text, "  {EXIT_ORDER}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::exit::Exit;
    use crate::settings::Key;

    #[test]
    fn every_variable_that_is_read_is_documented() {
        for variable in Key::all(&Cli::command()).iter().filter_map(Key::variable) {
            assert!(ENVIRONMENT.iter().any(|(name, _)| *name == variable), "{variable}");
        }
    }

    #[test]
    fn every_exit_code_is_documented() {
        let codes: Vec<&str> = EXIT_STATUS.iter().flat_map(|(code, _)| code.split(", ")).collect();
        for exit in [
            Exit::Done,
            Exit::ConditionFailed,
            Exit::Usage,
            Exit::Incomplete,
            Exit::RightsMissing,
            Exit::Refused,
            Exit::CommandUnusable,
            Exit::NoCommand,
            Exit::HungUp,
            Exit::Interrupted,
            Exit::Terminated,
        ] {
            assert!(codes.contains(&exit.code().to_string().as_str()), "{exit:?}");
        }
    }
}
