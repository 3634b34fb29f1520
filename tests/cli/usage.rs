//! Every misuse is one line and a hint.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{Portolan, portolan};

const PORTS: &str = "ports go from 1 to 65535";
pub(super) const FORMATS: &str = "the values are table, wide, json, ndjson, csv, yaml, prometheus-sd, nmap-xml, junit, prometheus, explain, html, svg, dot, mermaid, name, address";
const COLUMNS: &str = "the columns are proto, address, service, name, namespace, port, process, pid, user, scope, pids, unit, container, container_name, image, protocol, netns, state, v6_only, mptcp, exposed, forwards_to, interfaces, backlog, connections, started, memory, cpu, parents, exe, cwd, command, processes, backlog_limit";

fn local(option: &str, value: &str) -> Portolan {
    portolan("discover local").args([option, value])
}

#[test]
fn ports() {
    local("-p", "0").refuses("--ports '0': there is no port 0 to listen on", PORTS);
    local("-p", "70000").refuses("--ports '70000': 70000 is larger than any port", PORTS);
    local("-p", "90-80").refuses("--ports '90-80': the range runs backwards", "write 80-90");
    local("-p", "ssh-http").refuses(
        "--ports 'ssh-http': a range takes numbers, not names",
        "write the numbers (22-80), or list the names with commas",
    );
    local("-p", "").refuses("--ports '': no port is given", "write ports as 22,80,8000-9000");
    portolan("discover local -p").refuses("--ports: a value is missing", "give one, or see --help");
    portolan("ports 70000").refuses("[PORT] '70000': 70000 is larger than any port", PORTS);
}

#[test]
fn a_glob_that_does_not_parse() {
    local("--process", "[").refuses(
        "--process '[': invalid range pattern at character 1",
        "`*` stands for any text, `?` for one character, `[a-z]` for one of these, `[[]` for `[`",
    );
}

#[test]
fn values_that_do_not_exist() {
    local("--sort", "nonsense").refuses("--sort 'nonsense': there is no such column", COLUMNS);
    let near = format!("did you mean 'proto'? {COLUMNS}");
    local("--sort", "prot").refuses("--sort 'prot': there is no such column", &near);
    local("--sort", "pid:down").refuses("--sort 'pid:down': there is no such direction", "write FIELD or FIELD:desc");
    local("--columns", "pid,prot").refuses("--columns 'prot': there is no such column", &near);
    local("--group-by", "usr")
        .refuses("--group-by 'usr': there is no such column", &format!("did you mean 'user'? {COLUMNS}"));
    local("--output", "jsn")
        .refuses("--output 'jsn': there is no such value", &format!("did you mean 'json'? {FORMATS}"));
    portolan("discover local --tcp=yes").refuses("--tcp 'yes': it takes no value", "leave the value out");
}

#[test]
fn unknown_words() {
    portolan("discover local --srot port")
        .refuses("'--srot': portolan discover local has no such option", "did you mean --sort?");
    portolan("discover local --xyzzy")
        .refuses("'--xyzzy': portolan discover local has no such option", "try `portolan discover local --help`");
    portolan("discover locl")
        .refuses("'locl': portolan discover has no such command", "did you mean `portolan discover local`?");

    portolan("locl").refuses("'locl': portolan has no such command", "did you mean `portolan local`?");
    portolan("xyzzy").refuses(
        "'xyzzy': portolan has no such command",
        "the commands are local, scan, discover, who, kill, free-port, validate, score, wait, resolve, register, deregister, services, status, health, audit, export, drift, agent, sync, doctor, explain, serve, key, db, bench, ports, completions, man, config; try `portolan --help`",
    );

    portolan("discover local extra")
        .refuses("'extra': portolan discover local takes no such argument", "try `portolan discover local --help`");
}

