//! What a Kubernetes API can be asked. These options are the source's command line and its settings section too.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum, ValueHint};

use super::selector;
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::model::{ParseError, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portolan discover k8s                          the services of the context's namespace
  portolan discover k8s -A -o wide               those of the whole cluster, with all that is known
  portolan discover k8s -n shop -l app=web       what a selector chooses
  portolan discover k8s -n shop --pods --ingress pods, and what leads in from outside, as well
  portolan discover k8s -n shop --validate --via api-proxy
                                                 check HTTP through the API server, from wherever this runs
  portolan discover k8s -A --json | jq '.items[] | select(.findings != null)'
                                                 what is wrong, and with which service";

/// List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them
///
/// Asks the API server for services, their EndpointSlices and the pods that they choose, and changes nothing. The server is
/// that of the kubeconfig's context, as for kubectl; within a pod without a kubeconfig, that of the pod's service account.
/// Names of ExternalName services are looked up; nothing else is connected to. Where the whole cluster may not be read, the
/// namespaces are asked one by one; without rights to pods, what only they tell is not judged, and that is said.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Filters", after_help = EXAMPLES)]
pub struct K8s {
    /// Only these namespaces [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = parse_namespace)]
    pub namespace: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only what has these labels, as in app=web,tier!=test or 'env in (dev,qa)'
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = parse_labels)]
    pub selector: Option<String>,
    /// Only what has these fields, as in metadata.name=web
    #[arg(long, value_name = "FIELDS", value_parser = parse_fields)]
    pub field_selector: Option<String>,
    /// List pods too, each with its containers' ports, and the services that choose it
    #[arg(long)]
    pub pods: bool,
    /// List Ingresses too, and the routes of the Gateway API where the cluster has it: hosts, paths, and where they lead
    #[arg(long)]
    pub ingress: bool,
    /// The kubeconfig; of several, the first to say something counts [default: ~/.kube/config]
    #[arg(long, value_name = "FILE", value_delimiter = ':', value_hint = ValueHint::FilePath, help_heading = "Cluster")]
    pub kubeconfig: Vec<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Cluster")]
    pub context: Option<String>,
    /// Ask as the pod that this runs in; without a kubeconfig that is tried anyway
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"], help_heading = "Cluster")]
    pub in_cluster: bool,
    /// Run the program that the kubeconfig names to get credentials
    #[arg(long, help_heading = "Cluster")]
    pub allow_exec: bool,
    /// With --validate: ask HTTP through the API server's proxy, for who cannot reach the cluster's own addresses
    ///
    /// An endpoint with a pod is asked by pods/proxy, another by services/proxy; both need the right to `get`. Only HTTP is
    /// checked, in the clear or in TLS as the port's name, appProtocol or number says.
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Cluster")]
    pub via: Option<K8sVia>,
    /// Look external names up by these resolvers instead of the system's, as in 10.96.0.10 or 127.0.0.1:5353
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = parse_resolver, help_heading = "Cluster")]
    pub resolver: Vec<SocketAddr>,
    /// The most that one try of a question may take, as in 500ms or 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "15s", help_heading = "Pace")]
    pub timeout: Duration,
    /// End the whole after this time, done or not [default: 2m for asking the server, none for checks]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Pace")]
    pub deadline: Option<Duration>,
    /// What the environment says of the cluster.
    #[arg(skip)]
    pub environment: K8sEnvironment,
}

impl Default for K8s {
    /// The context's namespace, and everything else as on the command line.
    fn default() -> Self {
        Self {
            namespace: Vec::new(),
            all_namespaces: false,
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

/// How long asking the server may take, where nobody says otherwise.
const LONGEST: Duration = Duration::from_mins(2);

impl K8s {
    /// How long asking the server may take in all.
    pub(super) fn whole(&self) -> Duration {
        self.deadline.unwrap_or(LONGEST)
    }

    /// What can be said of the options without asking anybody.
    ///
    /// # Errors
    /// A selector that is none.
    pub(super) fn check(&self) -> Result<()> {
        let labels = self.selector.as_deref().map(|text| ("--selector", text, selector::check_labels(text)));
        let fields =
            self.field_selector.as_deref().map(|text| ("--field-selector", text, selector::check_fields(text)));
        labels.into_iter().chain(fields).try_for_each(|(name, text, checked)| {
            checked.map_err(|why| Error::usage(format!("{name} '{}'", clean(text)), clean(&why), SELECTORS))
        })
    }
}

/// Who asks endpoints, where a check's own connections cannot reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum K8sVia {
    /// The API server, by its proxy.
    ApiProxy,
}

/// What the environment of a process says of a cluster. The library never looks there by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct K8sEnvironment {
    /// The home directory, whose `.kube/config` is the kubeconfig where no other is named.
    pub home: Option<PathBuf>,
    /// Where the API server is, for a pod (`KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`).
    pub server: Option<(String, String)>,
}

impl K8sEnvironment {
    /// Reads it by a function that knows variables.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| variable(name)?.into_string().ok().filter(|text| !text.is_empty());
        let server = text("KUBERNETES_SERVICE_HOST").zip(text("KUBERNETES_SERVICE_PORT"));
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Self { home, server }
    }
}

/// A name goes into the path of a request: what cannot be one is not asked for.
fn parse_namespace(text: &str) -> Result<String, ParseError> {
    let is_label = (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    let hint = "write lower-case letters, digits and dashes, at most 63 of them; -A takes all namespaces";
    if is_label { Ok(text.to_owned()) } else { Err(ParseError::new("it is no name of a namespace", hint)) }
}

/// How selectors are written.
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
    address.ok_or_else(|| ParseError::new("it is no address", "write 10.96.0.10, 127.0.0.1:5353 or [::1]:5353"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct LineArg {
        #[command(flatten)]
        k8s: K8s,
    }

    #[test]
    fn the_default_of_a_program_is_that_of_the_command_line() {
        let line = LineArg::from_arg_matches(&LineArg::command().get_matches_from(["x"])).unwrap();
        assert_eq!(format!("{:?}", line.k8s), format!("{:?}", K8s::default()));
    }

    #[test]
    fn a_namespace_is_no_path() {
        for text in ["", "../secrets", "a/b", "-a", "a-", "A", &"a".repeat(64)] {
            assert!(parse_namespace(text).is_err(), "{text}");
        }
        assert_eq!(parse_namespace("kube-system").unwrap(), "kube-system");
    }
}
