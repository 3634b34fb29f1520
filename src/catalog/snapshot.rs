//! The state of a catalog at one moment.

use std::sync::Arc;

use super::Set;
use crate::model::{PartialError, Service};

/// The services of a source between two batches of updates. Immutable.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(super) index: u64,
    pub(super) services: Set,
    pub(super) synced: bool,
    pub(super) stale: Option<PartialError>,
}

impl Snapshot {
    /// The index of the last event in it; 0 before the first.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The services, sorted by id.
    pub fn services(&self) -> &Set {
        &self.services
    }

    /// The service with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Service>> {
        self.services.get(id)
    }

    /// Whether the initial listing is complete.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Why the source is unreachable at present; `None` if it is reachable.
    pub fn stale(&self) -> Option<&PartialError> {
        self.stale.as_ref()
    }
}
