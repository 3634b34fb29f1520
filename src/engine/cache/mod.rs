//! A sharded cache: limited by weight, with lifetimes, single-flight loading and look-ups without allocation.

mod flight;
mod key;
mod shard;
mod stats;
mod sweep;

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::Equivalent;

use super::clock::{Clock, saturating_nanos};
use shard::{Entry, NewEntry, Shard};

pub use flight::{CachedValue, Load, LoadError};
pub use key::{Key, KeyRef, Lookup};
pub use stats::CacheStats;
pub use sweep::SweepReport;

/// Shards beyond the number of cores keep threads apart: with 64, two random look-ups meet once in 64 times.
const MAX_SHARDS: u64 = 64;

/// With fewer entries per shard, an uneven hash would evict long before the cache is full.
const MIN_SHARD_CAPACITY: u64 = 128;

/// The limits of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// Maximum weight; without [`Cache::with_weight`], maximum number of entries. It is split evenly over up to 64
    /// shards of at least 128 each: an entry heavier than a shard's share is not kept, and a cache of varied keys
    /// evicts a few percent below its capacity.
    pub capacity: u64,
    /// Time that a stale value stays available for [`Load::stale_on_error`].
    pub keep_stale: Duration,
}

impl CacheOptions {
    /// Up to `capacity` entries; stale ones are not kept.
    pub const fn new(capacity: u64) -> Self {
        Self { capacity, keep_stale: Duration::ZERO }
    }
}

/// A concurrent map that evicts by age, and by weight when it is full.
///
/// A hit takes one short, rarely contended lock and allocates nothing. A full cache evicts entries that have not been
/// read for the longest time (CLOCK). [`Clock::coarse`] is exact enough and cheapest.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use portolan::engine::{Cache, CacheOptions, Key, KeyRef, ManualClock};
///
/// let hand = ManualClock::new();
/// let cache: Cache<Key, String> = Cache::new(CacheOptions::new(10_000), hand.clock());
/// let key = KeyRef { namespace: "dns", key: "web.example", version: 1 };
/// cache.insert(&key, Arc::new("192.0.2.7".to_owned()), Duration::from_secs(30));
/// assert_eq!(cache.get(&key).as_deref().map(String::as_str), Some("192.0.2.7"));
/// hand.advance(Duration::from_secs(30));
/// assert_eq!(cache.get(&key), None);
/// ```
#[derive(Debug)]
pub struct Cache<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: RandomState,
    clock: Clock,
    keep_stale: u64,
    weight: fn(&K, &V) -> u32,
    bytes: fn(&K, &V) -> usize,
    /// The shard where the next sweep starts.
    next_sweep: AtomicUsize,
}

impl<K, V> Cache<K, V> {
    /// An empty cache; every entry weighs 1.
    pub fn new(options: CacheOptions, clock: Clock) -> Self {
        let count = shard_count(options.capacity);
        let (share, extra) = (options.capacity / count, options.capacity % count);
        let shards = (0..count).map(|n| Shard::new(share + u64::from(n < extra))).collect();

        Self {
            shards,
            hasher: RandomState::default(),
            clock,
            keep_stale: saturating_nanos(options.keep_stale),
            weight: |_, _| 1,
            bytes: |_, _| 0,
            next_sweep: AtomicUsize::new(0),
        }
    }

    /// Sets the weight of entries; call it before the first use. A value is weighed once, when it is stored.
    #[must_use]
    pub fn with_weight(mut self, weight: fn(&K, &V) -> u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the heap size of an entry's key and value, for [`CacheStats::bytes`].
    #[must_use]
    pub fn with_bytes(mut self, bytes: fn(&K, &V) -> usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Removes every entry and frees the memory. Running loads are not stored.
    pub fn clear(&self) {
        for shard in &self.shards {
            let taken = shard.lock().clear();
            // Values are dropped after the lock: their `Drop` may use the cache.
            drop(taken);
        }
    }

    /// Counters and contents. It visits every entry: for a metrics page, not for a hot path.
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats { bytes: self.shards.len() * Shard::<K, V>::BYTES, ..CacheStats::default() };
        for shard in &self.shards {
            let table = shard.lock();
            stats.hits += table.hits;
            stats.misses += table.misses;
            stats.loads += table.books.loads;
            stats.evictions += table.books.evicted;
            stats.expirations += table.books.expired;
            stats.entries += table.entries.len();
            stats.weight += table.books.weight;
            stats.bytes += table.entries.allocation_size() + table.books.flights.allocation_size();
            stats.bytes += table.entries.iter().map(|entry| self.bytes_of(entry)).sum::<usize>();
        }

        stats
    }

    fn bytes_of(&self, entry: &Entry<K, V>) -> usize {
        // An Arc's allocation holds the value and two counters.
        size_of::<V>() + 2 * size_of::<usize>() + (self.bytes)(&entry.key, &entry.value)
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // The table uses the low bits for its bucket and the top seven for its tag; these bits are neither.
        let bits = usize::try_from((hash >> 48) & 0x1ff).unwrap_or(0);
        &self.shards[bits & (self.shards.len() - 1)]
    }

    /// Entries that became stale by this time are gone.
    fn dead_at(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.keep_stale)
    }

