//! Single-flight: concurrent callers of a missing value share one load.

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
type SharedResult<V> = OnceCell<Result<Arc<V>, SharedError>>;

/// A running load, and the cell that all callers of `key` wait on.
pub(super) struct Flight<K, V> {
    hash: u64,
    key: K,
    result: Arc<SharedResult<V>>,
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
    /// Maximum wait of a caller, whichever caller loads.
    pub deadline: Duration,
    /// After a failed load, return the last value if the cache still keeps it.
    pub stale_on_error: bool,
}

/// A value, and whether it is current.
#[derive(Debug)]
pub struct CachedValue<V> {
    /// The value.
    pub value: Arc<V>,
    /// Loading failed, and this is the last good value.
    pub stale: bool,
}

/// Why there is no value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The deadline passed.
    #[error("loading took longer than {0:?}")]
    TimedOut(Duration),
    /// The loader failed; all waiting callers get the same error.
    #[error("cannot load")]
    Failed(#[source] SharedError),
}

impl<K, V> Flight<K, V> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Returns the fresh value of `key`, or loads it with `loader`.
    ///
    /// Concurrent callers of a key share one load and its result, a value or an error. If the loading caller is
    /// dropped or panics, another one starts again with its own loader. A value that is inserted or removed during a
    /// load is newer than the load's result, which is then not stored.
    ///
    /// # Errors
    /// If the loader fails or the deadline passes, and no stale value may be used.
    pub async fn get_or_load<Q, F, L, E>(&self, key: &Q, load: Load, loader: F) -> Result<CachedValue<V>, LoadError>
    where
        Q: Lookup<K> + ?Sized,
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if let Some(value) = self.get(key) {
            return Ok(CachedValue { value, stale: false });
        }

        let hash = self.hash(key);
        let result = self.join_flight(hash, key);
        let _guard = FlightGuard { cache: self, hash, result: Some(Arc::clone(&result)) };
        let failure = match timeout(load.deadline, self.wait_or_load(key, &result, load.ttl, loader)).await {
            Ok(Ok(value)) => return Ok(CachedValue { value, stale: false }),
            Ok(Err(error)) => LoadError::Failed(error),
            Err(_) => LoadError::TimedOut(load.deadline),
        };

        let kept = if load.stale_on_error { self.get_even_stale(key) } else { None };
        kept.map(|value| CachedValue { value, stale: true }).ok_or(failure)
    }

    /// Joins the running load of `key`, or registers a new one.
    fn join_flight<Q: Lookup<K> + ?Sized>(&self, hash: u64, key: &Q) -> Arc<SharedResult<V>> {
        let now = self.clock.nanos();
        let mut table = self.shard(hash).lock();
        // The load may have finished between the look-up and this lock.
        if let Some(entry) = table.entries.find(hash, |entry| key.equivalent(&entry.key))
            && entry.stale_at > now
        {
            return Arc::new(OnceCell::new_with(Some(Ok(Arc::clone(&entry.value)))));
        }

        if let Some(flight) = table.books.flights.find(hash, |flight| key.equivalent(&flight.key)) {
            return Arc::clone(&flight.result);
        }

        let result = Arc::new(OnceCell::new());
        let flight = Flight { hash, key: key.to_key(), result: Arc::clone(&result) };
        table.books.flights.insert_unique(hash, flight, |flight| flight.hash);
        result
    }

    /// Waits for the load, and runs it if no other caller does.
    async fn wait_or_load<Q, F, L, E>(
        &self,
        key: &Q,
        result: &SharedResult<V>,
        ttl: Duration,
        loader: F,
    ) -> Result<Arc<V>, SharedError>
    where
        Q: Lookup<K> + ?Sized,
        F: FnOnce() -> L,
        L: Future<Output = Result<V, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let loaded = result.get_or_init(|| async {
            let loaded = loader().await.map(Arc::new).map_err(|error| SharedError::from(error.into()));
            self.finish(key, result, loaded.as_ref().ok(), ttl);
            loaded
        });

        loaded.await.clone()
    }

    /// Stores the loaded value, unless the load was forgotten in the meantime.
    fn finish<Q: Lookup<K> + ?Sized>(&self, key: &Q, result: &SharedResult<V>, loaded: Option<&Arc<V>>, ttl: Duration) {
        let hash = self.hash(key);
        let mut table = self.shard(hash).lock();
        table.books.loads += 1;
        let Ok(found) = table.books.flights.find_entry(hash, |flight| ptr::eq(Arc::as_ptr(&flight.result), result))
        else {
            return;
        };

        found.remove();

        let displaced = loaded.map(|value| table.insert(key, self.fresh(hash, Arc::clone(value), ttl)));
        // Displaced values are dropped after the lock.
        drop(table);
        drop(displaced);
    }
}

/// A waiting caller; the last one to leave an unfinished load removes it.
struct FlightGuard<'a, K: Hash + Eq, V> {
    cache: &'a Cache<K, V>,
    hash: u64,
    result: Option<Arc<SharedResult<V>>>,
}

impl<K: Hash + Eq, V> Drop for FlightGuard<'_, K, V> {
    fn drop(&mut self) {
        let Some(result) = self.result.take_if(|result| !result.initialized()) else { return };

        let mut table = self.cache.shard(self.hash).lock();
        // Flights are joined and left under this lock only, so the count is exact.
        drop(result);
        if let Ok(found) = table.books.flights.find_entry(self.hash, |flight| Arc::strong_count(&flight.result) == 1) {
            found.remove();
        }
    }
}
