//! The options of the Kubernetes source: its command line and its settings section.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;
#[cfg(feature = "cli")]
use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};

use super::selector;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{ParseError, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portolan discover k8s                      the context's namespace
  portolan discover k8s -A -o wide           the whole cluster, with all columns
  portolan discover k8s -n shop -l app=web   what a selector matches
  portolan discover k8s -n shop --pods --ingress  pods, Ingresses and routes too
  portolan discover k8s -n shop --validate --via api-proxy
                                             HTTP checks through the API server, from anywhere
  portolan discover k8s -A --json | jq '.items[] | select(.findings != null)'
                                             the services that have findings";

/// List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings
///
/// Reads services, their EndpointSlices and the pods that they select from the API server, and changes nothing. Like
/// kubectl, it uses the server of the kubeconfig's context; in a pod without a kubeconfig, it uses the pod's service
/// account. It resolves the names of ExternalName services, and makes no other connections. Without permission to read the
/// whole cluster, it reads one namespace after another; without permission to read pods, it reports which findings are
/// missing. Options have kubectl's names; a watch is --watch or -w.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct K8s {
    /// List the services of these namespaces, as in shop or 'team-*' [default: the context's]
    ///
    /// In a pattern, * stands for any characters and ? for one. It needs the permission to list namespaces; a watch also follows
    /// matching namespaces that are created later.
    #[cfg_attr(feature = "cli", arg(short, long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = parse_pattern))]
    pub namespace: Vec<String>,
    /// List the services of all namespaces
    #[cfg_attr(feature = "cli", arg(short = 'A', long, conflicts_with = "namespace"))]
    pub all_namespaces: bool,
    /// With -A, leave out the services of these namespaces
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = parse_namespace, requires = "all_namespaces"))]
    pub exclude_namespace: Vec<String>,
    /// List only objects with these labels, as in app=web,tier!=test or 'env in (dev,qa)'
    #[cfg_attr(feature = "cli", arg(short = 'l', long, value_name = "LABELS", value_parser = parse_labels))]
    pub selector: Option<String>,
    /// List only objects with these fields, as in metadata.name=web
    #[cfg_attr(feature = "cli", arg(long, value_name = "FIELDS", value_parser = parse_fields))]
    pub field_selector: Option<String>,
    /// List pods too, with their container ports and the services that select them
    #[cfg_attr(feature = "cli", arg(long))]
    pub pods: bool,
    /// List Ingresses and Gateway API routes too: hosts, paths and backends
    #[cfg_attr(feature = "cli", arg(long))]
    pub ingress: bool,
    /// Read this kubeconfig; in a list, the first file to set a value wins [default: ~/.kube/config]
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_delimiter = ':', value_parser = OsStringValueParser::new().map(PathBuf::from), value_hint = ValueHint::FilePath, help_heading = "Cluster"))]
    pub kubeconfig: Vec<PathBuf>,
    /// Use this context of the kubeconfig [default: its current one]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Cluster"))]
    pub context: Option<String>,
    /// Use the pod's service account; the default in a pod without a kubeconfig
    #[cfg_attr(feature = "cli", arg(long, conflicts_with_all = ["kubeconfig", "context"], help_heading = "Cluster"))]
    pub in_cluster: bool,
    /// Run the program that the kubeconfig names for credentials
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Cluster"))]
    pub allow_exec: bool,
    /// With --validate, send HTTP checks through the API server's proxy, for endpoints unreachable from here
    ///
    /// Endpoints with a pod use pods/proxy, others services/proxy; both need the permission `get`. Only HTTP is checked, in
    /// plain text or TLS according to the port's name, appProtocol or number.
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "WAY", help_heading = "Cluster"))]
    pub via: Option<K8sVia>,
    /// Resolve external names with these resolvers instead of the system's, as in 10.96.0.10 or 127.0.0.1:5353
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = parse_resolver, help_heading = "Cluster"))]
    pub resolver: Vec<SocketAddr>,
    /// Set the maximum duration of one request, as in 500ms or 10s
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "15s", help_heading = "Timing"))]
    pub timeout: Duration,
    /// Stop the whole run after this time, even if it is incomplete [default: 2m for the API server, none for checks]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Timing"))]
    pub deadline: Option<Duration>,
    /// The environment variables that describe the cluster.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub environment: K8sEnvironment,
}