/// Options of nmap, ss, lsof, kubectl and others are answered with portolan's own, and never with a way to pass them on.
#[test]
fn options_typed_by_habit() {
    for (line, option, hint) in [
        ("scan -Pn 127.0.0.1", "-Pn", "portolan's equivalent of nmap's -Pn: --no-ping"),
        ("scan -sV 127.0.0.1", "-sV", "portolan's equivalent of nmap's -sV: --identify"),
        ("scan -F 127.0.0.1", "-F", "portolan's equivalent of nmap's -F: --top-ports 100"),
        ("scan -iL hosts", "-iL", "portolan's equivalent of nmap's -iL: @FILE as a target"),
        ("discover scan -A 127.0.0.1", "-A", "portolan's equivalent of nmap's -A: --identify --validate"),
        (
            "discover local -n",
            "-n",
            "portolan's equivalent of ss's -n: leave it out; addresses and ports are always numbers",
        ),
        (
            "discover k8s --show-labels",
            "--show-labels",
            "portolan's equivalent of kubectl's --show-labels: -o wide or --json",
        ),
        (
            "validate -k https://127.0.0.1",
            "-k",
            "portolan's equivalent of curl's -k: --ca FILE or --pin SHA256 to trust it, or --ignore cert-untrusted",
        ),
        (
            "validate -d {} https://127.0.0.1",
            "-d",
            "portolan's equivalent of curl's -d: --body TEXT: the method is then POST",
        ),
        ("validate --junit r.xml https://127.0.0.1", "--junit", "portolan's equivalent of --junit: -o junit=FILE"),
    ] {
        let command = line.split(" -").next().unwrap_or_default();
        portolan(line).refuses(&format!("'{option}': portolan {command} has no such option"), hint);
    }
    portolan("-tulpn")
        .refuses("'-tulpn': portolan has no such option", "portolan's equivalent of ss's -tulpn: `portolan local`");
    // What is attached to an unknown option may be a password.
    portolan("scan -uroot:secret 127.0.0.1")
        .refuses("'-u': portolan scan has no such option", "try `portolan scan --help`");
    portolan("wait -t 5 127.0.0.1:1")
        .refuses("'-t': portolan wait has no such option", "portolan's equivalent of wait-for-it's -t: --timeout 5s");

    portolan("scan 127.0.0.1 -oX out.xml")
        .refuses("--output 'X': there is no such value", "portolan's equivalent of nmap's -oX: -o nmap-xml=FILE");
    portolan("validate 127.0.0.1:1 -o page.html")
        .refuses("--output 'page.html': there is no such value", "a file comes after its format: -o html=page.html");
    portolan("list").refuses("'list': portolan has no such command", "in portolan: `portolan local`");
    portolan("serv").refuses("'serv': portolan has no such command", "did you mean `portolan serve`?");
}

#[test]
fn missing_words() {
    portolan("").refuses(
        "portolan: no command is given",
        "the commands are local, scan, discover, who, kill, free-port, validate, score, wait, resolve, register, deregister, services, status, health, audit, export, drift, agent, sync, doctor, explain, serve, key, db, bench, ports, completions, man, config; try `portolan --help`",
    );
    portolan("config").refuses(
        "portolan config: no command is given",
        "the commands are show, list, get, put, delete, history, diff, rollback; try `portolan config --help`",
    );
    portolan("completions").refuses(
        "portolan completions: <SHELL> is missing",
        "as in `portolan completions bash --install`; try `portolan completions --help`",
    );

    portolan("completions csh").refuses(
        "[SHELL] 'csh': there is no such value",
        "did you mean 'zsh'? the values are bash, elvish, fish, powershell, zsh",
    );
}

#[test]
fn options_that_exclude_each_other() {
    portolan("ports --json -o yaml").refuses("--json: it cannot be combined with --output", "leave one of them out");
    portolan("discover local --unix -p 22")
        .refuses("--unix: it cannot be combined with --ports", "leave one of them out");
    portolan("discover local --sort port --sort pid").refuses("--sort: it is given twice", "give it once");
    portolan("discover local --json --columns pid")
        .refuses("--columns: it applies to tables only", "leave it out, or write -o table");

    portolan("discover local --tree --group-by pid")
        .refuses("--tree: it cannot be combined with --group-by", "leave one of them out");
    portolan("scan 127.0.0.1 -p 1 --tree")
        .refuses("--tree: only this machine has a tree of processes", "use `portolan local --tree`");
    portolan("local --watch --sort pid").refuses("--watch: it cannot be combined with --sort", "leave one of them out");

    portolan("ports -o csv")
        .refuses("--output 'csv': portolan ports does not write csv", "leave it out, or write --json");
}

