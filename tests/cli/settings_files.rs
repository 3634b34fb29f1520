//! Invalid settings files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{Portolan, RunOutput, portolan, with_settings};

const MEND: &str = "fix that line, or name another file with --config";
const NAME: &str = "name a file, or /dev/null for no settings at all";
const THERE: &str = "name an existing file with --config";

#[test]
fn broken_toml_is_reported_with_its_line() {
    with_settings("quiet = true\noutput = json\n", "ports")
        .refuses("settings c.toml:2:10: string values must be quoted, expected literal string", MEND);
    with_settings("é = \"x\" y", "ports")
        .refuses("settings c.toml:1:9: unexpected key or value, expected newline, `#`", MEND);
    with_settings("quiet = true\nquiet = false", "ports").refuses("settings c.toml:2:1: duplicate key", MEND);
    with_settings("[discover]\n[discover]", "ports").refuses("settings c.toml:2:2: duplicate key", MEND);
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for text in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{a=".repeat(100_000),
        "a.".repeat(100_000) + "b = 1",
    ] {
        let ran = with_settings(&text, "ports").run();
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 2), "{}", ran.stderr);
        assert!(ran.stderr.contains("recur"), "{}", ran.stderr);
    }
}

#[test]
fn other_encodings() {
    let utf16: Vec<u8> = "\u{feff}quiet = true".encode_utf16().flat_map(u16::to_le_bytes).collect();
    portolan("ports --config c.toml")
        .file("c.toml", utf16)
        .refuses("settings c.toml: it is not UTF-8", "save it as UTF-8");
    let ran = with_settings("\u{feff}quiet = true", "config show").run();
    assert!(ran.stdout.contains("quiet = true  # from c.toml:1"), "{ran:?}");
    with_settings("\"a\\u001b[2J\\n\" = 1", "ports").refuses(
        "settings c.toml:1:1: there is no key 'a\\u{1b}[2J\\n' at the top",
        "the keys here are color, output, quiet, discover, validate, score, wait, resolve, register, health, audit, export, drift, agent, sync, doctor, key, db, config; `portolan config show` prints all keys",
    );
}

#[test]
fn a_path_that_is_not_a_file_is_not_opened() {
    portolan("ports --config .").refuses("settings .: it is a directory", NAME);
    portolan("ports --config /dev/zero").refuses("settings /dev/zero: it is not a regular file", NAME);
    portolan("ports --config gone").refuses("settings gone: No such file or directory", THERE);

    let with_fifo = portolan("ports --config fifo");
    assert!(Command::new("mkfifo").arg(with_fifo.path("fifo")).status().unwrap().success());
    with_fifo.refuses("settings fifo: it is not a regular file", NAME);

    let with_loop = portolan("ports --config loop");
    symlink("loop", with_loop.path("loop")).unwrap();
    with_loop.refuses("settings loop: Too many levels of symbolic links", THERE);

    assert_eq!(portolan("ports --config /dev/null").run().code, Some(0));
}

#[test]
fn a_file_that_is_too_large() {
    let megabyte = "#".repeat(1024 * 1024);
    assert_eq!(with_settings(&megabyte, "ports").run().code, Some(0));
    with_settings(&(megabyte + "#"), "ports")
        .refuses("settings c.toml: it is larger than 1 MiB", "name another file with --config");
}

/// Runs as an unprivileged user, whichever user runs the tests.
fn run_unprivileged(mut portolan: Portolan) -> RunOutput {
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let mut command = Command::new(portolan.public_copy());
        command.args(portolan.command.get_args()).env_clear().current_dir(&portolan.directory).uid(65534).gid(65534);
        let set = portolan.command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>());
        portolan.command = command;
    }
    portolan.run()
}

#[test]
fn a_file_that_may_not_be_read() {
    let unreadable = with_settings("quiet = true", "ports");
    fs::set_permissions(unreadable.path("c.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    let ran = run_unprivileged(unreadable);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        "error: cannot use settings c.toml: Permission denied\n\
         hint: make it readable, or name another file with --config\n"
    );
}

#[test]
fn settings_in_a_home_of_another_user_are_ignored() {
    let closed = portolan("ports ssh");
    fs::create_dir(closed.path("home")).unwrap();
    fs::set_permissions(closed.path("home"), fs::Permissions::from_mode(0o000)).unwrap();
    let home = closed.path("home");
    let ran = run_unprivileged(closed.env("HOME", home));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
