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
    /// How much of each service will be looked at; a source reads nothing beyond.
    fn depth(&self) -> DetailLevel;

    /// Takes what became known together. Readers see either all of it or nothing.
    fn take(&mut self, updates: Vec<Update>);

    /// Takes what became known together in another way than by asking the source: where that cannot be asked, it is no
    /// less stale for it.
    fn amend(&mut self, updates: Vec<Update>) {
        self.take(updates);
    }

    /// Takes word that the source cannot be asked at present. What was known stays, and is stale from now on, until the
    /// next updates come.
    fn fail(&mut self, fault: PartialError);
}
