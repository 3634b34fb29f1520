//! This machine's other network namespaces, which `local` means too where rights allow to go there.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::plain;
use crate::model::{AddressRange, Addresses, PartialError};
use crate::net::{Family, OtherNamespace, ephemeral_ports, own_addresses};
use crate::source::local::{hint_for_rights, other_namespaces};

/// A namespace and the addresses that this machine has in it.
#[derive(Debug)]
pub(super) struct NamespaceAddresses {
    pub(super) namespace: Arc<OtherNamespace>,
    pub(super) addresses: Addresses,
    /// What its kernel gives to our own sockets there.
    pub(super) ephemeral: RangeInclusive<u16>,
}

/// Every other namespace that has addresses, without those that are to be left out. `faults` takes those that could not be
/// looked into, but not for want of rights, which is what is handed back too.
pub(super) fn elsewhere(
    family: Family,
    unwanted: &Addresses,
    faults: &mut Vec<PartialError>,
) -> (Vec<NamespaceAddresses>, Option<PartialError>) {
    let mut found = Vec::new();
    let (others, mut denied) = match other_namespaces() {
        Ok(others) => others,
        Err(error) => {
            faults.push(fault("find other network namespaces".to_owned(), &error, "try again, or name addresses"));
            return (found, None);
        }
    };
    for namespace in others {
        let look = || own_addresses().map(|addresses| (addresses, ephemeral_ports()));
        match namespace.enter(look).and_then(Option::transpose) {
            Ok(None) => {}
            Ok(Some((addresses, ephemeral))) => {
                let own = addresses.into_iter().filter(|ip| family.takes(ip.is_ipv6()));
                let addresses = Addresses::new(own.map(AddressRange::from)).without(unwanted);
                if !addresses.is_empty() {
                    found.push(NamespaceAddresses { namespace: Arc::new(namespace), addresses, ephemeral });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = true,
            Err(error) => {
                let what = format!("look into network namespace {}", namespace.identity);
                faults.push(fault(what, &error, "try again, with more open files and threads (ulimit -n, -u)"));
            }
        }
    }
    let limit = denied.then(|| PartialError {
        operation: "scan other network namespaces of this machine".to_owned(),
        cause: "no permission".to_owned(),
        hint: hint_for_rights("run as root").to_owned(),
    });
    (found, limit)
}

fn fault(what: String, error: &io::Error, hint: &str) -> PartialError {
    PartialError { operation: what, cause: plain(error), hint: hint.to_owned() }
}
