//! Statistics of a cache.

/// Counters since the cache was created, and its current contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups that found a fresh value.
    pub hits: u64,
    /// Look-ups that found no value, or a stale one.
    pub misses: u64,
    /// Calls of a loader.
    pub loads: u64,
    /// Entries evicted for room.
    pub evictions: u64,
    /// Entries that a sweep removed.
    pub expirations: u64,
    /// Current entries, including stale ones that were not swept yet.
    pub entries: usize,
    /// Current weight; at most the capacity.
    pub weight: u64,
    /// Approximate memory: the tables, the values with their counters, and [`with_bytes`](super::Cache::with_bytes)
    /// of each entry.
    pub bytes: usize,
}

impl CacheStats {
    /// The share of look-ups that hit, from 0 to 1; `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let lookups = self.hits + self.misses;
        // Exact up to 2^53 look-ups.
        #[expect(clippy::cast_precision_loss)]
        (lookups > 0).then(|| self.hits as f64 / lookups as f64)
    }
}
