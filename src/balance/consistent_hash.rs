//! `consistent_hash`: the same key to the same endpoint.

use super::maglev::MaglevTable;
use super::{Backends, Balancer, PickKey, Picker};

/// The same key to the same endpoint, in every process (Maglev). When one of n endpoints leaves, 1/n of the keys move, and
/// few others.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsistentHash;

impl Balancer for ConsistentHash {
    fn name(&self) -> &'static str {
        "consistent_hash"
    }

    fn uses_load(&self) -> bool {
        false
    }

    fn picker(&self, backends: &Backends) -> Box<dyn Picker> {
        Box::new(ByKey(MaglevTable::new(backends.slots(), backends.start())))
    }

    fn uses_key(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct ByKey(MaglevTable);

impl Picker for ByKey {
    fn pick(&self, key: PickKey<'_>) -> Option<usize> {
        self.0.at(key.hash())
    }

    fn order(&self, key: PickKey<'_>) -> Vec<usize> {
        self.0.order(key.hash())
    }
}
