//! The services of a file: `[defaults]`, `[[service]]`, and their endpoints.

use std::collections::HashSet;
use std::sync::Arc;

use super::expand::{ExpandedText, expand};
use super::node::{DocumentNode, Step, find};
use super::options::{Context, OPTION_KEYS, Options, unknown_key};
use super::unset::{UnsetService, UnsetVariable, is_needed, unset_in, without_unset};
use super::{Failure, Problem};
use crate::clean::{MASK, clean};
use crate::model::{CheckSpec, DeclaredDetail, Endpoint, HostPort, Service, ServiceUrl, UrlPlace};

/// The keys of the whole file.
pub(super) const FILE_KEYS: [&str; 2] = ["defaults", "service"];
/// The keys of a service beside its options.
pub(super) const SERVICE_KEYS: [&str; 3] = ["name", "namespace", "endpoints"];
/// The keys of an endpoint that is a table.
pub(super) const ENDPOINT_KEYS: [&str; 2] = ["address", "weight"];

type Entries = [(String, DocumentNode)];

/// The services of a document, and those that need variables that are not set.
#[derive(Debug, Default)]
pub(super) struct DocumentServices {
    pub(super) services: Vec<Service<DeclaredDetail>>,
    pub(super) unset: Vec<UnsetService>,
}

/// The services of a document.
///
/// # Errors
/// The first invalid part, with its place.
pub(super) fn services(
    document: &DocumentNode,
    shown: &str,
    context: Context<'_>,
) -> Result<DocumentServices, Failure> {
    let entries = table(document, "a services file is a table").map_err(|problem| problem.at(&[]))?;
    if let Some((key, _)) = entries.iter().find(|(key, _)| !FILE_KEYS.contains(&key.as_str())) {
        return Err(unknown_key(key, &FILE_KEYS).at(&[Step::Key(key.clone())]));
    }

    let (mut defaults, mut unset_defaults) = (Options::default(), Vec::new());
    if let Some(node) = find(entries, "defaults") {
        let path = key("defaults");
        let entries = table(node, "[defaults] is a table of options").map_err(|problem| problem.at(&path))?;
        let (set, unset) = without_unset(entries, &path, context.variable);
        defaults = options(&set, &[], context).map_err(|failure| failure.within(&path))?;
        unset_defaults = unset;
    }

    let list = match find(entries, "service") {
        Some(DocumentNode::List(list)) => list.as_slice(),
        // One service where a list of one is meant.
        Some(one @ DocumentNode::Table(_)) => std::slice::from_ref(one),
        Some(other) => {
            let why = format!("it takes services, not {}", other.kind());
            return Err(Problem::new(why, super::HINT).at(&[Step::Key("service".to_owned())]));
        }
        None => return Err(Problem::new("it has no service", "begin each service with [[service]]").at(&[])),
    };

    let is_list = matches!(find(entries, "service"), Some(DocumentNode::List(_)));
    let (mut seen, mut read) = (HashSet::new(), DocumentServices::default());
    for (at, node) in list.iter().enumerate() {
        let mut path = vec![Step::Key("service".to_owned())];
        path.extend(is_list.then_some(Step::Item(at)));
        if let Some(unset) = unset_service(node, &path, &unset_defaults, context) {
            read.unset.push(unset);
            continue;
        }
        let service = service(node, shown, &defaults, context).map_err(|failure| failure.within(&path))?;

        if !seen.insert(service.id.clone()) {
            path.push(Step::Key("name".to_owned()));
            let why = "another service has the same name";
            return Err(Problem::new(why, "give each service its own name, or a namespace")
                .at(&path)
                .named(&name_of(&service)));
        }
        read.services.push(service);
    }
    Ok(read)
}

/// A service with a name, if it needs variables that are not set.
fn unset_service(
    node: &DocumentNode,
    path: &[Step],
    defaults: &[UnsetVariable],
    context: Context<'_>,
) -> Option<UnsetService> {
    let DocumentNode::Table(entries) = node else { return None };
    let DocumentNode::Text(name) = find(entries, "name")? else { return None };
    let of_defaults = defaults.iter().filter(|variable| is_needed(variable, entries)).cloned();
    let variables: Vec<_> = of_defaults.chain(unset_in(node, path, context.variable)).collect();

    let namespace = find(entries, "namespace").and_then(|node| context.text(node).ok());
    // A name with a variable that is not set stays as it is written.
    let name = expand(name, context.variable).map_or_else(|_| name.clone(), |expanded| expanded.text);
    (!variables.is_empty()).then_some(UnsetService { name, namespace, variables })
}

