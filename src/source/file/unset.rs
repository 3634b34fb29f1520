//! Variables that a services file needs and that are not set: all of them are named in one error, and those of services that are
//! not chosen do not matter.

use super::expand::{Variable, unset_variables};
use super::node::{DocumentNode, Step, find};

/// A variable that is not set, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnsetVariable {
    pub(super) name: String,
    pub(super) path: Vec<Step>,
}

/// A service that needs variables that are not set.
#[derive(Debug)]
pub(super) struct UnsetService {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) variables: Vec<UnsetVariable>,
}

/// Options of requests, which services of other protocols do not have.
const REQUEST_OPTIONS: [&str; 3] = ["header", "method", "body"];
/// Options whose values are merged with those of `[defaults]`.
const MERGED_OPTIONS: [&str; 2] = ["header", "labels"];

/// The variables in the texts of a value that are not set. Their paths begin with `path`.
pub(super) fn unset_in(node: &DocumentNode, path: &[Step], variable: Option<Variable>) -> Vec<UnsetVariable> {
    match node {
        DocumentNode::Text(text) => {
            let names = unset_variables(text, variable).into_iter();
            names.map(|name| UnsetVariable { name, path: path.to_vec() }).collect()
        }
        // An error names the key, and not the position in its list.
        DocumentNode::List(items) => items.iter().flat_map(|item| unset_in(item, path, variable)).collect(),
        DocumentNode::Table(entries) => {
            let entries = entries.iter().map(|(key, value)| (Step::Key(key.clone()), value));
            entries.flat_map(|(step, value)| unset_in(value, &below(path, step), variable)).collect()
        }
        DocumentNode::Null | DocumentNode::Bool(_) | DocumentNode::Number(_) => Vec::new(),
    }
}

fn below(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}

/// The options whose variables are set, and the variables of the others.
pub(super) fn without_unset(
    entries: &[(String, DocumentNode)],
    path: &[Step],
    variable: Option<Variable>,
) -> (Vec<(String, DocumentNode)>, Vec<UnsetVariable>) {
    let (mut set, mut unset) = (Vec::new(), Vec::new());
    for (key, node) in entries {
        let path = below(path, Step::Key(key.clone()));
        if let ("ask", DocumentNode::Table(options)) = (key.as_str(), node) {
            let (options, others) = without_unset(options, &path, variable);
            set.push((key.clone(), DocumentNode::Table(options)));
            unset.extend(others);
            continue;
        }

        let found = unset_in(node, &path, variable);
        if found.is_empty() {
            set.push((key.clone(), node.clone()));
        }
        unset.extend(found);
    }
    (set, unset)
}

/// Whether a service with these entries needs a variable of `[defaults]`.
pub(super) fn is_needed(of_defaults: &UnsetVariable, entries: &[(String, DocumentNode)]) -> bool {
    let mut keys = of_defaults.path.iter().skip(1).filter_map(|step| match step {
        Step::Key(key) if key != "ask" => Some(key.as_str()),
        _ => None,
    });
    let option = keys.next().unwrap_or_default();

    if REQUEST_OPTIONS.contains(&option) && !sends_requests(entries) {
        return false;
    }
    MERGED_OPTIONS.contains(&option) || own(entries, option).is_none()
}

/// An option of a service, or in its table `ask`.
fn own<'n>(entries: &'n [(String, DocumentNode)], option: &str) -> Option<&'n DocumentNode> {
    let asked = match find(entries, "ask") {
        Some(DocumentNode::Table(options)) => find(options, option),
        _ => None,
    };
    find(entries, option).or(asked)
}

/// Whether the service may get HTTP or gRPC requests: its protocol, or the scheme of its first URL, is no other one.
fn sends_requests(entries: &[(String, DocumentNode)]) -> bool {
    let protocol = match own(entries, "protocol") {
        Some(DocumentNode::Text(protocol)) => Some(protocol.as_str()),
        _ => find(entries, "endpoints").and_then(scheme),
    };
    protocol.is_none_or(|protocol| ["http", "h2", "grpc", "${"].iter().any(|start| protocol.starts_with(start)))
}

/// The scheme of the first endpoint, if it is a URL.
fn scheme(endpoints: &DocumentNode) -> Option<&str> {
    match endpoints {
        DocumentNode::Text(text) => text.split_once("://").map(|(scheme, _)| scheme),
        DocumentNode::List(items) => items.first().and_then(scheme),
        DocumentNode::Table(entries) => find(entries, "address").and_then(scheme),
        DocumentNode::Null | DocumentNode::Bool(_) | DocumentNode::Number(_) => None,
    }
}
