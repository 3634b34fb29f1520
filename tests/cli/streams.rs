//! Pipes that close, disks that are full, terminals that are odd.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use super::{Portolan, RunOutput, portolan};

const COMMANDS: [&str; 6] = ["--help", "-h", "--version", "ports", "config show", "completions bash"];

/// Runs a line of the shell in which `$P` is portolan.
fn shell(portolan: &Portolan, line: &str) -> RunOutput {
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", line]).env_clear().current_dir(&portolan.directory);
    command.env("P", env!("CARGO_BIN_EXE_portolan")).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().unwrap().into()
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    for words in COMMANDS {
        // `true` reads nothing at all; PIPESTATUS is portolan's own code.
        let line = format!("$P {words} | true; echo ${{PIPESTATUS[0]}}");
        let ran = shell(&Portolan::new(), &line);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("0\n", ""), "{words}");
    }
    let ran = shell(&Portolan::new(), "$P ports | head -1; echo ${PIPESTATUS[0]}");
    assert!(ran.stdout.starts_with("PORT ") && ran.stdout.ends_with(" ABOUT\n0\n"), "{ran:?}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_full_disk_is_reported() {
    for words in COMMANDS {
        let mut portolan = portolan(words);
        portolan.command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
        let ran = portolan.run();
        let expected = "error: cannot write to standard output: No space left on device\n\
                        hint: free some space or write somewhere else\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), expected), "{words}");
    }
}

#[test]
fn closed_descriptors_are_no_panic() {
    for words in COMMANDS {
        let ran = shell(&Portolan::new(), &format!("$P {words} >&- 2>err; echo $?; cat err"));
        assert_eq!(ran.stdout, "0\n", "{words}");
        let ran = shell(&Portolan::new(), &format!("$P {words} <&- >&- 2>&-; echo $?"));
        assert_eq!(ran.stdout, "0\n", "{words}");
    }
    // The error message is lost; the exit code still reports it.
    for line in ["$P nonsense 2>&-; echo $?", "$P nonsense 2>/dev/full; echo $?"] {
        assert_eq!(shell(&Portolan::new(), line).stdout, "2\n", "{line}");
    }
}

#[test]
fn odd_terminals_are_no_panic() {
    for words in COMMANDS {
        for (name, value) in [("COLUMNS", "1"), ("COLUMNS", "0"), ("COLUMNS", "99999999"), ("TERM", "dumb")] {
            let ran = portolan(words).env(name, value).run();
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}={value} {words}");
            assert!(!ran.stdout.is_empty() && !ran.stdout.contains('\u{1b}'), "{name}={value} {words}");
        }
    }
}

#[test]
fn help_is_data_and_an_error_is_not() {
    for words in ["--help", "-h", "help", "help discover", "discover local -h", "--version", "discover local --version"]
    {
        let ran = portolan(words).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words}");
        assert!(ran.stdout.ends_with('\n') && !ran.stdout.ends_with("\n\n"), "{words}");
    }
    let short = format!("portolan {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(portolan("-V").run().stdout, short);
    let long = portolan("--version").run().stdout;

    let names: Vec<&str> = long.lines().skip(1).filter_map(|line| line.split("  ").next()).collect();
    assert!(long.starts_with(&short), "{long}");
    assert_eq!(names, ["commit", "target", "features"], "{long}");
}

#[test]
fn portolan_without_any_argument_or_name_is_no_panic() {
    let mut command = Command::new("bash");
    // Not even the program name is passed.
    command.args(["--norc", "-c", "exec -a '' \"$P\""]).env_clear().env("P", env!("CARGO_BIN_EXE_portolan"));
    let ran = RunOutput::from(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.starts_with("error: cannot use portolan: no command is given\n"), "{}", ran.stderr);
}
