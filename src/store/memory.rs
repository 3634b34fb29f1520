//! A store without files, for tests and for registries that need to survive nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use parking_lot::Mutex;

use super::{Backup, Batch, Commit, Contents, Pending, Store, StoreError, StoredEvent, Write};

/// Keeps everything in memory.
#[derive(Debug)]
pub struct Memory {
    kept: Mutex<Kept>,
    max_events: usize,
}

#[derive(Debug, Default)]
struct Kept {
    index: u64,
    records: BTreeMap<String, Vec<u8>>,
    events: VecDeque<StoredEvent>,
}

impl Memory {
    /// An empty store that keeps this many events.
    pub fn new(max_events: usize) -> Self {
        Self { kept: Mutex::default(), max_events }
    }

    /// Everything that it holds.
    pub fn contents(&self) -> Contents {
        let kept = self.kept.lock();

        Contents {
            index: kept.index,
            epoch: String::new(),
            records: kept.records.iter().map(|(id, body)| (id.clone(), body.clone())).collect(),
            events: kept.events.iter().cloned().collect(),
        }
    }
}

impl Store for Memory {
    fn append(&self, batch: Batch) -> Commit {
        let mut kept = self.kept.lock();
        if !batch.follows(kept.index) {
            return Pending::done(Err(StoreError::OutOfOrder { after: batch.after, last: kept.index }));
        }

        kept.index = batch.index();
        for write in batch.writes {
            match write {
                Write::Put { id, body } => kept.records.insert(id.as_ref().to_owned(), body),
                Write::Remove { id } => kept.records.remove(&*id),
            };
        }
        kept.events.extend(batch.events);
        let surplus = kept.events.len().saturating_sub(self.max_events);
        kept.events.drain(..surplus);

        Pending::done(Ok(kept.index))
    }

    fn probe(&self) -> Commit {
        Pending::done(Ok(self.kept.lock().index))
    }

    fn backup(&self, _to: &Path) -> Result<Backup, StoreError> {
        Err(StoreError::NoFiles)
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
