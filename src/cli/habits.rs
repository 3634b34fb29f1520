//! Options and commands of other tools that people type by habit, each with portolan's way of it.

use std::ffi::OsString;

/// An option of another tool.
struct Habit {
    /// The tool; empty if many have it.
    tool: &'static str,
    /// The option. One that ends in `…` stands for every word that begins so.
    typed: &'static str,
    /// The command that it is typed at; empty for `portolan` itself, `*` for any.
    at: &'static str,
    /// What to type instead.
    instead: &'static str,
}

impl Habit {
    /// `portolan's way of nmap's -sV: --identify`
    fn hint(&self) -> String {
        let Self { tool, typed, instead, .. } = self;
        let owner = if tool.is_empty() { String::new() } else { format!("{tool}'s ") };
        format!("portolan's way of {owner}{}: {instead}", typed.trim_end_matches('…'))
    }
}

const fn habit(tool: &'static str, at: &'static str, typed: &'static str, instead: &'static str) -> Habit {
    Habit { tool, typed, at, instead }
}

const SCAN: &str = "scan";
const LOCAL: &str = "local";
const K8S: &str = "k8s";
const WAIT: &str = "wait";
const VALIDATE: &str = "validate";
const REGISTERED_WHILE: &str = "leave it out, and add & or write a unit: the registration lasts while the command runs";
const ALONE: &str = "";
const ANY: &str = "*";

