//! Updates of a watched source, and the sink that receives them.

use super::{DetailLevel, PartialError, Service, ServiceId};

/// The current state of a source or of one service. The catalog computes the changes.
#[derive(Clone, Debug)]
pub enum Update {
    /// The complete set: all other known services are gone. Sent first, and again after a lost connection, so
    /// that missed changes appear as differences.
    Reset(Vec<Service>),
    /// A service in its current state. The last update of an id wins.
    Upsert(Service),
    /// The service with this id is gone. An unknown id is not an error.
    Remove(ServiceId),
    /// A part could not be read. None of its services is treated as removed. The error holds until a reset without it, or
    /// until the part has recovered.
    PartialError(PartialError),
    /// The part with this [`operation`](PartialError::operation) can be read again, or is gone. An unknown one is not an error.
    Recovered(String),
}

/// Receives the updates of a watched source. It never blocks the source.
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
