//! `-h`, `portolan help TOPIC` and the manual pages, as a new user reads them.

use super::portolan;

/// The height and the width of a terminal that the short help fits.
const SCREEN: (usize, usize) = (40, 80);

#[test]
fn the_short_help_fits_a_terminal() {
    let commands = ["", "local", "scan", "discover", "discover k8s", "validate", "wait", "register", "serve", "man"];
    for command in commands {
        let ran = portolan(command).args(["-h"]).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command}");
        let widest = ran.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(ran.stdout.lines().count() <= SCREEN.0 && widest <= SCREEN.1, "{command}\n{}", ran.stdout);
        assert!(ran.stdout.contains("\nExamples:\n  portolan "), "{command}");
    }
}

#[test]
fn the_long_help_has_what_the_short_one_leaves_out() {
    let (short, long) = (portolan("local -h").run().stdout, portolan("local --help").run().stdout);
    assert!(!short.contains("--common-ports") && long.contains("--common-ports"));
    assert!(short.contains("`portolan local --help`"), "{short}");
    let place = |text: &str| long.find(text).unwrap_or_else(|| panic!("no {text} in\n{long}"));
    assert!(place("Examples:") < place("Filters:") && place("Filters:") < place("Output:"));
}

#[test]
fn each_topic_is_a_page() {
    for (topic, words) in [
        ("output", ["--columns", "prometheus-sd", "NO_COLOR"]),
        ("filters", ["8000-9000", "nginx*", "--until"]),
        ("watch", ["--exec", "synced", "Ctrl-C"]),
        ("exit-codes", ["130", "permission", "--min-score"]),
        ("permissions", ["CAP_NET_RAW", "CAP_SYS_PTRACE", "setcap"]),
    ] {
        let ran = portolan("help").args([topic]).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{topic}");
        for word in words {
            assert!(ran.stdout.to_lowercase().contains(&word.to_lowercase()), "{topic} {word}");
        }
    }
    portolan("help nonsense").refuses(
        "'nonsense': there is no such topic, and no such command",
        "the topics are output, filters, watch, permissions, exit-codes; `portolan help COMMAND` explains a command",
    );

    portolan("help outptu")
        .refuses("'outptu': there is no such topic, and no such command", "did you mean `portolan help output`?");
}