/// The more specific ones first.
const HABITS: &[Habit] = &[
    // nmap
    habit("nmap", SCAN, "-Pn", "--no-ping"),
    habit("nmap", SCAN, "-P0", "--no-ping"),
    habit("nmap", SCAN, "-PN", "--no-ping"),
    habit("nmap", SCAN, "-sV", "--identify"),
    habit("nmap", SCAN, "-sS", "--syn"),
    habit("nmap", SCAN, "-sT", "leave it out: portolan connects unless you say --syn"),
    habit("nmap", SCAN, "-sU", "--udp"),
    habit("nmap", SCAN, "-sP", "--discover-only"),
    habit("nmap", SCAN, "-sL", "--help: the targets are listed before a large scan"),
    habit("nmap", SCAN, "-sC", "--validate: checks TLS, HTTP and protocols, and scores them"),
    habit("nmap", SCAN, "-sA", "--reason: shows what each port replied"),
    habit("nmap", SCAN, "-F", "--top-ports 100"),
    habit("nmap", SCAN, "-A", "--identify --validate"),
    habit("nmap", SCAN, "-O", "--identify: portolan identifies services, not operating systems"),
    habit("nmap", SCAN, "-n", "leave it out: portolan looks up no names of addresses except with --names"),
    habit("nmap", SCAN, "-R", "--names"),
    habit("nmap", SCAN, "-v", "--all --reason"),
    habit("nmap", SCAN, "-vv", "--all --reason"),
    habit("nmap", SCAN, "-d", "--all --reason"),
    habit("nmap", SCAN, "-r", "leave it out: ports are probed in random order"),
    habit("nmap", SCAN, "-e", "--interface NAME"),
    habit("nmap", SCAN, "-iL", "@FILE as a target"),
    habit("nmap", SCAN, "-iR", "a target: portolan scans no random hosts"),
    habit("nmap", SCAN, "-oX", "-o nmap-xml=FILE"),
    habit("nmap", SCAN, "-oG", "-o csv=FILE"),
    habit("nmap", SCAN, "-oN", "-o table=FILE"),
    habit("nmap", SCAN, "-oA", "-o nmap-xml=FILE -o table=FILE"),
    habit("nmap", SCAN, "-T0", "--pace polite"),
    habit("nmap", SCAN, "-T1", "--pace polite"),
    habit("nmap", SCAN, "-T2", "--pace polite"),
    habit("nmap", SCAN, "-T3", "--pace normal"),
    habit("nmap", SCAN, "-T4", "--pace fast"),
    habit("nmap", SCAN, "-T5", "--pace fast"),
    habit("nmap", SCAN, "--min-rate", "--rate N: an upper limit; portolan is as fast as replies arrive"),
    habit("nmap", SCAN, "--max-rate", "--rate N"),
    habit("nmap", SCAN, "--max-retries", "--retries N"),
    habit("nmap", SCAN, "--host-timeout", "--deadline TIME"),
    habit("nmap", SCAN, "--max-rtt-timeout", "--timeout TIME"),
    habit("nmap", SCAN, "--scan-delay", "--rate N"),
    habit("nmap", SCAN, "--script", "--validate: checks TLS, HTTP and protocols, and scores them"),
    habit("nmap", SCAN, "--excludefile", "--exclude-file FILE"),
    habit("nmap", SCAN, "--version-intensity", "--intensity light, normal or all"),
    habit("nmap", SCAN, "--version-all", "--intensity all"),
    habit("nmap", SCAN, "--version-light", "--intensity light"),
    habit("nmap", SCAN, "--disable-arp-ping", "--no-ping"),
    habit("nmap", SCAN, "-D", "leave it out: portolan sends from your own address only"),
    habit("nmap", SCAN, "-S", "--source-address ADDRESS"),
    habit("nmap", SCAN, "-g", "--source-port PORT"),
    // RustScan, masscan
    habit("RustScan", SCAN, "-a", "the address alone, without -a"),
    habit("RustScan", SCAN, "-b", "leave it out: portolan adapts to the network"),
    habit("RustScan", SCAN, "--ulimit", "leave it out: portolan adapts to the limit"),
    habit("RustScan", SCAN, "--range", "-p 1-1000"),
    habit("nmap", ALONE, "-Pn", "`portolan scan HOST --no-ping`"),
    habit("nmap", ALONE, "-sV", "`portolan scan HOST --identify`"),
    habit("nmap", ALONE, "-sn", "`portolan scan NETWORK -sn`"),
    habit("nmap", ALONE, "-sP", "`portolan scan NETWORK -sn`"),
    habit("nmap", ALONE, "-sU", "`portolan scan HOST --udp`"),
    habit("nmap", ALONE, "-sS", "`portolan scan HOST --syn`"),
    habit("nmap", ALONE, "-sT", "`portolan scan HOST`"),
    habit("nmap", ALONE, "-sC", "`portolan scan HOST --validate`"),
    habit("nmap", ALONE, "-A", "`portolan scan HOST --identify --validate`"),
    habit("nmap", ALONE, "-F", "`portolan scan HOST --top-ports 100`"),
    habit("nmap", ALONE, "-T4", "`portolan scan HOST --pace fast`"),
    habit("nmap", ALONE, "-oX", "`portolan scan HOST -o nmap-xml=FILE`"),
    habit("nmap", ALONE, "-p…", "`portolan scan HOST -p PORTS`; of this machine, `portolan local PORT`"),
    habit("nmap", ALONE, "--top-ports", "`portolan scan HOST --top-ports N`"),
    // ss, netstat
    habit("ss", ALONE, "-tulpn", "`portolan local`"),
    habit("ss", ALONE, "-tlnp", "`portolan local --tcp`"),
    habit("ss", ALONE, "-tln", "`portolan local --tcp`"),
    habit("ss", ALONE, "-uln", "`portolan local --udp`"),
    habit("netstat", ALONE, "-plant", "`portolan local --tcp`"),
    habit("ss", ALONE, "-l…", "`portolan local`"),
    habit("ss", ALONE, "-t…", "`portolan local --tcp`"),
    habit("ss", ALONE, "-u…", "`portolan local --udp`"),
    habit("ss", ALONE, "-x…", "`portolan local --unix`"),
    habit("netstat", ALONE, "-a…", "`portolan local`"),
    habit("netstat", ALONE, "-n…", "`portolan local`"),
    habit("ss", LOCAL, "-l", "leave it out: portolan lists what listens"),
    habit("ss", LOCAL, "-t", "--tcp"),
    habit("ss", LOCAL, "-u", "--udp"),
    habit("ss", LOCAL, "-x", "--unix"),
    habit("ss", LOCAL, "-n", "leave it out: addresses and ports are always numbers"),
    habit("ss", LOCAL, "-a", "leave it out: portolan lists what listens"),
    habit("ss", LOCAL, "-4", "leave it out: the addresses of IPv6 stand in brackets"),
    habit("ss", LOCAL, "-6", "leave it out: the addresses of IPv6 stand in brackets"),
    habit("ss", LOCAL, "-e", "-o wide"),
    habit("ss", LOCAL, "-m", "-o wide"),
    habit("ss", LOCAL, "-H", "--no-headers"),
    habit("ss", LOCAL, "-N", "--all-netns"),
    habit("ss", LOCAL, "--established", "--connections"),
    habit("ss", LOCAL, "-tulpn", "leave it out: `portolan local` shows all of this"),
    habit("netstat", LOCAL, "--listen", "leave it out: portolan lists what listens"),
    habit("netstat", LOCAL, "--listening", "leave it out: portolan lists what listens"),
    habit("netstat", LOCAL, "--numeric", "leave it out: addresses and ports are always numbers"),
    habit("netstat", LOCAL, "--programs", "leave it out: processes are always shown"),
    // lsof, fuser
    habit("lsof", ALONE, "-i…", "`portolan who PORT`"),
    habit("lsof", ALONE, "-P…", "`portolan who PORT`"),
    habit("lsof", LOCAL, "-i…", "the port alone, as in `portolan local 8080`"),
    habit("lsof", LOCAL, "-P", "leave it out: addresses and ports are always numbers"),
    habit("lsof", "who", "-t", "--pid"),
    habit("lsof", "who", "-i…", "the port alone, as in `portolan who 8080`"),
    habit("fuser", "who", "-n", "the port alone, as in `portolan who 8080`"),
    habit("fuser", ALONE, "-k…", "`portolan kill PORT`"),
    habit("kill", "kill", "-9", "--signal kill"),
    habit("kill", "kill", "-15", "leave it out: SIGTERM is sent"),
    habit("kill", "kill", "-s", "--signal NAME"),
    habit("kill", "kill", "--force", "--signal kill"),
    habit("kill", "kill", "-f", "--yes"),
    // kubectl
    habit("kubectl", K8S, "--show-labels", "-o wide or --json"),
    habit("kubectl", K8S, "--sort-by", "--sort FIELD"),
    habit("kubectl", K8S, "--cluster", "--context NAME"),
    habit("kubectl", K8S, "--request-timeout", "--timeout TIME"),
    habit("kubectl", K8S, "--server", "--kubeconfig FILE or --context NAME"),
    habit("kubectl", K8S, "-L", "-o wide"),
    habit("kubectl", K8S, "-f", "`portolan discover file FILE`"),
    // wait-for-it, wait4x, dockerize
    habit("wait-for-it", WAIT, "-t", "--timeout 5s"),
    habit("wait-for-it", WAIT, "-h", "the target as HOST:PORT"),
    habit("wait-for-it", WAIT, "--host", "the target as HOST:PORT"),
    habit("wait-for-it", WAIT, "-p", "the target as HOST:PORT"),
    habit("wait-for-it", WAIT, "--port", "the target as HOST:PORT"),
    habit("wait-for-it", WAIT, "-s", "leave it out: the command runs only if all targets are ready"),
    habit("wait-for-it", WAIT, "--strict", "leave it out: the command runs only if all targets are ready"),
    habit("kubectl", WAIT, "--for", "the target alone, as in `portolan wait k8s/NAMESPACE/NAME`"),
    habit("wait4x", WAIT, "--interval", "leave it out: portolan tries often, and at the deadline"),
    habit("wait4x", WAIT, "-i", "leave it out: portolan tries often, and at the deadline"),
    habit("wait4x", WAIT, "--expect-status-code", "a services file with expect-status"),
    habit("dockerize", WAIT, "-wait", "the target alone"),
    habit("dockerize", WAIT, "-timeout", "--timeout 5s"),
    // curl, testssl.sh, openssl
    habit("curl", VALIDATE, "-k", "--ignore CODE: `portolan explain` lists the codes of TLS"),
    habit("curl", VALIDATE, "--insecure", "--ignore CODE: `portolan explain` lists the codes of TLS"),
    habit("curl", VALIDATE, "-H", "--header 'NAME: VALUE'"),
    habit("curl", VALIDATE, "-X", "--method METHOD"),
    habit("curl", VALIDATE, "-L", "--follow"),
    habit("curl", VALIDATE, "--location", "--follow"),
    habit("curl", VALIDATE, "-m", "--timeout TIME"),
    habit("curl", VALIDATE, "--max-time", "--timeout TIME"),
    habit("curl", VALIDATE, "--cacert", "--ca FILE"),
    habit("curl", VALIDATE, "-d", "--method POST"),
    habit("openssl", VALIDATE, "-servername", "--server-name NAME"),
    habit("openssl", VALIDATE, "-CAfile", "--ca FILE"),
    habit("openssl", VALIDATE, "-starttls", "--starttls PROTOCOL"),
    habit("testssl.sh", VALIDATE, "-p", "`portolan validate HOST:PORT --check tls`"),
    // Consul
    habit("consul", "register", "-name", "--name NAME"),
    habit("consul", "register", "-port", "--port PORT"),
    habit("consul", "register", "-address", "--address HOST"),
    habit("consul", "register", "-tag", "--tag TAG"),
    habit("", "register", "--host", "--address HOST"),
    habit("", "register", "--once", REGISTERED_WHILE),
    habit("", "register", "--detach", REGISTERED_WHILE),
    habit("", "register", "--daemon", REGISTERED_WHILE),
    habit("", "register", "-d", REGISTERED_WHILE),
    // Everywhere
    habit("", ANY, "--token", "the variable PORTOLAN_TOKEN: other users see a command line"),
    habit("", ANY, "-j", "--json"),
    habit("", ANY, "--format", "-o FORMAT"),
    habit("", ANY, "--verbose", "-o wide"),
    habit("", ANY, "--no-color", "--color never"),
    habit("", ANY, "--follow", "--watch"),
    habit("", ANY, "--port", "-p PORTS"),
    habit("", ANY, "--since", "leave it out: --watch begins with all existing services"),
];

