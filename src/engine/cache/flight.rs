//! Single-flight: however many ask for a missing value, it is loaded once.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::{Cache, Lookup};

type SharedError = Arc<dyn Error + Send + Sync>;
type Landing<V> = OnceCell<Result<Arc<V>, SharedError>>;

/// A load on its way, and the cell that everyone who asks for `key` waits on.
pub(super) struct Flight<K, V> {
    hash: u64,
    key: K,
    landing: Arc<Landing<V>>,
}

impl<K, V> fmt::Debug for Flight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// How [`Cache::get_or_load`] loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How long the loaded value is fresh.
    pub ttl: Duration,
    /// How long an asker waits at most, whoever does the loading.
    pub deadline: Duration,
    /// Answer a failed load with the last value, if the cache still keeps it.
    pub stale_on_error: bool,
}

/// A value, and whether it is the current one.
#[derive(Debug)]
pub struct Loaded<V> {
    /// The value.
    pub value: Arc<V>,
    /// Loading failed, and this is the last value that was good.
    pub stale: bool,
}

/// Why there is no value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The deadline passed first.
    #[error("loading took longer than {0:?}")]
    TimedOut(Duration),
    /// The loader failed; everyone who waited for it gets the same error.
    #[error("cannot load")]
    Failed(#[source] SharedError),
}

impl<K, V> Flight<K, V> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// The fresh value of `key`; if there is none, the one that `loader` brings.
    ///
    /// Of all that ask for a key at the same time one loads, and the others take its result, be it a value or an error.
    /// When the one that loads is dropped or panics, another begins anew with its own loader. What is inserted or
    /// removed while a load is on its way is newer than what the load brings, so that is then not stored.
    ///
    /// # Errors
    /// When the loader fails or the deadline passes, and no stale value may stand in.
    pub async fn get_or_load<Q, F, L, E>(&self, key: &Q, load: Load, loader: F) -> Result<Loaded<V>, LoadError>
    where
        Q: Lookup<K> + ?Sized,
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if let Some(value) = self.get(key) {
            return Ok(Loaded { value, stale: false });
        }
        let hash = self.hash(key);
        let landing = self.board(hash, key);
        let _asker = Asker { cache: self, hash, landing: Some(Arc::clone(&landing)) };
        let failure = match timeout(load.deadline, self.landed(key, &landing, load.ttl, loader)).await {
            Ok(Ok(value)) => return Ok(Loaded { value, stale: false }),
            Ok(Err(error)) => LoadError::Failed(error),
            Err(_) => LoadError::TimedOut(load.deadline),
        };
        let kept = if load.stale_on_error { self.get_even_stale(key) } else { None };
        kept.map(|value| Loaded { value, stale: true }).ok_or(failure)
    }

    /// The flight for `key`: the one on its way, or a new one.
    fn board<Q: Lookup<K> + ?Sized>(&self, hash: u64, key: &Q) -> Arc<Landing<V>> {
        let now = self.clock.nanos();
        let mut table = self.shard(hash).lock();
        // It may have landed between the look-up and this lock.
        if let Some(entry) = table.entries.find(hash, |entry| key.equivalent(&entry.key))
            && entry.stale_at > now
        {
            return Arc::new(OnceCell::new_with(Some(Ok(Arc::clone(&entry.value)))));
        }
        if let Some(flight) = table.books.flights.find(hash, |flight| key.equivalent(&flight.key)) {
            return Arc::clone(&flight.landing);
        }
        let landing = Arc::new(OnceCell::new());
        let flight = Flight { hash, key: key.to_key(), landing: Arc::clone(&landing) };
        table.books.flights.insert_unique(hash, flight, |flight| flight.hash);
        landing
    }

    /// Waits for the flight to land, and flies it if nobody does.
    async fn landed<Q, F, L, E>(
        &self,
        key: &Q,
        landing: &Landing<V>,
        ttl: Duration,
        loader: F,
    ) -> Result<Arc<V>, SharedError>
    where
        Q: Lookup<K> + ?Sized,
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let fly = || async {
            let brought = loader().await.map(Arc::new).map_err(|error| SharedError::from(error.into()));
            self.land(key, landing, brought.as_ref().ok(), ttl);
            brought
        };
        landing.get_or_init(fly).await.clone()
    }

    /// Stores what a flight brought, unless the flight was forgotten in the meantime.
    fn land<Q: Lookup<K> + ?Sized>(&self, key: &Q, landing: &Landing<V>, brought: Option<&Arc<V>>, ttl: Duration) {
        let hash = self.hash(key);
        let mut table = self.shard(hash).lock();
        table.books.loads += 1;
        let Ok(found) = table.books.flights.find_entry(hash, |flight| ptr::eq(Arc::as_ptr(&flight.landing), landing))
        else {
            return;
        };
        found.remove();
        let displaced = brought.map(|value| table.insert(key, self.fresh(hash, Arc::clone(value), ttl)));
        // What was displaced is dropped after the lock.
        drop(table);
        drop(displaced);
    }
}

/// One that waits for a flight; the last to leave an unfinished flight takes it off the board.
struct Asker<'a, K: Hash + Eq, V> {
    cache: &'a Cache<K, V>,
    hash: u64,
    landing: Option<Arc<Landing<V>>>,
}

impl<K: Hash + Eq, V> Drop for Asker<'_, K, V> {
    fn drop(&mut self) {
        let Some(landing) = self.landing.take_if(|landing| !landing.initialized()) else { return };
        let mut table = self.cache.shard(self.hash).lock();
        // Flights are boarded and left under this lock only, so the count is exact.
        drop(landing);
        if let Ok(found) = table.books.flights.find_entry(self.hash, |flight| Arc::strong_count(&flight.landing) == 1) {
            found.remove();
        }
    }
}
