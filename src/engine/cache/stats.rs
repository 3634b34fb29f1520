//! What a cache did and holds.

/// Counters since the cache was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups that found a fresh value.
    pub hits: u64,
    /// Look-ups that found none, or one that was stale.
    pub misses: u64,
    /// Times a loader was called.
    pub loads: u64,
    /// Entries that had to make room.
    pub evictions: u64,
    /// Entries that a sweep removed.
    pub expirations: u64,
    /// Entries held, the stale ones that no sweep has met yet among them.
    pub entries: usize,
    /// Their weight; never more than the capacity.
    pub weight: u64,
    /// About how much memory they take: the tables, the values with their counters, and what
    /// [`with_bytes`](super::Cache::with_bytes) says of each entry.
    pub bytes: usize,
}

impl CacheStats {
    /// The share of look-ups that hit, from 0 to 1; `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let asked = self.hits + self.misses;
        // Exact up to 2^53 look-ups.
        #[expect(clippy::cast_precision_loss)]
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }
}