/// Commands that people know by another name.
const COMMANDS: &[(&str, &str)] = &[
    ("list", "portolan local"),
    ("ls", "portolan local"),
    ("ps", "portolan local"),
    ("ss", "portolan local"),
    ("netstat", "portolan local"),
    ("listen", "portolan local"),
    ("listening", "portolan local"),
    ("connections", "portolan local --connections"),
    ("established", "portolan local --connections"),
    ("cert", "portolan validate https://HOST -o wide"),
    ("certs", "portolan validate https://HOST -o wide"),
    ("certificates", "portolan validate https://HOST -o wide"),
    ("catalog", "portolan services list"),
    ("members", "portolan status"),
    ("server", "portolan serve"),
    ("describe", "portolan services get NAME"),
    ("backup", "portolan db backup FILE"),
    ("snapshot", "portolan db backup FILE"),
    ("migrate", "portolan db migrate"),
    ("events", "portolan discover portolan --watch"),
    ("kv", "portolan config get NAME"),
    ("dig", "portolan resolve NAME"),
    ("lookup", "portolan resolve NAME"),
    ("run", "portolan register --name NAME --port PORT -- CMD"),
    ("nc", "portolan wait HOST:PORT"),
    ("telnet", "portolan wait HOST:PORT"),
    ("lsof", "portolan who PORT"),
    ("whois", "portolan who PORT"),
    ("fuser", "portolan who PORT"),
    ("find", "portolan who PORT"),
    ("nmap", "portolan scan"),
    ("get", "portolan discover k8s"),
    ("kubectl", "portolan discover k8s"),
    ("k8s", "portolan discover k8s"),
    ("kubernetes", "portolan discover k8s"),
    ("watch", "portolan local --watch"),
    ("tail", "portolan local --watch"),
    ("htop", "portolan local --watch"),
    ("monitor", "portolan local --watch"),
    ("top", "portolan local --watch"),
    ("check", "portolan validate"),
    ("test", "portolan validate"),
    ("probe", "portolan validate"),
    ("ping", "portolan validate"),
    ("tls", "portolan validate --check tls"),
    ("ssl", "portolan validate --check tls"),
    ("diff", "portolan local --diff FILE"),
    ("stop", "portolan kill PORT"),
    ("free", "portolan free-port"),
    ("freeport", "portolan free-port"),
    ("version", "portolan --version"),
    ("settings", "portolan config show"),
];

