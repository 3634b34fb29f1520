use clap::CommandFactory;

use super::table::K8S;
use super::*;
use crate::cli::Cli;

/// A habit that a command has as an option of its own would never be shown.
#[test]
fn every_habit_is_unknown_to_its_command() {
    assert!(HABITS.len() >= 60);
    let mut root = Cli::command();
    root.build();

    for Habit { typed, at, .. } in HABITS.iter().filter(|habit| habit.at != ANY) {
        let command = match *at {
            ALONE => &root,
            K8S => root.find_subcommand("discover").and_then(|discover| discover.find_subcommand(K8S)).unwrap(),
            name => root.find_subcommand(name).unwrap_or_else(|| panic!("{name} is a command")),
        };
        let long = typed.strip_prefix("--");
        let has_it = command.get_arguments().any(|arg| arg.get_long().is_some_and(|own| Some(own) == long));
        assert!(!has_it, "{at} has {typed} itself");
    }
}

/// What is typed instead must exist.
#[test]
fn every_command_named_instead_exists() {
    let root = Cli::command();
    let quoted = HABITS.iter().flat_map(|habit| habit.instead.split('`').skip(1).step_by(2));
    let below = SUBCOMMANDS.iter().map(|(_, _, instead)| *instead);

    for text in quoted.chain(COMMANDS.iter().map(|(_, instead)| *instead)).chain(below) {
        let word = text.strip_prefix("portolan ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        assert!(word.starts_with("--") || root.find_subcommand(word).is_some(), "{text}");
    }
    for (word, _) in COMMANDS {
        assert!(root.find_subcommand(word).is_none(), "{word} is a command of portolan");
    }

    for (at, word, _) in SUBCOMMANDS {
        let command = root.find_subcommand(at).unwrap_or_else(|| panic!("{at} is a command"));
        assert!(command.find_subcommand(word).is_none(), "{word} is a command of {at}");
    }
}

#[test]
fn a_word_is_found_as_it_was_typed() {
    let hint = |path: &str, rejected: &str, line: &str| {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        option(path, rejected, &args).unwrap_or_default()
    };
    assert_eq!(hint("portolan scan", "-P", "portolan scan -Pn h"), "portolan's equivalent of nmap's -Pn: --no-ping");
    assert_eq!(hint("portolan scan", "-s", "portolan scan -sV h"), "portolan's equivalent of nmap's -sV: --identify");
    assert_eq!(hint("portolan", "-t", "portolan -tulpn"), "portolan's equivalent of ss's -tulpn: `portolan local`");
    assert_eq!(hint("portolan", "-t", "portolan -tup"), "portolan's equivalent of ss's -t: `portolan local --tcp`");

    for (rejected, line, instead) in
        [("-t", "-tlnp", " --tcp"), ("-u", "-uln", " --udp"), ("-a", "-antup", ""), ("-l", "-l0wd", " --raw --packet")]
    {
        let expected = format!("portolan's equivalent of ss's {line}: `portolan local{instead}`");
        assert_eq!(hint("portolan local", rejected, &format!("portolan local {line}")), expected);
    }
    assert_eq!(hint("portolan local", "-t", "portolan local -t"), "portolan's equivalent of ss's -t: --tcp");
    let rate = hint("portolan scan", "--min-rate", "portolan scan --min-rate=5 h");
    assert!(rate.starts_with("portolan's equivalent of nmap's --min-rate: --rate N"), "{rate}");
    assert_eq!(hint("portolan scan", "--zzz", "portolan scan --zzz"), "");
    assert_eq!(attached("--output", "X").unwrap(), "portolan's equivalent of nmap's -oX: -o nmap-xml=FILE");
    assert_eq!(attached("--pace", "4").unwrap(), "portolan's equivalent of nmap's -T4: --pace fast");
    assert_eq!(attached("--pace", "quick"), None);
    assert_eq!(
        attached("--output", "jsonpath").unwrap(),
        "portolan's equivalent of kubectl's -o jsonpath: --json, for jq"
    );

    let object = |word| argument("portolan discover k8s", word).unwrap_or_default();
    assert_eq!(object("svc/web"), "in portolan: --field-selector metadata.name=web");
    assert_eq!((object("pods"), object("a b")), ("in portolan: --pods".to_owned(), String::new()));
    assert_eq!(argument("portolan discover local", "web"), None);

    let several = hint("portolan scan", "-P", "portolan scan -Pn -sV -p 1 h");
    assert_eq!(several, "portolan's equivalent of nmap's -Pn: --no-ping; -sV: --identify");
    let alone = hint("portolan", "-P", "portolan -Pn -sV h");
    assert_eq!(alone, "portolan's equivalent of nmap's -Pn: `portolan scan HOST --no-ping`");
}

#[test]
fn a_target_is_no_command() {
    for (word, expected) in [
        ("127.0.0.1", Some("`portolan scan 127.0.0.1`")),
        ("10.0.0.0/24", Some("`portolan scan 10.0.0.0/24`")),
        ("::1", Some("`portolan scan ::1`")),
        ("localhost:80", Some("`portolan scan localhost:80`, or `portolan validate localhost:80`")),
        ("[::1]:80", Some("`portolan scan [::1]:80`, or `portolan validate [::1]:80`")),
        ("https://user:secret@example.org/", Some("`portolan validate URL`")),
        ("xyzzy", None),
        ("a b.c", None),
        ("host:name", None),
    ] {
        let expected = expected.map(|expected| format!("in portolan: {expected}"));
        assert_eq!(command(word), expected, "{word}");
    }
}