fn name_of(service: &Service<DeclaredDetail>) -> String {
    service.name.as_ref().map_or_else(String::new, |name| name.as_raw().to_owned())
}

fn service(
    node: &DocumentNode,
    shown: &str,
    defaults: &Options,
    context: Context<'_>,
) -> Result<Service<DeclaredDetail>, Failure> {
    let entries = table(node, "a service is a table with a name and endpoints").map_err(|problem| problem.at(&[]))?;
    let name = match find(entries, "name") {
        Some(node) => context.text(node).map_err(|problem| problem.at_key("name"))?,
        None => return Err(Problem::new("it has no name", "write name = \"shop\"").at(&[])),
    };
    if name.is_empty() {
        return Err(Problem::new("it is empty", "write name = \"shop\"").at_key("name"));
    }

    described(entries, &name, shown, defaults, context).map_err(|failure| failure.named(&name))
}

/// A service with a name.
fn described(
    entries: &Entries,
    name: &str,
    shown: &str,
    defaults: &Options,
    context: Context<'_>,
) -> Result<Service<DeclaredDetail>, Failure> {
    let namespace = find(entries, "namespace").map(|node| context.text(node)).transpose();
    let namespace = namespace.map_err(|problem| problem.at_key("namespace"))?;
    let own = options(entries, &SERVICE_KEYS, context)?;

    let Some(node) = find(entries, "endpoints") else {
        return Err(Problem::new("it has no endpoints", "write endpoints = [\"db:5432\"]").at(&[]));
    };
    let (endpoints, url_spec) = endpoints(node, context).map_err(|failure| failure.within(&key("endpoints")))?;

    let Options { mut spec, labels } = own.over(&Options { spec: url_spec, ..Options::default() }).over(defaults);
    if let Some(check) = spec.check.iter().find(|check| spec.no_check.contains(check)) {
        let why = format!("it has the check {} in both check and no-check", check.as_str());
        return Err(Problem::new(why, "leave one of them out").at_key("no-check"));
    }
    if let Some(option) = spec.useless_for_grpc() {
        return Err(Problem::new("a gRPC check does not use it", "leave it out").at_key(option));
    }
    spec.limits.ignore.sort_unstable();
    spec.limits.ignore.dedup();

    let endpoints: Vec<Endpoint> =
        endpoints.into_iter().map(|endpoint| endpoint.declared_as(spec.protocol.as_deref())).collect();
    let id = match &namespace {
        Some(namespace) => format!("file/{namespace}/{name}"),
        None => format!("file/{name}"),
    };
    let detail = DeclaredDetail {
        from: shown.into(),
        protocol: spec.protocol.clone(),
        labels: labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        ask: Arc::new(spec),
    };
    let (name, namespace) = (Some(name.into()), namespace.map(Into::into));
    Ok(Service { name, namespace, ..Service::new(id, "file", endpoints, detail) })
}

/// The options among the entries of a table, and those in its table `ask`.
fn options(entries: &Entries, others: &[&str], context: Context<'_>) -> Result<Options, Failure> {
    let mut options = Options::default();
    let known: Vec<&str> = others.iter().chain(&OPTION_KEYS).copied().collect();

    for (name, node) in entries.iter().filter(|(name, _)| !others.contains(&name.as_str())) {
        if name == "ask" {
            let asked = table(node, "it takes a table of options").map_err(|problem| problem.at_key(name))?;
            for (inner, node) in asked {
                let set = options.set(inner, node, context);
                set.map_err(|problem| problem.at(&[Step::Key("ask".to_owned()), Step::Key(inner.clone())]))?;
            }
        } else if OPTION_KEYS.contains(&name.as_str()) {
            options.set(name, node, context).map_err(|problem| problem.at_key(name))?;
        } else {
            return Err(unknown_key(name, &known).at_key(name));
        }
    }
    Ok(options)
}

