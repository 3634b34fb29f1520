//! This machine's other network namespaces, which `local` means too where rights allow to go there.

use std::io;
use std::sync::Arc;

use crate::model::{Addresses, Block, Fault};
use crate::net::{Family, own_addresses};
use crate::source::local::{OtherNamespace, other_namespaces};

/// A namespace and the addresses that this machine has in it.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) namespace: Arc<OtherNamespace>,
    pub(super) addresses: Addresses,
}

/// Every other namespace that has addresses, without those that are to be left out; and what could not be entered, for
/// want of rights.
pub(super) fn elsewhere(family: Family, unwanted: &Addresses) -> (Vec<Elsewhere>, Option<Fault>) {
    let (mut found, mut refused) = (Vec::new(), 0);
    // Where the processes cannot be read there is nothing to know of them, and nothing is left out that was seen.
    let (others, _) = other_namespaces().unwrap_or_default();
    for namespace in others {
        match namespace.enter(own_addresses).and_then(Option::transpose) {
            Ok(addresses) => {
                let own = addresses.unwrap_or_default().into_iter().filter(|ip| family.takes(ip.is_ipv6()));
                let addresses = Addresses::new(own.map(Block::from)).without(unwanted);
                if !addresses.is_empty() {
                    found.push(Elsewhere { namespace: Arc::new(namespace), addresses });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused += 1,
            // It is no more.
            Err(_) => {}
        }
    }
    let limit = (refused > 0).then(|| Fault {
        what: format!("scan {refused} other network namespaces of this machine"),
        why: "no permission".to_owned(),
        hint: "run as root".to_owned(),
    });
    (found, limit)
}