/// Commands below another one that people know by another name: where, the name, and what to type.
const SUBCOMMANDS: &[(&str, &str, &str)] = &[
    ("services", "watch", "portolan discover portolan --watch"),
    ("services", "ls", "portolan services list"),
    ("services", "describe", "portolan services get NAME"),
    ("services", "show", "portolan services get NAME"),
    ("services", "inspect", "portolan services get NAME"),
    ("services", "register", "portolan register --name NAME --port PORT"),
    ("services", "create", "portolan register --name NAME --port PORT"),
    ("services", "add", "portolan register --name NAME --port PORT"),
    ("services", "deregister", "portolan deregister NAME"),
    ("services", "delete", "portolan deregister NAME"),
    ("services", "remove", "portolan deregister NAME"),
    ("services", "rm", "portolan deregister NAME"),
    ("services", "health", "portolan health show NAME"),
    ("services", "maint", "portolan services update NAME --status maintenance"),
    ("health", "list", "portolan services list"),
    ("health", "status", "portolan services list"),
    ("key", "delete", "portolan key revoke ID"),
    ("key", "remove", "portolan key revoke ID"),
    ("config", "set", "portolan config put NAME FILE"),
    ("config", "edit", "portolan config put NAME FILE"),
    ("config", "remove", "portolan config delete NAME"),
    ("discover", "docker", "portolan local"),
    ("discover", "containers", "portolan local"),
    ("discover", "kubernetes", "portolan discover k8s"),
    ("discover", "http", "portolan discover portolan --address URL"),
];

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
    if !letters.chars().all(|letter| "tulnpaeow46".contains(letter)) {
        return None;
    }
    let chosen = match (letters.contains('t'), letters.contains('u')) {
        (true, false) => " --tcp",
        (false, true) => " --udp",
        _ => "",
    };
    Some(format!("portolan's way of ss's {typed}: `portolan local{chosen}`"))
}