/// The endpoints of a service, and what their URLs say about its checks.
fn endpoints(node: &DocumentNode, context: Context<'_>) -> Result<(Vec<Endpoint>, CheckSpec), Failure> {
    let list = match node {
        DocumentNode::List(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };

    let (mut all, mut specs): (Vec<Endpoint>, Vec<CheckSpec>) = (Vec::new(), Vec::new());
    for (at, item) in list.iter().enumerate() {
        let path: Vec<Step> = matches!(node, DocumentNode::List(_)).then_some(Step::Item(at)).into_iter().collect();
        let (endpoints, spec) = endpoint(item, context).map_err(|failure| failure.within(&path))?;
        all.extend(endpoints);
        specs.push(spec);
    }

    let names: HashSet<Option<&String>> = specs.iter().map(|spec| spec.server_name.as_ref()).collect();
    let is_one_name = names.len() == 1;
    // With several hosts, each endpoint has its own name.
    for spec in specs.iter_mut().filter(|_| !is_one_name) {
        spec.server_name = None;
    }

    let first = specs.first().cloned().unwrap_or_default();
    if specs.iter().any(|spec| *spec != first) {
        let why = "its URLs have different protocols, paths or credentials";
        return Err(Problem::new(why, "write them as two services").at(&[]));
    }
    Ok((all, first))
}

fn endpoint(node: &DocumentNode, context: Context<'_>) -> Result<(Vec<Endpoint>, CheckSpec), Failure> {
    let (address, weight) = match node {
        DocumentNode::Table(entries) => {
            if let Some((name, _)) = entries.iter().find(|(name, _)| !ENDPOINT_KEYS.contains(&name.as_str())) {
                return Err(unknown_key(name, &ENDPOINT_KEYS).at_key(name));
            }
            let Some(address) = find(entries, "address") else {
                return Err(Problem::new("it has no address", "write address = \"host:port\"").at(&[]));
            };
            let weight = find(entries, "weight").map(|node| weight(node, context)).transpose();
            (address, weight.map_err(|problem| problem.at_key("weight"))?)
        }
        other => (other, None),
    };

    let ExpandedText { text, masked } = context.expanded(address).map_err(|problem| problem.at(&[]))?;
    let (hosts, mut spec) = place(&text).map_err(|problem| problem.about(address).at(&[]))?;
    spec.path = spec.path.map(|path| path.shown_as(&masked_path(&masked)));
    let endpoints = hosts.into_iter().map(|at| Endpoint { weight, ..at.endpoint() }).collect();
    Ok((endpoints, spec))
}

/// The path of a URL with masked variables. If a variable holds the path itself, all of it is masked.
fn masked_path(masked: &str) -> String {
    let after_scheme = masked.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme.find('/').map(|at| &after_scheme[at..]);
    path.map_or_else(|| format!("/{MASK}"), |path| path.split('#').next().unwrap_or_default().to_owned())
}

fn weight(node: &DocumentNode, context: Context<'_>) -> Result<u16, Problem> {
    let hint = "write a number from 0 to 65535";
    context.text(node)?.parse().map_err(|_| Problem::new("it is not a weight", hint))
}

/// A `host:port`, or a URL with one or more hosts.
fn place(text: &str) -> Result<(Vec<HostPort>, CheckSpec), Problem> {
    if ServiceUrl::is_meant(text) {
        let url = text.parse::<ServiceUrl>().map_err(|error| Problem::new(error.to_string(), error.hint()))?;
        return match url.place {
            UrlPlace::Hosts(hosts) => Ok((hosts, url.spec)),
            UrlPlace::Socket(_) => Err(unix_domain_socket()),
        };
    }

    let at = text.parse::<HostPort>();
    let at = at.map_err(|error| Problem::new(error.to_string(), "write host:port, as in db:5432, or a URL"))?;
    if at.port.is_none() { Err(unix_domain_socket()) } else { Ok((vec![at], CheckSpec::default())) }
}

fn unix_domain_socket() -> Problem {
    Problem::new("it is a Unix-domain socket, which cannot be checked", "write host:port or a URL")
}

fn table<'n>(node: &'n DocumentNode, why: &str) -> Result<&'n Entries, Problem> {
    match node {
        DocumentNode::Table(entries) => Ok(entries),
        other => Err(Problem::new(format!("{why}, not {}", other.kind()), super::HINT)),
    }
}

fn key(name: &str) -> [Step; 1] {
    [Step::Key(name.to_owned())]
}

impl Problem {
    /// The problem with the text that stands in the file, where its variables are not replaced.
    fn about(self, node: &DocumentNode) -> Self {
        match node {
            DocumentNode::Text(text) => {
                Self { why: format!("'{}': {}", clean(&crate::clean::redacted_url(text)), self.why), ..self }
            }
            _ => self,
        }
    }
}