impl Default for K8s {
    /// The context's namespace; all other options as on the command line.
    fn default() -> Self {
        Self {
            namespace: Vec::new(),
            all_namespaces: false,
            exclude_namespace: Vec::new(),
            selector: None,
            field_selector: None,
            pods: false,
            ingress: false,
            kubeconfig: Vec::new(),
            context: None,
            in_cluster: false,
            allow_exec: false,
            via: None,
            resolver: Vec::new(),
            timeout: Duration::from_secs(15),
            deadline: None,
            environment: K8sEnvironment::default(),
        }
    }
}

/// The default deadline for requests to the API server.
const DEFAULT_DEADLINE: Duration = Duration::from_mins(2);

impl K8s {
    /// The deadline for all requests to the API server.
    pub(super) fn whole(&self) -> Duration {
        self.deadline.unwrap_or(DEFAULT_DEADLINE)
    }

    /// Whether `-n` has a pattern.
    pub(super) fn has_pattern(&self) -> bool {
        self.namespace.iter().any(|name| is_pattern(name))
    }

    /// Whether the services of this namespace are listed, where the namespaces of the cluster are known.
    pub(super) fn selects(&self, namespace: &str) -> bool {
        if self.all_namespaces {
            return !self.exclude_namespace.iter().any(|excluded| excluded == namespace);
        }
        self.namespace.iter().any(|pattern| matches_pattern(pattern, namespace))
    }

    /// The field selector of objects that the user's selectors do not apply to: those outside the excluded namespaces.
    pub(super) fn selector_of_all(&self) -> Option<String> {
        join_fields(&self.exclude_namespace, None)
    }

    /// The field selector of services.
    pub(super) fn selector_of_services(&self) -> Option<String> {
        join_fields(&self.exclude_namespace, self.field_selector.as_deref())
    }

    /// Selects the services that may have the name `NAMESPACE/NAME`, or NAME in the context's namespace. A selector could hide
    /// them.
    pub(super) fn select_name(&mut self, name: &str) {
        (self.selector, self.field_selector) = (None, None);
        let Some((namespace, rest)) = name.split_once('/').filter(|(namespace, _)| is_namespace(namespace)) else {
            return;
        };

        (self.namespace, self.all_namespaces) = (vec![namespace.to_owned()], false);
        self.exclude_namespace.clear();

        match rest.split_once('/') {
            Some(("pod", _)) => self.pods = true,
            // An Ingress or a route.
            Some(_) => self.ingress = true,
            None => {}
        }
    }

    /// Validates the options without a server.
    ///
    /// # Errors
    /// An invalid selector.
    pub(super) fn check(&self) -> Result<()> {
        let labels = self.selector.as_deref().map(|text| ("--selector", text, selector::check_labels(text)));
        let fields =
            self.field_selector.as_deref().map(|text| ("--field-selector", text, selector::check_fields(text)));
        labels.into_iter().chain(fields).try_for_each(|(name, text, checked)| {
            checked.map_err(|why| Error::usage(format!("{name} '{}'", clean(text)), clean(&why), SELECTORS))
        })
    }
}

/// A proxy for checks of endpoints that are unreachable from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum K8sVia {
    /// The API server's proxy
    ApiProxy,
}

/// The environment variables that describe a cluster. The library never reads them by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct K8sEnvironment {
    /// The home directory; its `.kube/config` is the default kubeconfig.
    pub home: Option<PathBuf>,
    /// The address of the API server, in a pod (`KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`).
    pub server: Option<(String, String)>,
    /// The proxy for servers with TLS (`HTTPS_PROXY` or `https_proxy`).
    pub https_proxy: Option<String>,
    /// The proxy for servers without TLS (`HTTP_PROXY` or `http_proxy`).
    pub http_proxy: Option<String>,
    /// The hosts that are reached without a proxy (`NO_PROXY` or `no_proxy`).
    pub no_proxy: Option<String>,
}

impl K8sEnvironment {
    /// Reads the variables with `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let server = text(&variable, &["KUBERNETES_SERVICE_HOST"]).zip(text(&variable, &["KUBERNETES_SERVICE_PORT"]));

        let https_proxy = text(&variable, &["HTTPS_PROXY", "https_proxy"]);
        let http_proxy = text(&variable, &["HTTP_PROXY", "http_proxy"]);
        let no_proxy = text(&variable, &["NO_PROXY", "no_proxy"]);
        Self { home, server, https_proxy, http_proxy, no_proxy }
    }
}

