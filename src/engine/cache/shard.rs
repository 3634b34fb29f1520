//! One shard: a hash table whose buckets are the clock face of a second-chance eviction.
//!
//! The CLOCK algorithm (Corbató 1968) approximates least-recently-used with one bit per entry, so a hit moves
//! nothing. Its hand walks the buckets of the table itself: no list, no index, no memory beside the entries.
//!
//! The lock is a mutex, not a read-write lock: both write one word to lock and one to unlock, which is the cost of a
//! hit; the mutex is faster, and under it the counters and the visited bit are plain memory.
//!
//! A hit and the drop of its value take four atomic read-modify-writes, two on the lock and two on the `Arc`. The
//! same holds for dashmap, whose cost is the same within a tenth (`benches/peers`). But dashmap looks up by `Borrow`:
//! a key in parts would first be joined in an allocation, which doubles the cost of a hit, and weight, eviction and
//! sweeping would need a second structure beside it.

use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashTable};
use parking_lot::{Mutex, MutexGuard};

use super::Lookup;
use super::flight::Flight;

/// Aligned so that two shards never share a cache line (128: adjacent lines are fetched in pairs).
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard<K, V>(Mutex<Table<K, V>>);

impl<K, V> Shard<K, V> {
    /// The memory of an empty shard.
    pub(super) const BYTES: usize = size_of::<Self>() + size_of::<ShardBooks<K, V>>();

    pub(super) fn new(capacity: u64) -> Self {
        Self(Mutex::new(Table::new(capacity)))
    }

    /// Values must not be dropped under the lock: their `Drop` may use the cache.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Table<K, V>> {
        self.0.lock()
    }
}

/// A hit touches 56 bytes, which with the lock make one cache line.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    pub(super) entries: HashTable<Entry<K, V>>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) books: Box<ShardBooks<K, V>>,
}

/// Fields that only changes of the table use.
#[derive(Debug)]
pub(super) struct ShardBooks<K, V> {
    pub(super) flights: HashTable<Flight<K, V>>,
    pub(super) weight: u64,
    pub(super) evicted: u64,
    pub(super) expired: u64,
    pub(super) loads: u64,
    capacity: u64,
    /// The bucket where the next eviction starts.
    hand: usize,
    /// The bucket where the next sweep starts.
    sweep: usize,
}

/// Aligned so that a look-up touches one of its cache lines, not two: with a key of up to 40 bytes an entry is
/// exactly one line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: Arc<V>,
    /// The value is stale from this clock reading on.
    pub(super) stale_at: u64,
    pub(super) weight: u32,
    /// Read since the hand last passed.
    pub(super) visited: bool,
}

/// Values that an insertion displaced, to be dropped after the lock: their `Drop` may use the cache.
pub(super) struct Evictions<K, V> {
    pub(super) kept: bool,
    _replaced: Option<Arc<V>>,
    _evicted: EvictedEntries<K, V>,
}

/// Only a heavy entry displaces more than one other, so most insertions need no allocation here.
type EvictedEntries<K, V> = (Option<Entry<K, V>>, Vec<Entry<K, V>>);

type ClearedTables<K, V> = (HashTable<Entry<K, V>>, HashTable<Flight<K, V>>);

/// The result of a sweep of one shard.
pub(super) struct ShardSweep<K, V> {
    pub(super) scanned: usize,
    pub(super) expired: Vec<Entry<K, V>>,
    /// Whether the end of the shard was reached.
    pub(super) wrapped: bool,
}

impl<K, V> Entry<K, V> {
    /// Whether it became stale by `dead_at`, the latest such time that is no longer kept; `None` if the clock is
    /// younger than the time to keep.
    pub(super) fn is_dead(&self, dead_at: Option<u64>) -> bool {
        dead_at.is_some_and(|dead_at| self.stale_at <= dead_at)
    }
}

impl<K, V> Table<K, V> {
    fn new(capacity: u64) -> Self {
        let books = ShardBooks {
            flights: HashTable::new(),
            weight: 0,
            evicted: 0,
            expired: 0,
            loads: 0,
            capacity,
            hand: 0,
            sweep: 0,
        };
        Self { entries: HashTable::new(), hits: 0, misses: 0, books: Box::new(books) }
    }

    /// Applies `read` to a fresh entry, and counts a hit or a miss.
    #[inline]
    pub(super) fn hit<Q, R>(&mut self, hash: u64, key: &Q, now: u64, read: impl FnOnce(&Entry<K, V>) -> R) -> Option<R>
    where
        Q: Equivalent<K> + ?Sized,
    {
        match self.entries.find_mut(hash, |entry| key.equivalent(&entry.key)) {
            Some(entry) if entry.stale_at > now => {
                // Most hits find it set: a write would take the entry's line from the core that read it last.
                if !entry.visited {
                    entry.visited = true;
                }
                self.hits += 1;
                Some(read(entry))
            }
            _ => {
                self.misses += 1;
                None
            }
        }
    }

    /// Forgets the running load of `key`: its result is older than the current change and must not be stored.
    pub(super) fn forget_flight<Q: Equivalent<K> + ?Sized>(&mut self, hash: u64, key: &Q) {
        if self.books.flights.is_empty() {
            return;
        }
        if let Ok(found) = self.books.flights.find_entry(hash, |flight| key.equivalent(flight.key())) {
            found.remove();
        }
    }

    pub(super) fn remove<Q: Equivalent<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<Entry<K, V>> {
        let found = self.entries.find_entry(hash, |entry| key.equivalent(&entry.key)).ok()?;
        let (entry, _) = found.remove();
        self.books.weight -= u64::from(entry.weight);
        Some(entry)
    }

