//! The options that settings can set, and their names.

use clap::{Arg, ArgAction, Command};

/// Prefix of a negated flag: `--no-quiet` overrides `quiet = true` in the settings.
pub(crate) const NEGATION: &str = "no-";

/// Options that are not settings: `config` names the settings file, `json` abbreviates `output`, and the others belong to a
/// single run.
const ONLY_ON_THE_LINE: [&str; 8] = ["config", "diff", "json", "resume", "group-by", "tree", "no-headers", "install"];
/// Options of all sources that are settings of each one, because its columns are not those of the others.
const OF_EACH_SOURCE: [&str; 2] = ["columns", "sort"];
/// The command whose subcommands are the sources.
const DISCOVER: &str = "discover";
/// Options of two sources that matter to checks only; as settings they would be rejected without checks.
const OF_CHECKS: [&str; 5] = ["ca", "cert", "key", "pin", "server-name"];

/// Options of sources that are set by the usual variables of their field. Only the command line reads them: if a program
/// has several sources of a kind, one variable would affect all of them.
const OF_SOURCES: [(&str, &str, &str); 20] = [
    ("discover consul", "address", "CONSUL_HTTP_ADDR"),
    ("discover consul", "ca", "CONSUL_CACERT"),
    ("discover consul", "cert", "CONSUL_CLIENT_CERT"),
    ("discover consul", "datacenter", "CONSUL_DATACENTER"),
    ("discover consul", "key", "CONSUL_CLIENT_KEY"),
    ("discover consul", "namespace", "CONSUL_NAMESPACE"),
    ("discover consul", "partition", "CONSUL_PARTITION"),
    ("discover consul", "tls-server-name", "CONSUL_TLS_SERVER_NAME"),
    ("discover dns", "domain", "DNS_DOMAIN"),
    ("discover dns", "port", "DNS_PORT"),
    ("discover dns", "refresh-ttl", "DNS_REFRESH_TTL"),
    ("discover dns", "server", "DNS_SERVER"),
    ("discover etcd", "endpoint", "ETCD_ENDPOINTS"),
    ("discover etcd", "prefix", "ETCD_DISCOVERY_PREFIX"),
    ("discover etcd", "user", "ETCD_USERNAME"),
    ("discover portolan", "address", "PORTOLAN_REGISTRY"),
    ("discover k8s", "in-cluster", "K8S_IN_CLUSTER"),
    ("discover k8s", "kubeconfig", "KUBECONFIG"),
    ("discover k8s", "namespace", "K8S_NAMESPACE"),
    ("discover k8s", "selector", "K8S_LABEL_SELECTOR"),
];

/// The commands that abbreviate another, and the section of the other, whose settings apply to both.
const SHORT: [(&str, [&str; 2]); 2] = [("local", ["discover", "local"]), ("scan", ["discover", "scan"])];
/// Commands without settings: no file may answer a question for its user, or change what scripts read.
const WITHOUT_SETTINGS: [&str; 8] = ["who", "kill", "free-port", "serve", "bench", "deregister", "services", "status"];
/// Options that only a short command has, and that are no settings.
const ONLY_OF_SHORT: [&str; 2] = ["register", "registry"];
/// Options of a short command that are settings of the parent section.
const OF_SECTION_ABOVE: [&str; 8] =
    ["fail-changed", "fail-empty", "hand-to", "strict", "watch", "interval", "for", "count"];

/// An option that settings can set.
#[derive(Clone, Debug)]
pub(crate) struct Key<'c> {
    section: Vec<&'c str>,
    command: &'c Command,
    arg: &'c Arg,
    name: &'c str,
}

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// True or false.
    Flag,
    /// One value.
    One,
    /// A list of values.
    Several,
}

impl<'c> Key<'c> {
    /// Every key of a command and of its subcommands, section by section. `root` must not be built yet, because building
    /// copies global options into every subcommand.
    pub(crate) fn all(root: &'c Command) -> Vec<Self> {
        let mut keys = Vec::new();
        collect(root, &mut Vec::new(), &mut keys);
        keys
    }