/// The server applies it, to lists and watches.
fn join_fields(excluded: &[String], fields: Option<&str>) -> Option<String> {
    let excluded = excluded.iter().map(|name| format!("metadata.namespace!={name}"));
    let all: Vec<String> = fields.map(str::to_owned).into_iter().chain(excluded).collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// The first of these variables that is set and not empty.
fn text(variable: &impl Fn(&str) -> Option<OsString>, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| variable(name)?.into_string().ok()).find(|text| !text.is_empty())
}

/// Whether a text is the name of a namespace.
pub(super) fn is_namespace(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(is_name_byte) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Whether a text selects namespaces by a pattern. No name of a namespace has such a character.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a namespace has this name, or matches this pattern.
pub(super) fn matches_pattern(pattern: &str, namespace: &str) -> bool {
    glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(namespace))
}

/// The name of a namespace, or a pattern.
fn parse_pattern(text: &str) -> Result<String, ParseError> {
    let is_valid = text.bytes().all(|byte| is_name_byte(byte) || matches!(byte, b'*' | b'?'));
    if is_namespace(text) || is_pattern(text) && is_valid && text.len() <= 63 {
        return Ok(text.to_owned());
    }
    let hint =
        "write lower-case letters, digits and dashes, at most 63, or a pattern with * and ?; -A selects all namespaces";
    Err(ParseError::new("it is not a namespace name", hint))
}

/// A namespace becomes a part of a request's path, so invalid names are rejected here.
fn parse_namespace(text: &str) -> Result<String, ParseError> {
    let hint = "write lower-case letters, digits and dashes, at most 63";
    if is_namespace(text) { Ok(text.to_owned()) } else { Err(ParseError::new("it is not a namespace name", hint)) }
}

/// The hint for an invalid selector.
pub(super) const SELECTORS: &str =
    "write it as app=web,tier!=test or 'env in (dev,qa)'; fields are metadata.name and the like";

fn parse_labels(text: &str) -> Result<String, ParseError> {
    selector::check_labels(text).map(|()| text.to_owned()).map_err(|why| ParseError::new(clean(&why), SELECTORS))
}

fn parse_fields(text: &str) -> Result<String, ParseError> {
    selector::check_fields(text).map(|()| text.to_owned()).map_err(|why| ParseError::new(clean(&why), SELECTORS))
}

fn parse_resolver(text: &str) -> Result<SocketAddr, ParseError> {
    const DNS: u16 = 53;
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS)));
    address.ok_or_else(|| ParseError::new("it is not an address", "write 10.96.0.10, 127.0.0.1:5353 or [::1]:5353"))
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        k8s: K8s,
    }

    #[test]
    fn the_library_and_the_command_line_have_the_same_defaults() {
        let line = CommandLine::from_arg_matches(&CommandLine::command().get_matches_from(["x"])).unwrap();
        assert_eq!(format!("{:?}", line.k8s), format!("{:?}", K8s::default()));
    }

    #[test]
    fn a_namespace_is_not_a_path() {
        for text in ["", "../secrets", "a/b", "-a", "a-", "A", &"a".repeat(64)] {
            assert!(parse_namespace(text).is_err(), "{text}");
        }
        assert_eq!(parse_namespace("kube-system").unwrap(), "kube-system");
    }

    #[test]
    fn patterns_select_namespaces() {
        for text in ["../*", "A*", "a*/b", "[ab]*", "{a,b}*", "a b*", "", &"a".repeat(63), "*".repeat(64).as_str()] {
            assert_eq!(parse_pattern(text).is_ok(), text.len() == 63, "{text}");
        }

        for (pattern, name, is_match) in [
            ("team-*", "team-a", true),
            ("team-*", "team", false),
            ("*", "default", true),
            ("*-a", "team-a", true),
            ("team-?", "team-a", true),
            ("team-?", "team-ab", false),
            ("shop", "shop", true),
            ("shop", "shop-1", false),
        ] {
            let k8s = K8s { namespace: vec![parse_pattern(pattern).unwrap()], ..K8s::default() };
            assert_eq!(k8s.selects(name), is_match, "{pattern} {name}");
        }
    }
}
