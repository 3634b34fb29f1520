//! A store without files, for tests and for registries that need to survive nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use parking_lot::Mutex;

use super::audit::AuditHead;
use super::{
    AuditPage, AuditRange, Backup, Batch, Commit, Contents, Pending, Store, StoreError, StoredAudit, StoredEvent, Write,
};

/// Keeps everything in memory.
#[derive(Debug)]
pub struct Memory {
    kept: Mutex<MemoryContents>,
    max_events: usize,
}

#[derive(Debug, Default)]
struct MemoryContents {
    index: u64,
    records: BTreeMap<String, Vec<u8>>,
    events: VecDeque<StoredEvent>,
    audit: VecDeque<StoredAudit>,
}

impl MemoryContents {
    /// Appends the records of a batch, and removes those that it says.
    fn keep_audit(&mut self, bodies: Vec<Vec<u8>>, forget: u64) {
        let last = self.audit.back();
        let mut head = last.map_or(AuditHead::EMPTY, |last| AuditHead { number: last.number, hash: last.hash });

        self.audit.extend(bodies.into_iter().map(|body| head.seal(body)));
        let forgotten = self.audit.partition_point(|record| record.number <= forget);
        self.audit.drain(..forgotten);
    }
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
        kept.keep_audit(batch.audit, batch.forget_audit);

        Pending::done(Ok(kept.index))
    }

    fn audit(&self, range: AuditRange) -> Pending<AuditPage> {
        let kept = self.kept.lock();
        let begin = kept.audit.partition_point(|record| record.number <= range.after);

        Pending::done(Ok(AuditPage {
            records: kept.audit.iter().skip(begin).take(range.max).cloned().collect(),
            first: kept.audit.front().map_or(0, |first| first.number),
            last: kept.audit.back().map_or(0, |last| last.number),
        }))
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