    /// The keys of one command, without subcommands. `section` is its path.
    pub(crate) fn of_section(command: &'c Command, section: &[&'c str]) -> Vec<Self> {
        let mut keys: Vec<_> =
            command.get_arguments().filter_map(|arg| Self::of_option(command, section, arg)).collect();
        keys.sort_unstable_by_key(|key| key.name);
        keys
    }

    /// The keys of a source that are options of all sources. `parent` is the command that has them.
    pub(crate) fn of_source(parent: &'c Command, section: &[&'c str]) -> Vec<Self> {
        let [DISCOVER, _] = section else { return Vec::new() };
        let args = parent.get_arguments().filter_map(|arg| Some((arg, arg.get_long()?)));
        let own = args.filter(|(_, name)| OF_EACH_SOURCE.contains(name));
        own.map(|(arg, name)| Self { section: section.to_vec(), command: parent, arg, name }).collect()
    }

    /// The key of one option, unless it is not a setting.
    fn of_option(command: &'c Command, section: &[&'c str], arg: &'c Arg) -> Option<Self> {
        let name = arg.get_long().filter(|name| !ONLY_ON_THE_LINE.contains(name) && !is_negation(arg))?;
        kind(arg)?;
        match section {
            [DISCOVER] if OF_EACH_SOURCE.contains(&name) => return None,
            [DISCOVER, "local" | "scan"] | ["local" | "scan"] if OF_CHECKS.contains(&name) => return None,
            _ => {}
        }
        if let [command] = section
            && short_for(command).is_some()
            && ONLY_OF_SHORT.contains(&name)
        {
            return None;
        }
        Some(Self { section: home(section, name), command, arg, name })
    }

    /// The path of commands that leads to the option.
    pub(crate) fn section(&self) -> &[&'c str] {
        &self.section
    }

    /// The option's long name.
    pub(crate) fn name(&self) -> &'c str {
        self.name
    }

    /// The full name: `discover.local.sort`.
    pub(crate) fn dotted(&self) -> String {
        let mut dotted = self.section.join(".");
        if !dotted.is_empty() {
            dotted.push('.');
        }
        dotted.push_str(self.name);
        dotted
    }

    /// The option with these values as its default.
    pub(crate) fn with_default(&self, values: &[String]) -> Arg {
        self.arg.clone().default_values(values.to_vec())
    }

    /// clap's id of the option.
    pub(crate) fn id(&self) -> &'c str {
        self.arg.get_id().as_str()
    }

    /// Whether subcommands take it too.
    pub(crate) fn is_global(&self) -> bool {
        self.arg.is_global_set()
    }

    /// The environment variable that sets it, if there is one: `PORTOLAN_OUTPUT`.
    pub(crate) fn variable(&self) -> Option<String> {
        if self.section.is_empty() {
            return Some(format!("PORTOLAN_{}", self.name.replace('-', "_").to_ascii_uppercase()));
        }
        let section = self.section.join(" ");
        let of_source = OF_SOURCES.iter().find(|(command, name, _)| *command == section && *name == self.name);
        of_source.map(|(_, _, variable)| (*variable).to_owned())
    }

    /// The kind of value that it takes.
    pub(crate) fn kind(&self) -> Kind {
        kind(self.arg).unwrap_or(Kind::One)
    }

    /// Its default values; none if it is unset by default.
    pub(crate) fn defaults(&self) -> Vec<String> {
        if self.kind() == Kind::Flag {
            return vec!["false".to_owned()];
        }
        self.arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect()
    }

    /// The ids of the options of its command that exclude it, or that it excludes.
    pub(crate) fn excluded(&self) -> impl Iterator<Item = &'c str> {
        let mut ids = Vec::new();
        for arg in self.command.get_arguments() {
            if excludes(self.command, self.arg, arg) || excludes(self.command, arg, self.arg) {
                ids.push(arg.get_id().as_str());
            }
        }
        ids.into_iter()
    }

    /// Whether the two exclude each other.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.section == other.section && self.excluded().any(|id| id == other.id())
    }
}

/// The variables that set options of the command that these words lead to; `None` for all commands.
pub(super) fn variables_of(section: Option<&[&str]>) -> impl Iterator<Item = &'static str> {
    let section = section.map(|words| words.join(" "));
    let variables = OF_SOURCES.iter();
    variables
        .filter(move |(command, ..)| section.as_ref().is_none_or(|section| command == section))
        .map(|(_, _, variable)| *variable)
}

/// The commands below one that have a section: a short form has none of its own. `section` is how the one is reached.
pub(super) fn sections_below<'c>(
    command: &'c Command,
    section: &[&str],
) -> impl Iterator<Item = &'c Command> + use<'c> {
    let is_root = section.is_empty();
    command.get_subcommands().filter(move |sub| {
        let is_left_out = short_for(sub.get_name()).is_some() || WITHOUT_SETTINGS.contains(&sub.get_name());
        !is_root || !is_left_out
    })
}

/// The section that sets an option of the command at `section`.
fn home<'c>(section: &[&'c str], name: &str) -> Vec<&'c str> {
    let [command] = section else { return section.to_vec() };
    match short_for(command) {
        Some([above, _]) if OF_SECTION_ABOVE.contains(&name) => vec![above],
        Some(long) => long.to_vec(),
        None => section.to_vec(),
    }
}

/// The section of the command that a short one stands for.
fn short_for(command: &str) -> Option<[&'static str; 2]> {
    SHORT.iter().find(|(short, _)| *short == command).map(|(_, long)| *long)
}

fn excludes(command: &Command, one: &Arg, other: &Arg) -> bool {
    command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
}

fn collect<'c>(command: &'c Command, section: &mut Vec<&'c str>, keys: &mut Vec<Key<'c>>) {
    keys.extend(Key::of_section(command, section));
    for sub in sections_below(command, section) {
        section.push(sub.get_name());
        keys.extend(Key::of_source(command, section));
        collect(sub, section, keys);
        section.pop();
    }
}

/// Whether an option is the hidden negation of a flag.
fn is_negation(arg: &Arg) -> bool {
    arg.is_hide_set() && arg.get_id().as_str().starts_with(NEGATION)
}

fn kind(arg: &Arg) -> Option<Kind> {
    match arg.get_action() {
        ArgAction::SetTrue => Some(Kind::Flag),
        ArgAction::Append => Some(Kind::Several),
        ArgAction::Set => {
            let several = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
            Some(if several { Kind::Several } else { Kind::One })
        }
        _ => None,
    }
}
