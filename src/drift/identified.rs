//! What replies, against what is registered: protocol, version, certificate.

use std::time::Duration;

use super::item::DriftItem;
use super::{DriftInput, RegisteredEndpoint, command, kinds};
use crate::clean::Untrusted;
use crate::model::{Certificate, Identity};

/// A certificate that expires sooner is a finding. Most authorities renew a third of 90 days before the end.
const MIN_CERTIFICATE_LIFE: Duration = Duration::from_hours(14 * 24);

/// The names of protocols that mean the same in a registration: each with its aliases, and whether the alias implies TLS.
const PROTOCOLS: &[(&str, &[(&str, bool)])] = &[
    (
        "http",
        &[
            ("http", false),
            ("https", true),
            ("http2", false),
            ("h2", true),
            ("h2c", false),
            ("grpc", false),
            ("grpcs", true),
            ("ws", false),
            ("wss", true),
        ],
    ),
    ("postgresql", &[("postgresql", false), ("postgres", false)]),
    ("mysql", &[("mysql", false), ("mariadb", false)]),
    ("redis", &[("redis", false), ("rediss", true), ("valkey", false)]),
    ("memcached", &[("memcached", false), ("memcache", false)]),
    ("mongodb", &[("mongodb", false), ("mongo", false)]),
    ("amqp", &[("amqp", false), ("amqps", true)]),
    ("mqtt", &[("mqtt", false), ("mqtts", true)]),
    ("nats", &[("nats", false)]),
    ("kafka", &[("kafka", false)]),
    ("ssh", &[("ssh", false), ("sftp", false)]),
    ("ftp", &[("ftp", false)]),
    ("smtp", &[("smtp", false), ("smtps", true)]),
    ("imap", &[("imap", false), ("imaps", true)]),
    ("pop3", &[("pop3", false), ("pop3s", true)]),
    ("ldap", &[("ldap", false), ("ldaps", true)]),
    ("zookeeper", &[("zookeeper", false)]),
];

/// The protocol that an alias stands for, and whether it implies TLS; `None` if portolan does not identify it.
fn protocol(alias: &str) -> Option<(&'static str, bool)> {
    PROTOCOLS.iter().find_map(|(name, aliases)| {
        let (_, tls) = aliases.iter().find(|(known, _)| *known == alias)?;
        Some((*name, *tls))
    })
}

/// Whether a reply to a registered endpoint would be compared, so that it is worth identifying.
pub(crate) fn wants_identity(registered: &RegisteredEndpoint) -> bool {
    registered.declared.protocol.as_deref().is_some_and(|alias| protocol(alias).is_some())
}

/// The findings of what replied.
pub(super) fn findings(input: &DriftInput, registered: &RegisteredEndpoint, item: &DriftItem) -> Vec<DriftItem> {
    let port = registered.endpoint.port.unwrap_or_default();
    let mut replies = registered.addresses.iter().filter_map(|ip| input.replies.get(&(*ip, port)));
    let Some(identity) = replies.find_map(|reply| reply.identity.as_deref()) else { return Vec::new() };

    let found = [other_protocol(registered, identity, item), other_version(registered, identity, item)];
    let certificate = identity.tls.as_ref().and_then(|tls| tls.certificates.first());
    let of_certificate = certificate.into_iter().flat_map(|certificate| {
        [other_name(registered, certificate, item), ends(input, registered, certificate, item)]
    });
    found.into_iter().chain(of_certificate).flatten().collect()
}

fn other_protocol(registered: &RegisteredEndpoint, identity: &Identity, item: &DriftItem) -> Option<DriftItem> {
    let declared = registered.declared.protocol.as_deref()?;
    let (wanted, wants_tls) = protocol(declared)?;
    // What is not one of these was not recognized with certainty.
    let (found, _) = protocol(identity.protocol.as_deref()?)?;
    let lacks_tls = found == wanted && wants_tls && identity.tls.is_none();
    if found == wanted && !lacks_tls {
        return None;
    }

    let found = if lacks_tls { format!("{found} without TLS") } else { found.to_owned() };
    let text = format!("{} is registered as {}, but {found} replies", registered.at(), Untrusted::from(declared));
    Some(item.with(&kinds::WRONG_PROCESS, text).command(command::who(&registered.endpoint)))
}

