//! One view of several catalogs. Ids begin with their source, so they are unique across catalogs of different sources.

use std::sync::Arc;

use futures_util::future::select_all;

use super::{Reader, Snapshot, Watch, WatchItem};
use crate::model::{PartialError, Service};

/// A view of several catalogs.
pub fn merge(readers: impl IntoIterator<Item = Reader>) -> Merged {
    Merged(readers.into_iter().collect())
}

/// Reads several catalogs as one; see [`merge`].
#[derive(Clone, Debug)]
pub struct Merged(Vec<Reader>);

impl Merged {
    /// Everything that is known now, sorted by id. Of catalogs with one id the last counts.
    pub fn services(&self) -> Vec<Arc<Service>> {
        let snapshots: Vec<_> = self.0.iter().rev().map(Reader::load).collect();
        let mut services: Vec<_> = snapshots.iter().flat_map(|snapshot| snapshot.services().iter().cloned()).collect();
        // A stable sort: the last catalog's comes first, and stays.
        services.sort_by(|one, other| one.id.cmp(&other.id));
        services.dedup_by(|one, other| one.id == other.id);
        services
    }

    /// The service of an id.
    pub fn get(&self, id: &str) -> Option<Arc<Service>> {
        self.0.iter().rev().find_map(|reader| reader.load().get(id).cloned())
    }

    /// Whether every source has answered in full.
    pub fn is_synced(&self) -> bool {
        self.0.iter().all(|reader| reader.load().is_synced())
    }

    /// Why sources cannot be asked at present, by the place of their reader.
    pub fn stale(&self) -> Vec<(usize, PartialError)> {
        let snapshots = self.0.iter().map(Reader::load).enumerate();
        snapshots.filter_map(|(at, snapshot)| Some((at, snapshot.stale()?.clone()))).collect()
    }

    /// Everything that is known now, catalog by catalog, and a watch that tells what happens from then on.
    pub fn watch(&self) -> (Vec<Arc<Snapshot>>, MergedWatch) {
        let (snapshots, watches): (Vec<_>, Vec<_>) = self.0.iter().map(Reader::watch).unzip();
        (snapshots, MergedWatch(watches.into_iter().enumerate().collect()))
    }
}

/// Tells what happens to several catalogs. Indexes are those of each catalog.
#[derive(Debug)]
pub struct MergedWatch(Vec<(usize, Watch)>);

impl MergedWatch {
    /// Waits for what happens next, and in which catalog; `None` when all writers are gone and everything is told. Nothing
    /// is lost when the wait is given up.
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
