//! The rules of a path (RFC 5280, 6.1), apart from signatures and times. `docs/certificates.md` lists them.

use super::names::AlternativeName;
use super::node::{NameConstraints, Node};

/// Maximum number of comparisons of names with constraints, as in OpenSSL.
const MAX_COMPARISONS: usize = 1 << 20;

/// The first rule that a path breaks, in words. The path begins with the server's certificate and ends with the trust
/// anchor.
pub(super) fn violation(path: &[&Node]) -> Option<String> {
    let (leaf, issuers) = path.split_first()?;
    path.iter()
        .find_map(|node| node.defect.as_ref().map(|defect| format!("{}: {defect}", node.name())))
        .or_else(|| leaf_violation(leaf))
        .or_else(|| issuers.iter().enumerate().find_map(|(below, issuer)| issuer_violation(issuer, &path[1..=below])))
        .or_else(|| name_violation(path))
}

fn leaf_violation(leaf: &Node) -> Option<String> {
    if leaf.key_usage.is_some_and(|usage| !usage.serves) {
        return Some("the certificate's key usage does not permit TLS".to_owned());
    }
    (leaf.serves == Some(false)).then(|| "the certificate is not issued for servers".to_owned())
}

/// `between` are the authorities between the issuer and the server's certificate.
fn issuer_violation(issuer: &Node, between: &[&Node]) -> Option<String> {
    let name = issuer.name();
    match issuer.constraints {
        Some((true, _)) => {}
        Some((false, _)) => return Some(format!("{name} is not an authority (CA:FALSE)")),
        // X.509 version 1 has no basic constraints: a root of that time is trusted as it is.
        None if issuer.is_old && issuer.is_self_issued() => {}
        None => return Some(format!("{name} is not an authority: it has no basic constraints")),
    }
    if issuer.key_usage.is_some_and(|usage| !usage.signs_certificates) {
        return Some(format!("{name} may not sign certificates: its key usage lacks keyCertSign"));
    }
    if issuer.serves == Some(false) {
        return Some(format!("{name} may not issue certificates for servers"));
    }

    let depth = between.iter().filter(|node| !node.is_self_issued()).count();
    match issuer.constraints {
        Some((_, Some(limit))) if depth > usize::try_from(limit).unwrap_or(usize::MAX) => {
            Some(format!("{name} permits {limit} authorities below it, and the path has {depth}"))
        }
        _ => None,
    }
}

/// Checks the names of each certificate against the constraints of all authorities above it. Self-issued authorities
/// are exempt.
fn name_violation(path: &[&Node]) -> Option<String> {
    let mut comparisons = 0_usize;
    for (at, node) in path.iter().enumerate() {
        if at > 0 && node.is_self_issued() {
            continue;
        }

        let names = constrained_names(node, at == 0);
        for authority in &path[at + 1..] {
            let Some(constraints) = &authority.name_constraints else { continue };
            comparisons += names.len() * (constraints.permitted.len() + constraints.excluded.len());
            if comparisons > MAX_COMPARISONS {
                return Some(format!("{} has too many name constraints to compare", authority.name()));
            }
            if names.iter().any(|name| !is_permitted(name, constraints)) {
                return Some(format!("{} does not permit a name of {}", authority.name(), node.name()));
            }
        }
    }
    None
}

/// The alternative names and the subject; the common name of a server only if it has no DNS name.
fn constrained_names(node: &Node, is_leaf: bool) -> Vec<AlternativeName> {
    let mut names = node.names.clone();
    if !node.subject.is_empty() {
        names.push(AlternativeName::Directory(node.subject.clone()));
    }
    if is_leaf && !node.names.iter().any(|name| matches!(name, AlternativeName::Dns(_))) {
        let hosts = node.common_names.iter().filter(|name| looks_like_a_host(name));
        names.extend(hosts.cloned().map(AlternativeName::Dns));
    }
    names
}

fn looks_like_a_host(name: &str) -> bool {
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    name.contains('.') && name.chars().all(is_host_char)
}

/// Whether a name is in a permitted subtree, if there are any of its kind, and in no excluded one.
fn is_permitted(name: &AlternativeName, constraints: &NameConstraints) -> bool {
    let mut permitted = constraints.permitted.iter().filter_map(|subtree| name.is_within(subtree)).peekable();
    let is_in_permitted = permitted.peek().is_none() || permitted.any(|within| within);
    is_in_permitted && !constraints.excluded.iter().any(|subtree| name.is_within(subtree) == Some(true))
}
