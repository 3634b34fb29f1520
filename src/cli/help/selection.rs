//! What `-h` shows of each command: the options that people use, in the order of use.
//!
//! A command that is not listed shows all options of its own, in the order of their definition.

/// The commands that `portolan -h` describes; the others are only named.
pub(super) const COMMANDS: [&str; 15] = [
    "local", "who", "kill", "scan", "discover", "validate", "explain", "wait", "serve", "register", "resolve",
    "services", "health", "drift", "export",
];

/// Examples of `portolan -h`.
pub(super) const EXAMPLES: [&str; 4] = [
    "portolan local                         what listens here, and who owns it",
    "portolan scan 10.0.0.0/24 -p 22,443    which ports are open",
    "portolan validate https://example.org  is it healthy, and why not",
    "portolan wait db:5432 -- ./server      start when the database is there",
];

/// Options that every listing command ends with.
const LISTING: [&str; 7] = ["identify", "validate", "watch", "diff", "columns", "sort", "output"];

/// The options of a command in the short help, by long name; `None`: all of its own.
pub(super) fn options_of(path: &str) -> Option<Vec<&'static str>> {
    let path = path.strip_prefix("portolan ").unwrap_or(path);
    let own: &[&str] = match path {
        // Its ports are words of their own.
        "local" => &["tcp", "udp", "unix", "process", "user", "exposed", "all-netns", "connections"],
        "discover local" => &["ports", "tcp", "udp", "unix", "process", "user", "exposed", "connections"],
        "scan" | "discover scan" => {
            &["exclude", "ports", "top-ports", "udp", "discover-only", "no-ping", "pace", "timeout", "all"]
        }
        "discover k8s" => &["namespace", "all-namespaces", "selector", "pods", "ingress", "context", "via"],
        "discover consul" => &["tag", "datacenter", "address", "token-file", "timeout"],
        "discover etcd" => &["prefix", "endpoint", "user", "password-file", "timeout"],
        "discover dns" => &["record", "domain", "consul", "server", "port", "timeout"],
        "discover portolan" => &["namespace", "address", "token-file", "ca", "timeout"],
        "discover" | "discover file" => &[],
        "wait" => {
            let own = ["min-score", "timeout", "protocol", "header", "expect-status", "expect-json", "follow", "ca"];
            return Some(own.into_iter().chain(["via", "gone"]).collect());
        }
        "validate" => {
            return Some(vec![
                "protocol",
                "starttls",
                "header",
                "expect-status",
                "expect-body",
                "follow",
                "timeout",
                "samples",
                "ca",
                "ignore",
                "min-score",
                "explain",
                "watch",
                "output",
            ]);
        }
        "drift" => {
            let targets = ["file", "host", "node", "allow", "fleet", "all"];
            let others = ["fail-on", "group-by", "fix", "yes", "timeout", "connect-only"];
            return Some(targets.into_iter().chain(others).collect());
        }
        "register" => {
            return Some(vec![
                "name",
                "port",
                "from-listener",
                "address",
                "namespace",
                "version",
                "tag",
                "meta",
                "check",
                "interval",
                "ttl",
                "registry",
            ]);
        }
        "serve" => {
            return Some(vec![
                "data",
                "check",
                "listen",
                "port",
                "auth",
                "tls-cert",
                "tls-key",
                "consul",
                "dns",
                "log-level",
                "log-format",
            ]);
        }
        _ => return None,
    };

    Some(own.iter().chain(&LISTING).copied().collect())
}

/// Manual pages of others that say more about what a command is about, with their section.
pub(in crate::cli) fn related(path: &str) -> &'static [(&'static str, u8)] {
    match path {
        "portolan-local" | "portolan-discover-local" | "portolan-who" => &[("ss", 8), ("lsof", 8), ("proc", 5)],
        "portolan-kill" => &[("kill", 1), ("signal", 7), ("fuser", 1)],
        "portolan-scan" | "portolan-discover-scan" => &[("nmap", 1), ("tcp", 7), ("capabilities", 7)],
        "portolan-discover-k8s" => &[("kubectl", 1)],
        "portolan-discover-dns" => &[("dig", 1), ("resolv.conf", 5)],
        "portolan-validate" => &[("curl", 1), ("openssl", 1)],
        "portolan-serve" => &[("systemd.exec", 5)],
        "portolan-man" => &[("man", 1)],
        _ => &[],
    }
}
