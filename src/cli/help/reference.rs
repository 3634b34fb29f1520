//! Reference text shared by the long help and the man pages: exit codes, environment variables, files.

use std::fmt::Write;

/// A term and its meaning.
pub(in crate::cli) type Entry = (&'static str, &'static str);

pub(in crate::cli) const EXIT_STATUS: &[Entry] = &[
    ("0", "Done, and every condition was met"),
    ("1", "A condition failed, for example --fail-empty, --min-score, or an unhealthy service of `validate`"),
    ("2", "Invalid command line or settings; portolan did nothing"),
    ("3", "Incomplete: something could not be read or written; the rest is printed"),
    ("4", "Permission missing, with --strict or where the command cannot work without it"),
    ("5", "Refused by a server"),
    (
        "126, 127",
        "The command given to `wait` or `register` cannot be run (126) or was not found (127); otherwise `register` ends with the exit code of its command",
    ),
    ("129, 130, 143", "Stopped by SIGHUP, SIGINT or SIGTERM; results found until then are printed"),
];

pub(in crate::cli) const ENVIRONMENT: &[Entry] = &[
    ("PORTOLAN_CONFIG", "Settings file, unless --config is given"),
    ("PORTOLAN_OUTPUT", "Default for --output"),
    ("PORTOLAN_COLOR", "Default for --color"),
    ("PORTOLAN_QUIET", "1 or true: same as --quiet"),
    ("KUBECONFIG", "Default for --kubeconfig of `discover k8s`: one or more files, separated by colons"),
    ("K8S_NAMESPACE", "Default for --namespace of `discover k8s`"),
    ("K8S_LABEL_SELECTOR", "Default for --selector of `discover k8s`"),
    ("K8S_IN_CLUSTER", "1 or true: `discover k8s` uses the service account of the pod it runs in"),
    (
        "DISCOVERY_PROVIDER",
        "The kind of registry for `drift` and all commands with --registry: portolan, consul, etcd, dns, static or kubernetes; if it is not set, the first of these whose own variable is set",
    ),
    ("DISCOVERY_FILE", "The services file of DISCOVERY_PROVIDER=static"),
    ("DISCOVERY_SERVICE_NAME", "Default for --name of `register`"),
    ("DISCOVERY_BALANCER", "Default for --lb of `resolve`"),
    ("DISCOVERY_HEALTH_CHECK", "0 or false: `resolve` also picks unhealthy endpoints"),
    ("CONSUL_HTTP_ADDR", "Default for --address of `discover consul`"),
    ("CONSUL_HTTP_TOKEN", "The ACL token of `discover consul`, unless --token-file is given"),
    ("CONSUL_HTTP_TOKEN_FILE", "The file with that token"),
    ("CONSUL_HTTP_SSL", "1 or true: an address of `discover consul` without a scheme is https"),
    (
        "CONSUL_*",
        "CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME, CONSUL_DATACENTER, CONSUL_NAMESPACE and CONSUL_PARTITION set the options with these names",
    ),
    ("ETCD_ENDPOINTS", "Default for --endpoint of `discover etcd`, separated by commas"),
    ("ETCD_DISCOVERY_PREFIX", "Default for --prefix of `discover etcd`"),
    ("ETCD_USERNAME, ETCD_PASSWORD", "The user and the password for `discover etcd`"),
    (
        "PORTOLAN_REGISTRY, PORTOLAN_TOKEN",
        "The address of a registry that `portolan serve` runs, and the key or token for it",
    ),
    (
        "PORTOLAN_CACERT",
        "The PEM file of the certificate authorities to trust for that registry; PORTOLAN_CLIENT_CERT and PORTOLAN_CLIENT_KEY are the client's certificate and its key",
    ),
    ("DNS_SERVER, DNS_PORT", "Defaults for --server and --port of `discover dns`"),
    ("DNS_DOMAIN, DNS_REFRESH_TTL", "Defaults for --domain and --refresh-ttl of `discover dns`"),
    ("HTTPS_PROXY, HTTP_PROXY", "The proxy of `discover k8s`, `consul`, `etcd` and `portolan`"),
    ("NO_PROXY", "The hosts reached without it"),
    (
        "PORTOLAN__SECTION__KEY",
        "A setting of `serve`: PORTOLAN__SERVER__PORT is server.port; SERVICE_DISCOVERY__ is accepted too",
    ),
    ("DATABASE_URL, JWT_SECRET, RUST_LOG", "Common names for settings of `serve`; a PORTOLAN__ name overrides them"),
    ("STATE_DIRECTORY, XDG_STATE_HOME", "Where `serve` keeps registry.db"),
    ("NO_COLOR", "If set and not empty, disables color, unless --color or a setting enables it"),
    ("FORCE_HYPERLINK", "0 turns links in tables off, 1 on"),
    ("COLUMNS", "Overrides the width of the terminal"),
];

pub(in crate::cli) const FILES: &[Entry] = &[
    ("$XDG_CONFIG_HOME/portolan/config.toml", "Settings (optional)"),
    ("$XDG_STATE_HOME/portolan/registry.db", "The registry of `serve`; as root /var/lib/portolan/registry.db"),
];

/// How settings work, in a paragraph.
pub(in crate::cli) const SETTINGS: &str = "A settings file is TOML. Its keys are the long names of options, its sections are commands, as in \
     [discover.local] with exposed = true; output, color and quiet stand above the first section. The command line \
     overrides environment variables, which override the file. --no-FLAG turns off a flag that a setting turned on; \
     --config /dev/null ignores every settings file. `portolan config show` prints all settings with their origin, \
     in the format of a settings file.";

/// Which exit code wins when several apply.
pub(in crate::cli) const EXIT_ORDER: &str = "If several apply, the order is 2, 129, 130, 143, 5, 4, 3, 1.";

/// All sections, shown at the end of `portolan --help`.
pub(in crate::cli) fn long_help() -> String {
    let mut text = format!("Settings:\n  {SETTINGS}\n");
    for (heading, entries) in [("Exit status", EXIT_STATUS), ("Environment", ENVIRONMENT), ("Files", FILES)] {
        // Writing to a String never fails.
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
            let mut names = ENVIRONMENT.iter().flat_map(|(names, _)| names.split(", "));
            // CONSUL_* stands for several.
            let is_named = names.any(|name| {
                name == variable || name.strip_suffix('*').is_some_and(|start| variable.starts_with(start))
            });
            assert!(is_named, "{variable}");
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
            Exit::PermissionMissing,
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
