//! `portolan help TOPIC`: what many commands share, in one place.

use std::ffi::OsString;
use std::fmt::Write;

use clap::ValueEnum;

use super::reference::{EXIT_ORDER, EXIT_STATUS};
use super::wrapped;
use crate::output::FormatName;

/// A page of `portolan help`.
struct Topic {
    name: &'static str,
    text: fn() -> String,
}

const TOPICS: [Topic; 5] = [
    Topic { name: "output", text: output },
    Topic { name: "filters", text: || FILTERS.to_owned() },
    Topic { name: "watch", text: || WATCH.to_owned() },
    Topic { name: "permissions", text: || PERMISSIONS.to_owned() },
    Topic { name: "exit-codes", text: exit_codes },
];

/// The width that the pages are written for, in characters.
const WIDTH: usize = 80;

/// The names of all topics.
pub(in crate::cli) fn names() -> Vec<&'static str> {
    TOPICS.iter().map(|topic| topic.name).collect()
}

/// The text that `portolan help TOPIC` prints; `None` for any other command line.
pub(in crate::cli) fn topic(args: &[OsString]) -> Option<String> {
    let [_, help, name] = args else { return None };
    let topic = TOPICS.iter().find(|topic| help == "help" && name == topic.name)?;
    Some((topic.text)())
}

fn output() -> String {
    let mut text = String::from(
        "\
Output: data goes to stdout; summaries, notes, progress and errors go to stderr.

Formats (-o FORMAT):
",
    );
    for format in FormatName::value_variants() {
        let value = format.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string).unwrap_or_default();
        let name = value.as_ref().map(clap::builder::PossibleValue::get_name).unwrap_or_default();
        // Writing to a String never fails.
        let _ = writeln!(text, "  {name:<14} {help}");
    }
    text.push_str(OUTPUT_OPTIONS);
    text
}

const OUTPUT_OPTIONS: &str = "
Files:
  -o FORMAT=FILE     also write to a file; can be repeated. The file appears
                     once it is complete. The table still goes to stdout: add
                     >/dev/null to hide it
  --json             short for -o json

Tables:
  --columns A,B,C    show these columns, in this order; -o csv has all of them
  --sort FIELD       sort by a column; FIELD:desc sorts in reverse
  --group-by FIELD   a heading for each process, port, interface or unit
  --tree             listeners below their processes, those below their parents
  --no-headers       leave out the line of column names
On a terminal, a table fits its width. Columns without room are hidden, the
least important first; a line below the table names them. In a pipe nothing is
hidden or truncated.

Color:
  --color WHEN       auto (on a terminal), always, never. NO_COLOR turns it off,
                     --color always turns it on in a pipe too. Every color
                     repeats what a word or a sign says

Examples:
  portolan local --columns address,process,user
  portolan scan 10.0.0.5 -o table -o json=scan.json
  portolan local -o svg=chart.svg
  portolan discover k8s --json | jq -r '.items[].name'
";

const FILTERS: &str = "\
Filters: what a listing shows. A service must match every filter that is given.

Ports (-p):
  22                 a number
  8000-9000          a range
  http,https         names; `portolan ports` lists them
  -                  all ports (scan)
  U:53,T:80          UDP and TCP (scan)

Names (--process, names of services):
  nginx*             * stands for any text, ? for one character, [ab] for one of
                     these; quote them, or the shell expands them

Durations (--timeout, --interval, --for, ...):
  5, 5s, 500ms, 2m, 1h, 1m30s

Conditions of a watch (--until):
  'type=added and item.endpoints[].port=5432'
                     fields as in --json; =, !=, <, <=, >, >= and ~ (a regular
                     expression), joined by `and`; [] is any element

Examples:
  portolan local -p 22,80,8000-9000
  portolan local --process 'nginx*' --exposed
  portolan discover k8s -A --exclude-namespace kube-system -l app=web
  portolan discover consul 'shop-*' --tag v2
";

const WATCH: &str = "\
Watch: keep running, and report each change.

  -w, --watch        a live table on a terminal (its last line lists the keys),
                     else one line for each change
  --lines            lines on a terminal too
  --json             one JSON object for each change, flushed at once
  --interval TIME    how often to poll [1s local, 1m scan, 10s checks]
  --for TIME         stop after this time
  --count N          stop after N changes
  --until EXPR       stop at the first event that matches
  --exec CMD         run a command for each change; the event is on its stdin
  --webhook URL      POST each event to a URL
  -o FORMAT=FILE     keep the whole listing in a file

Events:
  added, updated, removed   a service appeared, changed, disappeared
  synced                    the initial listing is complete
  stale                     the source cannot be reached; its services stay
  lagged                    the reader was too slow; the differences follow
  error                     something could not be read

A health change is reported once it is confirmed: by --rise better checks in a
row, or --fall worse ones. Ctrl-C ends a watch with exit code 0.

Examples:
  portolan local --watch
  portolan local --watch --until 'type=added and item.endpoints[].port=5432'
  portolan discover consul --watch --validate --json
  portolan discover k8s -A --watch --exec ./on-change
";

const PERMISSIONS: &str = "\
Permissions: no command needs root. portolan reports on stderr what a missing
permission hides, and never treats it as absent; --strict makes it exit code 4.

  owners of other users' sockets    root, or CAP_DAC_READ_SEARCH and
                                    CAP_SYS_PTRACE
  other network namespaces          root (--all-netns)
  names of containers               root, or the group of the runtime's
                                    socket (--runtime)
  short-lived listeners             root, outside containers (--watch)
  half-open scans                   CAP_NET_RAW (scan --syn)
  ICMP echo of host discovery       net.ipv4.ping_group_range, or CAP_NET_RAW
  ending another user's process     root (kill)
  ports below 1024                  CAP_NET_BIND_SERVICE (serve --dns :53)
  services of a cluster             get, list and watch of services,
                                    endpointslices and pods (discover k8s)

Give the program what it needs without root:
  sudo setcap cap_dac_read_search,cap_sys_ptrace,cap_net_raw+ep \"$(command -v portolan)\"

Without root, a listener of another user is listed with its user, unit and
container, which the kernel shows to all users; only its process is unknown.

Examples:
  portolan local --strict || sudo portolan local
  sudo portolan local --all-netns
  portolan who 80
";

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:\n\n");
    for (code, meaning) in EXIT_STATUS {
        let mut lines = wrapped(meaning, WIDTH - 18).into_iter();
        let _ = writeln!(text, "  {code:<14}  {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "  {:<14}  {line}", "");
        }
    }
    let _ = write!(text, "\n{EXIT_ORDER}\nA closed pipe, as in `portolan local | head`, counts as success.\n");
    text.push_str(EXIT_EXAMPLES);
    text
}

const EXIT_EXAMPLES: &str = "
Examples:
  portolan local -p 8080 --fail-empty || ./start
  portolan validate https://example.org --min-score 80 && ./deploy
  portolan local --diff yesterday.json --fail-changed
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_fits_eighty_columns_and_ends_with_examples() {
        for Topic { name, text } in TOPICS {
            let text = text();
            for line in text.lines().filter(|line| !line.contains("setcap")) {
                assert!(line.chars().count() <= WIDTH, "{name}: {line}");
            }
            assert!(text.contains("\nExamples:\n") && text.ends_with('\n'), "{name}");
        }
    }

    #[test]
    fn a_topic_is_named_alone() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(topic(&args("portolan help output")).is_some());
        for line in ["portolan help", "portolan help local", "portolan output", "portolan help output x"] {
            assert!(topic(&args(line)).is_none(), "{line}");
        }
    }
}