    /// Evicts until `weight` more fits, except the entry in bucket `spare`.
    fn make_room(&mut self, weight: u64, dead_at: Option<u64>, spare: Option<usize>) -> EvictedEntries<K, V> {
        let (mut first, mut more) = (None, Vec::new());
        while self.books.weight + weight > self.books.capacity {
            let Some(evicted) = self.evict(dead_at, spare) else { break };
            match first {
                None => first = Some(evicted),
                Some(_) => more.push(evicted),
            }
        }
        (first, more)
    }

    /// Evicts the first entry that was not read since the hand last passed; two rounds find one if there is one.
    fn evict(&mut self, dead_at: Option<u64>, spare: Option<usize>) -> Option<Entry<K, V>> {
        for _ in 0..2 * self.entries.num_buckets() {
            let bucket = self.books.hand;
            self.books.hand = next_bucket(bucket, self.entries.num_buckets());
            let Ok(mut slot) = self.entries.get_bucket_entry(bucket) else { continue };

            let entry = slot.get_mut();
            let visited = mem::take(&mut entry.visited);
            if spare == Some(bucket) || (visited && !entry.is_dead(dead_at)) {
                continue;
            }

            let (entry, _) = slot.remove();
            self.books.weight -= u64::from(entry.weight);
            self.books.evicted += 1;
            return Some(entry);
        }
        None
    }

    /// Visits up to `budget` buckets and removes the dead entries.
    pub(super) fn sweep(&mut self, budget: usize, dead_at: Option<u64>) -> ShardSweep<K, V> {
        let buckets = self.entries.num_buckets();
        let start = self.books.sweep;
        let end = buckets.min(start.saturating_add(budget));
        let mut expired = Vec::new();

        for bucket in start..end {
            let Ok(slot) = self.entries.get_bucket_entry(bucket) else { continue };
            if slot.get().is_dead(dead_at) {
                let (entry, _) = slot.remove();
                self.books.weight -= u64::from(entry.weight);
                self.books.expired += 1;
                expired.push(entry);
            }
        }

        let wrapped = end == buckets;
        self.books.sweep = if wrapped { 0 } else { end };
        ShardSweep { scanned: end - start, expired, wrapped }
    }

    /// Removes everything, and forgets running loads: their results are older than this call.
    pub(super) fn clear(&mut self) -> ClearedTables<K, V> {
        self.books.weight = 0;
        // The next table is smaller: a hand beyond it would skip the last bucket's second round.
        (self.books.hand, self.books.sweep) = (0, 0);
        (mem::take(&mut self.entries), mem::take(&mut self.books.flights))
    }
}

impl<K: Hash, V> Table<K, V> {
    /// Stores a value under `key`, which is cloned only for a new entry.
    pub(super) fn insert<Q: Lookup<K> + ?Sized>(&mut self, key: &Q, fresh: NewEntry<'_, K, V>) -> Evictions<K, V> {
        let found = self.entries.find_bucket_index(fresh.hash, |entry| key.equivalent(&entry.key));
        let Some((bucket, entry)) = found.and_then(|bucket| Some((bucket, self.entries.get_bucket_mut(bucket)?)))
        else {
            return self.insert_new(key.to_key(), fresh);
        };

        let weight = (fresh.weigh)(&entry.key, &fresh.value);
        if u64::from(weight) > self.books.capacity {
            // Keeping the old value would return what the caller just replaced.
            let removed = self.remove(fresh.hash, key);
            return Evictions { kept: false, _replaced: None, _evicted: (removed, Vec::new()) };
        }

        let replaced = mem::replace(&mut entry.value, fresh.value);
        entry.stale_at = fresh.stale_at;
        entry.visited = true;
        self.books.weight = self.books.weight - u64::from(mem::replace(&mut entry.weight, weight)) + u64::from(weight);

        let evicted = self.make_room(0, fresh.dead_at, Some(bucket));
        Evictions { kept: true, _replaced: Some(replaced), _evicted: evicted }
    }

    fn insert_new(&mut self, key: K, fresh: NewEntry<'_, K, V>) -> Evictions<K, V> {
        let NewEntry { hash, value, stale_at, dead_at, weigh, rehash } = fresh;
        let weight = weigh(&key, &value);
        if u64::from(weight) > self.books.capacity {
            return Evictions { kept: false, _replaced: Some(value), _evicted: (None, Vec::new()) };
        }

        let evicted = self.make_room(u64::from(weight), dead_at, None);
        let entry = Entry { key, value, stale_at, weight, visited: false };
        self.entries.insert_unique(hash, entry, |entry| rehash.hash_one(&entry.key));
        self.books.weight += u64::from(weight);
        Evictions { kept: true, _replaced: None, _evicted: evicted }
    }
}

fn next_bucket(bucket: usize, buckets: usize) -> usize {
    if bucket + 1 < buckets { bucket + 1 } else { 0 }
}

/// A value about to be stored.
pub(super) struct NewEntry<'a, K, V> {
    pub(super) hash: u64,
    pub(super) value: Arc<V>,
    pub(super) stale_at: u64,
    /// Entries that became stale by this time are gone.
    pub(super) dead_at: Option<u64>,
    pub(super) weigh: fn(&K, &V) -> u32,
    /// Rehashes when the table grows: an entry that stored its hash would be longer than a cache line.
    pub(super) rehash: &'a RandomState,
}