/// The version of the product, where it is the product that was registered.
fn other_version(registered: &RegisteredEndpoint, identity: &Identity, item: &DriftItem) -> Option<DriftItem> {
    let (product, found) = (identity.product.as_ref()?, identity.version.as_ref()?);
    let version = registered.version()?;
    let declared = registered.declared.protocol.as_deref();
    let mut names = declared.into_iter().chain([registered.service.as_raw()]);
    let is_registered = names.any(|name| product.as_raw().eq_ignore_ascii_case(name));
    if !is_registered || is_same_version(version.as_raw(), found.as_raw()) {
        return None;
    }

    let text = format!("{} is registered with version {version}, but {product} {found} replies", registered.at());
    Some(item.with(&kinds::VERSION_DIFFERS, text).command(Some(command::validate(&registered.endpoint))))
}

/// Whether one version is the other, or its beginning: `7.2` and `7.2.4`.
fn is_same_version(one: &str, other: &str) -> bool {
    version_parts(one).zip(version_parts(other)).all(|(one, other)| one == other)
}

fn version_parts(version: &str) -> impl Iterator<Item = &str> {
    version.trim_start_matches('v').split('.')
}

fn other_name(registered: &RegisteredEndpoint, certificate: &Certificate, item: &DriftItem) -> Option<DriftItem> {
    let name = registered.declared.server_name.as_deref()?;
    let is_whole = certificate.names.len() == certificate.name_count;
    if !is_whole || certificate.names.iter().any(|known| covers_name(known.as_raw(), name)) {
        return None;
    }

    let first = certificate.names.first().or(certificate.common_name.as_ref());
    let first = first.map(ToString::to_string).unwrap_or_default();
    let text =
        format!("{} is registered as {}, but its certificate is for {first}", registered.at(), Untrusted::from(name));
    let command = command::validate_tls(&registered.endpoint, Some(name));
    Some(item.with(&kinds::CERTIFICATE_NAME, text).command(Some(command)))
}

/// Whether a name of a certificate covers a host name (RFC 6125): a wildcard stands for one label.
fn covers_name(known: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let is_wildcard = known
        .strip_prefix("*.")
        .is_some_and(|domain| name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)));
    known.eq_ignore_ascii_case(name) || is_wildcard
}

fn ends(
    input: &DriftInput,
    registered: &RegisteredEndpoint,
    certificate: &Certificate,
    item: &DriftItem,
) -> Option<DriftItem> {
    let end = certificate.not_after?;
    let now = input.now.as_second();
    let limit = now.saturating_add(i64::try_from(MIN_CERTIFICATE_LIFE.as_secs()).unwrap_or(i64::MAX));
    if end.as_second() >= limit {
        return None;
    }

    let is_over = end.as_second() < now;
    let verb = if is_over { "expired on" } else { "expires on" };
    let text = format!("the certificate of {} {verb} {}", registered.at(), end.date());
    let mut item = item.with(&kinds::CERTIFICATE_ENDS, text);
    item.detail.since = is_over.then(|| jiff::Timestamp::from_second(end.as_second()).ok()).flatten();
    let name = registered.declared.server_name.as_deref();
    Some(item.command(Some(command::validate_tls(&registered.endpoint, name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers_name("*.example.org", "a.example.org") && covers_name("A.example.org", "a.example.org."));
        assert!(!covers_name("*.example.org", "a.b.example.org") && !covers_name("*.example.org", "example.org"));
    }

    #[test]
    fn a_version_may_be_shortened() {
        assert!(is_same_version("7.2", "7.2.4") && is_same_version("v1.2.0", "1.2.0"));
        assert!(!is_same_version("7.2", "7.4.1") && !is_same_version("7", "70"));
    }

    #[test]
    fn protocols_have_aliases_and_some_imply_tls() {
        assert_eq!((protocol("https"), protocol("postgres")), (Some(("http", true)), Some(("postgresql", false))));
        assert_eq!(protocol("carrier-pigeon"), None);
    }
}
