//! Everything that is known at one moment.

use std::sync::Arc;

use super::Set;
use crate::model::{PartialError, Service};

/// What a source has, after one batch of updates and before the next. It never changes.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(super) index: u64,
    pub(super) services: Set,
    pub(super) synced: bool,
    pub(super) stale: Option<PartialError>,
}

impl Snapshot {
    /// The index of the last event that it contains; 0 before the first.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The services, sorted by id.
    pub fn services(&self) -> &Set {
        &self.services
    }

    /// The service of an id.
    pub fn get(&self, id: &str) -> Option<&Arc<Service>> {
        self.services.get(id)
    }

    /// Whether a whole answer has ever been in.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Why the source cannot be asked at present; `None` where it can.
    pub fn stale(&self) -> Option<&PartialError> {
        self.stale.as_ref()
    }
}
