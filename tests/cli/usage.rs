//! Every misuse is one line and a hint.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{Portolan, portolan};

const PORTS: &str = "ports go from 1 to 65535";
const SORT: &str = "the values are port, address, proto, name, process, pid, user";

fn local(option: &str, value: &str) -> Portolan {
    portolan("discover local").args([option, value])
}

#[test]
fn ports() {
    local("-p", "0").is_refused("--ports '0': there is no port 0 to listen on", PORTS);
    local("-p", "70000").is_refused("--ports '70000': 70000 is larger than any port", PORTS);
    local("-p", "90-80").is_refused("--ports '90-80': the range runs backwards", "write 80-90");
    local("-p", "ssh-http").is_refused(
        "--ports 'ssh-http': a range takes numbers, not names",
        "write the numbers (22-80), or list the names with commas",
    );
    local("-p", "").is_refused("--ports '': no port is given", "write ports as 22,80,8000-9000");
    portolan("discover local -p").is_refused("--ports: a value is missing", "give one, or see --help");
    portolan("ports 70000").is_refused("[PORT] '70000': 70000 is larger than any port", PORTS);
}

#[test]
fn a_glob_that_does_not_parse() {
    local("--process", "[").is_refused(
        "--process '[': invalid range pattern at character 1",
        "`*` stands for any text, `?` for one character, `[a-z]` for one of these, `[[]` for `[`",
    );
}

#[test]
fn values_that_do_not_exist() {
    local("--sort", "nonsense").is_refused("--sort 'nonsense': there is no such value", SORT);
    let near = format!("did you mean 'proto'? {SORT}");
    local("--sort", "prot").is_refused("--sort 'prot': there is no such value", &near);
    local("--sort", "").is_refused("--sort: a value is missing", SORT);
    local("--output", "jsn").is_refused(
        "--output 'jsn': there is no such value",
        "did you mean 'json'? the values are table, wide, json, ndjson, csv, yaml, prometheus-sd, name",
    );
    portolan("discover local --tcp=yes").is_refused("--tcp 'yes': it takes no value", "leave the value out");
}

#[test]
fn unknown_words() {
    portolan("discover local --srot port")
        .is_refused("'--srot': portolan discover local has no such option", "did you mean --sort?");
    portolan("discover local --xyzzy")
        .is_refused("'--xyzzy': portolan discover local has no such option", "try `portolan discover local --help`");
    portolan("discover locl")
        .is_refused("'locl': portolan discover has no such command", "did you mean `portolan discover local`?");
    portolan("help locl").is_refused(
        "'locl': portolan has no such command",
        "the commands are discover, ports, completions, man, config; try `portolan --help`",
    );
    portolan("discover local extra")
        .is_refused("'extra': portolan discover local takes no such argument", "try `portolan discover local --help`");
}

#[test]
fn missing_words() {
    portolan("").is_refused(
        "portolan: no command is given",
        "the commands are discover, ports, completions, man, config; try `portolan --help`",
    );
    portolan("config")
        .is_refused("portolan config: no command is given", "the commands are show; try `portolan config --help`");
    portolan("completions").is_refused("portolan completions: <SHELL> is missing", "try `portolan completions --help`");
    portolan("completions csh").is_refused(
        "<SHELL> 'csh': there is no such value",
        "did you mean 'zsh'? the values are bash, elvish, fish, powershell, zsh",
    );
}

#[test]
fn options_that_exclude_each_other() {
    portolan("ports --json -o yaml")
        .is_refused("--json: it does not go together with --output", "leave one of them out");
    portolan("discover local --unix -p 22")
        .is_refused("--unix: it does not go together with --ports", "leave one of them out");
    portolan("discover local --sort port --sort pid").is_refused("--sort: it is given twice", "give it once");
    portolan("ports -o csv")
        .is_refused("--output 'csv': portolan ports does not write csv", "leave it out, or write --json");
}

#[test]
fn what_is_not_utf8() {
    let not_utf8 = OsStr::from_bytes(b"caf\xe9");
    portolan("discover local -p").args([not_utf8]).is_refused("'caf\u{fffd}': it is not UTF-8", "write it in UTF-8");
    portolan("discover").args([not_utf8]).is_refused(
        "'caf\u{fffd}': portolan discover has no such command",
        "the commands are local; try `portolan discover --help`",
    );
}

#[test]
fn what_a_terminal_would_obey_is_shown_escaped() {
    let help = "try `portolan discover local --help`";
    local("--\u{1b}[2J\n\u{202e}", "x")
        .is_refused("'--\\u{1b}[2J\\n\\u{202e}': portolan discover local has no such option", help);
    local("--sort", "\u{9b}31m\u{7f}").is_refused("--sort '\\u{9b}31m\\u{7f}': there is no such value", SORT);
    local("-p", "\u{1b}]0;x\u{7}").is_refused(
        "--ports '\\u{1b}]0;x\\u{7}': '\\u{1b}]0;x\\u{7}' is neither a port nor a known name",
        "write numbers, or names from `portolan ports`",
    );
    let long = "x".repeat(100_000);
    let ran = local("--sort", &long).run();
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 2));
    assert!(ran.stderr.len() < 1000, "{} bytes", ran.stderr.len());
}
