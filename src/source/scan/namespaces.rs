//! This machine's other network namespaces, which `local` includes where permissions allow to enter them.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::plain;
use crate::model::{AddressRange, Addresses, PartialError};
use crate::net::{Family, OtherNamespace, ephemeral_ports, own_addresses};
use crate::source::local::{Purpose, hint_for_permission, other_namespaces};

/// A network namespace and the addresses of this machine in it.
#[derive(Debug)]
pub(super) struct NamespaceAddresses {
    pub(super) namespace: Arc<OtherNamespace>,
    pub(super) addresses: Addresses,
    /// The ports that its kernel gives to local sockets.
    pub(super) ephemeral: RangeInclusive<u16>,
}

/// Every other namespace that has addresses, without `excluded`, and the missing permission, if any. Other failures go to
/// `faults`.
pub(super) fn other_addresses(
    family: Family,
    excluded: &Addresses,
    faults: &mut Vec<PartialError>,
) -> (Vec<NamespaceAddresses>, Option<PartialError>) {
    let mut found = Vec::new();
    let (others, mut denied) = match other_namespaces() {
        Ok(others) => others,
        Err(error) => {
            faults.push(fault("find other network namespaces".to_owned(), &error, "retry, or name addresses"));
            return (found, None);
        }
    };

    for namespace in others {
        match namespace.enter(addresses_here).and_then(Option::transpose) {
            Ok(None) => {}
            Ok(Some((addresses, ephemeral))) => {
                let own = addresses.into_iter().filter(|ip| family.takes(ip.is_ipv6()));
                let addresses = Addresses::new(own.map(AddressRange::from)).without(excluded);
                if !addresses.is_empty() {
                    found.push(NamespaceAddresses { namespace: Arc::new(namespace), addresses, ephemeral });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = true,
            Err(error) => {
                let what = format!("read network namespace {}", namespace.identity);
                faults.push(fault(what, &error, "retry with more open files and threads (ulimit -n, -u)"));
            }
        }
    }

    let limit = denied.then(|| PartialError {
        operation: "scan other network namespaces of this machine".to_owned(),
        cause: "no permission".to_owned(),
        hint: hint_for_permission(Purpose::Namespaces, "run as root").to_owned(),
    });

    (found, limit)
}

/// The addresses and ephemeral ports of the current thread's namespace.
fn addresses_here() -> io::Result<(Vec<IpAddr>, RangeInclusive<u16>)> {
    Ok((own_addresses()?, ephemeral_ports()))
}

fn fault(what: String, error: &io::Error, hint: &str) -> PartialError {
    PartialError { operation: what, cause: plain(error), hint: hint.to_owned() }
}