    fn fresh(&self, hash: u64, value: Arc<V>, ttl: Duration) -> NewEntry<'_, K, V> {
        let now = self.clock.nanos();
        let stale_at = now.saturating_add(saturating_nanos(ttl));
        NewEntry { hash, value, stale_at, dead_at: self.dead_at(now), weigh: self.weight, rehash: &self.hasher }
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// Returns the value of `key` if it is fresh.
    #[inline]
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        self.find(key, |entry| Arc::clone(&entry.value))
    }

    /// Applies `read` to the value of `key`, without the cost of sharing it, which is the larger part of a hit.
    ///
    /// `read` runs under the shard's lock: it must be short and must not use the cache.
    pub fn get_with<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.find(key, |entry| read(&entry.value))
    }

    #[inline]
    fn find<Q, R>(&self, key: &Q, read: impl FnOnce(&Entry<K, V>) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let now = self.clock.nanos();
        let hash = self.hash(key);
        self.shard(hash).lock().hit(hash, key, now, read)
    }

    /// Returns the value of `key`, even a stale one that is still kept. It counts neither as hit nor as miss.
    pub fn get_even_stale<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let dead_at = self.dead_at(self.clock.nanos());
        let hash = self.hash(key);
        let table = self.shard(hash).lock();

        let entry = table.entries.find(hash, |entry| key.equivalent(&entry.key))?;
        (!entry.is_dead(dead_at)).then(|| Arc::clone(&entry.value))
    }

    /// Stores `value` for `ttl`, and returns whether it was kept: a value heavier than a shard's share is not, and
    /// then the key has no value.
    pub fn insert<Q: Lookup<K> + ?Sized>(&self, key: &Q, value: Arc<V>, ttl: Duration) -> bool {
        let hash = self.hash(key);
        let fresh = self.fresh(hash, value, ttl);

        let mut table = self.shard(hash).lock();
        table.forget_flight(hash, key);
        let displaced = table.insert(key, fresh);
        // Displaced values are dropped after the lock: their `Drop` may use the cache.
        drop(table);
        displaced.kept
    }

    /// Returns the fresh value of `key`, or inserts the one that `make` creates; concurrent callers get the same one.
    ///
    /// `make` runs under the shard's lock: it must be short and must not use the cache.
    pub fn get_or_insert_with<Q>(&self, key: &Q, ttl: Duration, make: impl FnOnce() -> Arc<V>) -> Arc<V>
    where
        Q: Lookup<K> + ?Sized,
    {
        let now = self.clock.nanos();
        let hash = self.hash(key);

        let mut table = self.shard(hash).lock();
        if let Some(value) = table.hit(hash, key, now, |entry| Arc::clone(&entry.value)) {
            return value;
        }

        let value = make();
        table.forget_flight(hash, key);
        let displaced = table.insert(key, self.fresh(hash, Arc::clone(&value), ttl));

        drop(table);
        drop(displaced);
        value
    }

    /// Removes the entry of `key`, and returns its value if it was fresh.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let now = self.clock.nanos();
        let hash = self.hash(key);

        let mut table = self.shard(hash).lock();
        table.forget_flight(hash, key);
        let entry = table.remove(hash, key)?;
        drop(table);
        (entry.stale_at > now).then_some(entry.value)
    }

    #[inline]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }
}

/// A power of two, so that a mask selects the shard.
fn shard_count(capacity: u64) -> u64 {
    let fitting = (capacity / MIN_SHARD_CAPACITY).clamp(1, MAX_SHARDS);
    1 << fitting.ilog2()
}
