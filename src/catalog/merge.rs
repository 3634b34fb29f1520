//! One view of several catalogs. Ids begin with their source, so they are unique across catalogs of different sources.

use std::sync::Arc;

use futures_util::future::select_all;

use super::{Reader, Snapshot, Watch, WatchItem};
use crate::model::{PartialError, Service};

/// A view of several catalogs.
pub fn merge(readers: impl IntoIterator<Item = Reader>) -> MergedReader {
    MergedReader(readers.into_iter().collect())
}

/// Reads several catalogs as one; see [`merge`].
#[derive(Clone, Debug)]
pub struct MergedReader(Vec<Reader>);

impl MergedReader {
    /// All current services, sorted by id. If catalogs share an id, the last catalog wins.
    pub fn services(&self) -> Vec<Arc<Service>> {
        let snapshots: Vec<_> = self.0.iter().rev().map(Reader::load).collect();
        let mut services: Vec<_> = snapshots.iter().flat_map(|snapshot| snapshot.services().iter().cloned()).collect();
        // The sort is stable, so the last catalog's service comes first and is kept.
        services.sort_by(|one, other| one.id.cmp(&other.id));
        services.dedup_by(|one, other| one.id == other.id);
        services
    }

    /// The service with this id.
    pub fn get(&self, id: &str) -> Option<Arc<Service>> {
        self.0.iter().rev().find_map(|reader| reader.load().get(id).cloned())
    }

    /// Whether every source has answered in full.
    pub fn is_synced(&self) -> bool {
        self.0.iter().all(|reader| reader.load().is_synced())
    }

    /// Why sources are unreachable at present, by the position of their reader.
    pub fn stale(&self) -> Vec<(usize, PartialError)> {
        let snapshots = self.0.iter().map(Reader::load).enumerate();
        snapshots.filter_map(|(at, snapshot)| Some((at, snapshot.stale()?.clone()))).collect()
    }

    /// The current snapshot of each catalog, and a watch of all later events.
    pub fn watch(&self) -> (Vec<Arc<Snapshot>>, MergedWatch) {
        let (snapshots, watches): (Vec<_>, Vec<_>) = self.0.iter().map(Reader::watch).unzip();
        (snapshots, MergedWatch(watches.into_iter().enumerate().collect()))
    }
}

/// Watches several catalogs. Indexes are those of each catalog.
#[derive(Debug)]
pub struct MergedWatch(Vec<(usize, Watch)>);

impl MergedWatch {
    /// Waits for the next item and the position of its catalog; `None` when all writers are gone and everything was delivered.
    /// Safe to cancel.
    pub async fn next(&mut self) -> Option<(usize, WatchItem)> {
        while !self.0.is_empty() {
            let waits = self.0.iter_mut().map(|(_, watch)| Box::pin(watch.next()));
            let (item, at, _) = select_all(waits).await;
            match item {
                Some(item) => return Some((self.0[at].0, item)),
                None => drop(self.0.remove(at)),
            }
        }
        None
    }
}
