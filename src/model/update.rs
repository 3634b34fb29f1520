//! What a source says while it is watched, and where it says it.

use super::{DetailLevel, PartialError, Service, ServiceId};

/// What a source knows now. It does not say what changed: only the catalog, which knows what was there, can.
#[derive(Clone, Debug)]
pub enum Update {
    /// These are all that there are: what else was known is gone. Said first, and again after a connection was lost, so
    /// that what happened meanwhile comes out as differences.
    Reset(Vec<Service>),
    /// This service is there, as it is described here. The last word on an id counts.
    Upsert(Service),
    /// The service of this id is gone. That it never was there is no error.
    Remove(ServiceId),
    /// A part could not be read: nothing is known of what is in it, and nothing in it is taken for gone.
    PartialError(PartialError),
}

/// Where a watched source hands what it knows. It never makes the source wait.
pub trait UpdateSink: Send {
    /// How much of each service is needed. A source reads nothing beyond it.
    fn detail_level(&self) -> DetailLevel;

    /// Applies updates that belong together. Readers see either all of them or none.
    fn apply(&mut self, updates: Vec<Update>);

    /// Applies updates that did not come from the source (for example check results). Leaves the stale mark as it is.
    fn apply_derived(&mut self, updates: Vec<Update>) {
        self.apply(updates);
    }

    /// Marks the source as unreachable. Known services stay, marked stale, until the next [`apply`](Self::apply).
    fn mark_stale(&mut self, error: PartialError);
}