#[test]
fn what_is_no_scan() {
    const FORMS: &str =
        "write 10.0.0.5, 10.0.0.0/24, 10.0.0.1-50, 2001:db8::1, a host name, host:port, local, @FILE or -";
    portolan("scan")
        .refuses("portolan scan: <TARGET>... is missing", "as in `portolan scan 10.0.0.5`; try `portolan scan --help`");
    portolan("scan 300.1.1.1")
        .refuses("target '300.1.1.1': it is not an IPv4 address", "an address is four numbers from 0 to 255");
    portolan("scan 10.0.0.0/33")
        .refuses("target '10.0.0.0/33': '/33' is not a prefix length", "an IPv4 prefix goes from /0 to /32");
    portolan("scan a..b").refuses("target 'a..b': it is neither an address nor a host name", FORMS);
    portolan("discover scan 10.0.0.9-3").refuses(
        "target '10.0.0.9-3': the range runs backwards",
        "write a range as 10.0.0.1-50, 10.0.0-3.1,5, 10.0.0.1-10.0.0.50 or fd77::2-fd77::4",
    );
    portolan("scan @gone")
        .refuses("'gone': No such file or directory", "name a file with one target per line, or - for standard input");
    portolan("scan @empty")
        .file("empty", "# nothing\n")
        .refuses("empty: it contains no target", "write one or more per line");
    portolan("scan 127.0.0.1 --exclude 127.0.0.0/8")
        .refuses("these targets: they contain no address to scan", "check --exclude and -4 or -6");

    portolan("scan 127.0.0.1 -p 80 --exclude-ports 1-100")
        .refuses("--exclude-ports: it leaves no port to scan", "exclude fewer ports, or add some");
    portolan("scan --interface gone").refuses(
        "--interface 'gone': there is no such interface",
        "check `ip link` for the names of this machine's interfaces",
    );
    let rate = "write the number of probes per second, 1 or more";
    portolan("scan local --rate 0").refuses("--rate '0': it is not a number of probes per second", rate);
    let time = "write one as 500ms, 2s, 1m or 7d; a plain number is seconds";
    portolan("scan local --timeout 5x").refuses("--timeout '5x': it is not a duration", time);
    for (written, meant) in [("2S", "2s"), ("500MS", "500ms")] {
        let hint = format!("write {meant}: units are in lower case, and m is minutes");
        portolan(&format!("scan local --timeout {written}"))
            .refuses(&format!("--timeout '{written}': it is not a duration"), &hint);
    }
    portolan("scan local --deadline 0s").refuses("--deadline '0s': it must be longer than zero", time);
    portolan("scan local --top-ports 0")
        .refuses("--top-ports '0': it is not a number of ports", "write a number from 1 to 65535");

    portolan("scan local -4 -6").refuses("--ipv4: it cannot be combined with --ipv6", "leave one of them out");
}

#[test]
fn what_is_not_utf8() {
    let not_utf8 = OsStr::from_bytes(b"caf\xe9");
    portolan("discover local -p").args([not_utf8]).refuses("'caf\u{fffd}': it is not UTF-8", "write it in UTF-8");
    portolan("config").args([not_utf8]).refuses(
        "'caf\u{fffd}': portolan config has no such command",
        "the commands are show, list, get, put, delete, history, diff, rollback; try `portolan config --help`",
    );
}

#[test]
fn what_a_terminal_would_obey_is_shown_escaped() {
    let help = "try `portolan discover local --help`";
    local("--\u{1b}[2J\n\u{202e}", "x")
        .refuses("'--\\u{1b}[2J\\n\\u{202e}': portolan discover local has no such option", help);
    local("--sort", "\u{9b}31m\u{7f}").refuses("--sort '\\u{9b}31m\\u{7f}': there is no such column", COLUMNS);
    local("-p", "\u{1b}]0;x\u{7}").refuses(
        "--ports '\\u{1b}]0;x\\u{7}': '\\u{1b}]0;x\\u{7}' is neither a port nor a known name",
        "write numbers, or names from `portolan ports`",
    );

    let long = "x".repeat(100_000);
    let ran = local("--sort", &long).run();
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(2), 2));
    assert!(ran.stderr.len() < 1000, "{} bytes", ran.stderr.len());
}
