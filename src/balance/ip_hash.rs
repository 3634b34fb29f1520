//! `ip_hash`: the same client to the same endpoint.

use super::maglev::MaglevTable;
use super::{Backends, Balancer, PickKey, Picker};

/// The same client to the same endpoint, by its IP address without the port. Otherwise as
/// [`ConsistentHash`](super::ConsistentHash).
#[derive(Clone, Copy, Debug, Default)]
pub struct IpHash;

impl Balancer for IpHash {
    fn name(&self) -> &'static str {
        "ip_hash"
    }

    fn uses_load(&self) -> bool {
        false
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        Box::new(ByAddress(MaglevTable::new(backends.slots(), backends.start())))
    }

    fn uses_key(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct ByAddress(MaglevTable);

impl Picker for ByAddress {
    fn pick(&self, key: PickKey<'_>) -> Option<usize> {
        self.0.at(key.ip_hash())
    }

    fn order(&self, key: PickKey<'_>) -> Vec<usize> {
        self.0.order(key.ip_hash())
    }
}