/// More options of another tool that one hint answers.
const MAX_MORE: usize = 4;

/// What to type instead of an unknown command.
pub(super) fn command(word: &str) -> Option<String> {
    let known = COMMANDS.iter().find(|(known, _)| *known == word).map(|(_, instead)| format!("`{instead}`"));
    known.or_else(|| target(word)).map(|instead| format!("portolan's way: {instead}"))
}

/// What to type instead of an unknown command below `path`.
pub(super) fn subcommand(path: &str, word: &str) -> Option<String> {
    let at = path.rsplit(' ').next()?;
    let known = SUBCOMMANDS.iter().find(|(known, name, _)| *known == at && *name == word);
    known.map(|(_, _, instead)| format!("portolan's way: `{instead}`"))
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
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    let name = word.rsplit('/').next().filter(|name| !name.is_empty() && is_name(name))?;
    match name {
        _ if path != "portolan discover k8s" => None,
        "get" | "svc" | "service" | "services" | "endpoints" | "endpointslices" => {
            Some("portolan's way: services with their endpoints are listed without a word".to_owned())
        }
        "po" | "pod" | "pods" => Some("portolan's way: --pods".to_owned()),
        "ing" | "ingress" | "ingresses" => Some("portolan's way: --ingress".to_owned()),
        name => Some(format!("portolan's way: --field-selector metadata.name={name}")),
    }
}

