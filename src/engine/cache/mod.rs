//! A sharded cache: bounded by weight, with lifetimes, single-flight loading and a look-up that allocates nothing.

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

pub use flight::{Load, LoadError, Loaded};
pub use key::{Key, KeyRef, Lookup};
pub use stats::CacheStats;
pub use sweep::SweepReport;

/// More shards than cores keep two threads apart: with 64, two random look-ups meet once in 64 times.
const MAX_SHARDS: u64 = 64;

/// A shard for fewer entries than this would evict because of an uneven hash long before the cache is full.
const LEAST_SHARE: u64 = 128;

/// What a cache holds, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The most weight it holds; without [`Cache::with_weight`] the most entries. It is split evenly over up to 64
    /// shards, each of at least 128: what is heavier than a shard's share is not kept, and a cache of unlike keys holds
    /// a few percent less than its capacity before it evicts.
    pub capacity: u64,
    /// How long a value can still be had after it went stale, for [`Load::stale_on_error`].
    pub keep_stale: Duration,
}

impl CacheOptions {
    /// Up to `capacity` entries, none kept when stale.
    pub const fn new(capacity: u64) -> Self {
        Self { capacity, keep_stale: Duration::ZERO }
    }
}

/// A concurrent map that forgets: by age, and by weight when it is full.
///
/// A hit takes one short lock that is rarely contended, and allocates nothing. When the cache is full, entries that were not read for
/// the longest make room (CLOCK). A clock of [`Clock::coarse`] is exact enough and costs least.
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
    /// An empty cache, in which every entry weighs 1.
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

    /// Weighs entries with `weight`, before the cache is used. A value's weight is taken once, when it is stored.
    #[must_use]
    pub fn with_weight(mut self, weight: fn(&K, &V) -> u32) -> Self {
        self.weight = weight;
        self
    }

    /// Counts `bytes` for what an entry's key and value hold on the heap, in [`CacheStats::bytes`].
    #[must_use]
    pub fn with_bytes(mut self, bytes: fn(&K, &V) -> usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Removes every entry, and frees the memory. What is being loaded is not stored when it comes.
    pub fn clear(&self) {
        for shard in &self.shards {
            let taken = shard.lock().clear();
            // Values are dropped after the lock: their `Drop` may use the cache.
            drop(taken);
        }
    }

    /// What the cache did and holds. It looks at every entry: for a metrics page, not for a hot path.
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
        // The table takes its bucket from the low bits and its tag from the top seven: these are neither.
        let bits = usize::try_from((hash >> 48) & 0x1ff).unwrap_or(0);
        &self.shards[bits & (self.shards.len() - 1)]
    }

    /// What went stale by this time is gone.
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
    /// The value of `key`, if it is there and fresh.
    #[inline]
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        self.find(key, |entry| Arc::clone(&entry.value))
    }

    /// What `read` makes of the value of `key`: without the cost of sharing it, which is the larger part of a hit.
    ///
    /// `read` runs under the shard's lock: it must be short, and must not use the cache.
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

    /// The value of `key`, also a stale one that is still kept. It counts as neither hit nor miss.
    pub fn get_even_stale<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        let dead_at = self.dead_at(self.clock.nanos());
        let hash = self.hash(key);
        let table = self.shard(hash).lock();
        let entry = table.entries.find(hash, |entry| key.equivalent(&entry.key))?;
        (!entry.is_dead(dead_at)).then(|| Arc::clone(&entry.value))
    }

    /// Stores `value` for `ttl`, and says whether it was kept: what is heavier than a shard's share is not, and then
    /// the key has no value.
    pub fn insert<Q: Lookup<K> + ?Sized>(&self, key: &Q, value: Arc<V>, ttl: Duration) -> bool {
        let hash = self.hash(key);
        let fresh = self.fresh(hash, value, ttl);
        let mut table = self.shard(hash).lock();
        table.forget_flight(hash, key);
        let displaced = table.insert(key, fresh);
        // What was displaced is dropped after the lock: a value's `Drop` may use the cache.
        drop(table);
        displaced.kept
    }

    /// The fresh value of `key`, or the one that `make` makes: everyone who asks at the same time gets the same.
    ///
    /// `make` runs under the shard's lock: it must be short, and must not use the cache.
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

    /// Removes the entry of `key`, and yields its value if it was fresh.
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

/// A power of two, so that a shard is picked by a mask.
fn shard_count(capacity: u64) -> u64 {
    let fitting = (capacity / LEAST_SHARE).clamp(1, MAX_SHARDS);
    1 << fitting.ilog2()
}
