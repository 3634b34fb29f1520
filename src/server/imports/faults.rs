//! The parts of a source that cannot be read now.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{PartialError, Service, ServiceId, Update};

/// The most errors that are kept.
pub(super) const MAX_FAULTS: usize = 4096;

/// The parts of a source that cannot be read now.
#[derive(Clone, Debug, Default)]
pub(super) struct ImportFaults {
    /// By operation.
    held: BTreeMap<String, PartialError>,
    /// Whether the last list lacked parts.
    is_list_incomplete: bool,
    /// The operations of those parts, as far as they cannot be read yet.
    lacking: BTreeSet<String>,
    /// The services that were known before that list, and that it did not have: they may be in what it lacked.
    unlisted: BTreeSet<ServiceId>,
    /// An error that was not kept: whether it is over is not known until the next list.
    excess: Option<PartialError>,
}

impl ImportFaults {
    /// The errors that hold now; of those that were not kept, one.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PartialError> {
        self.held.values().chain(&self.excess)
    }

    /// How many hold at least.
    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }

    /// `is_of_list`: the list that came with the error lacks the part.
    pub(super) fn add(&mut self, error: PartialError, is_of_list: bool) {
        self.is_list_incomplete |= is_of_list;
        if self.held.len() >= MAX_FAULTS && !self.held.contains_key(&error.operation) {
            self.excess.get_or_insert(error);
            return;
        }
        if is_of_list {
            self.lacking.insert(error.operation.clone());
        }
        self.held.insert(error.operation.clone(), error);
    }

    pub(super) fn remove(&mut self, operation: &str) {
        self.held.remove(operation);
        self.lacking.remove(operation);
    }

    /// Begins anew with a list that comes with these errors. `known` are the services before it. Returns those that it does
    /// not have and that are gone: with an error, a part may have them that could be read before.
    pub(super) fn begin(
        &mut self,
        errors: &[PartialError],
        known: BTreeSet<ServiceId>,
        listed: &[Service],
    ) -> BTreeSet<ServiceId> {
        let before = std::mem::take(self);
        // A part that could not be read all the time has none of them.
        let may_lack = match errors {
            [] => BTreeSet::new(),
            errors if errors.iter().all(|error| before.lacking.contains(&error.operation)) => before.unlisted,
            _ => known.clone(),
        };
        let listed_ids: BTreeSet<&ServiceId> = listed.iter().map(|service| &service.id).collect();
        let (kept, gone) =
            known.into_iter().filter(|id| !listed_ids.contains(id)).partition(|id| may_lack.contains(id));
        self.unlisted = kept;
        gone
    }

    /// Notes a service that the source has, or removes.
    pub(super) fn list(&mut self, update: &Update) {
        match update {
            Update::Upsert(service) => self.unlisted.remove(&service.id),
            Update::Remove(id) => self.unlisted.remove(id),
            _ => false,
        };
    }

    /// Once everything that the last list lacked can be read: the services that the source no longer has.
    pub(super) fn take_unlisted(&mut self) -> Option<BTreeSet<ServiceId>> {
        if !self.is_list_incomplete || !self.lacking.is_empty() || self.excess.is_some() {
            return None;
        }
        self.is_list_incomplete = false;
        Some(std::mem::take(&mut self.unlisted))
    }
}