/// What to type instead of nmap's `-oX` and `-T4`, which read as `-o X` and `-T 4`.
pub(super) fn attached(argument: &str, value: &str) -> Option<String> {
    let short = match argument {
        "--output" if matches!(value, "jsonpath" | "jsonpath-file" | "go-template" | "template") => {
            return Some(format!("portolan's way of kubectl's -o {value}: --json, for jq"));
        }
        "--output" if value.starts_with("custom-columns") => {
            return Some("portolan's way of kubectl's -o custom-columns: --columns NAMES".to_owned());
        }
        "--output" => "-o",
        "--pace" => "-T",
        _ => return None,
    };
    let typed = |habit: &&Habit| habit.at == SCAN && habit.typed.strip_prefix(short) == Some(value);
    HABITS.iter().find(typed).map(Habit::hint)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
        assert_eq!(hint("portolan scan", "-P", "portolan scan -Pn h"), "portolan's way of nmap's -Pn: --no-ping");
        assert_eq!(hint("portolan scan", "-s", "portolan scan -sV h"), "portolan's way of nmap's -sV: --identify");
        assert_eq!(hint("portolan", "-t", "portolan -tulpn"), "portolan's way of ss's -tulpn: `portolan local`");
        assert_eq!(hint("portolan", "-t", "portolan -tup"), "portolan's way of ss's -t: `portolan local --tcp`");

        for (rejected, line, instead) in [("-t", "-tlnp", " --tcp"), ("-u", "-uln", " --udp"), ("-a", "-antup", "")] {
            let expected = format!("portolan's way of ss's {line}: `portolan local{instead}`");
            assert_eq!(hint("portolan local", rejected, &format!("portolan local {line}")), expected);
        }
        assert_eq!(hint("portolan local", "-t", "portolan local -t"), "portolan's way of ss's -t: --tcp");
        let rate = hint("portolan scan", "--min-rate", "portolan scan --min-rate=5 h");
        assert!(rate.starts_with("portolan's way of nmap's --min-rate: --rate N"), "{rate}");
        assert_eq!(hint("portolan scan", "--zzz", "portolan scan --zzz"), "");
        assert_eq!(attached("--output", "X").unwrap(), "portolan's way of nmap's -oX: -o nmap-xml=FILE");
        assert_eq!(attached("--pace", "4").unwrap(), "portolan's way of nmap's -T4: --pace fast");
        assert_eq!(attached("--pace", "quick"), None);
        assert_eq!(
            attached("--output", "jsonpath").unwrap(),
            "portolan's way of kubectl's -o jsonpath: --json, for jq"
        );

        let object = |word| argument("portolan discover k8s", word).unwrap_or_default();
        assert_eq!(object("svc/web"), "portolan's way: --field-selector metadata.name=web");
        assert_eq!((object("pods"), object("a b")), ("portolan's way: --pods".to_owned(), String::new()));
        assert_eq!(argument("portolan discover local", "web"), None);

        let several = hint("portolan scan", "-P", "portolan scan -Pn -sV -p 1 h");
        assert_eq!(several, "portolan's way of nmap's -Pn: --no-ping; -sV: --identify");
        let alone = hint("portolan", "-P", "portolan -Pn -sV h");
        assert_eq!(alone, "portolan's way of nmap's -Pn: `portolan scan HOST --no-ping`");
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
            let expected = expected.map(|expected| format!("portolan's way: {expected}"));
            assert_eq!(command(word), expected, "{word}");
        }
    }
}
