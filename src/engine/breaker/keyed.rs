//! One breaker per peer.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::{Breaker, BreakerOptions};
use crate::engine::{Cache, CacheOptions, Clock, Lookup};

/// Breakers by key, created on first use.
///
/// Holds at most `capacity` breakers: beyond that the least recently used ones are dropped, and begin closed when
/// used again.
#[derive(Debug)]
pub struct Breakers<K> {
    by_key: Cache<K, Breaker>,
    options: BreakerOptions,
    clock: Clock,
}

impl<K: Hash + Eq> Breakers<K> {
    /// An empty set.
    pub fn new(options: BreakerOptions, capacity: u64, clock: Clock) -> Self {
        Self { by_key: Cache::new(CacheOptions::new(capacity), clock.clone()), options, clock }
    }

    /// The breaker of `key`; every caller gets the same one.
    pub fn of<Q: Lookup<K> + ?Sized>(&self, key: &Q) -> Arc<Breaker> {
        self.by_key.get_or_insert_with(key, Duration::MAX, || Arc::new(Breaker::new(self.options, self.clock.clone())))
    }

    /// The number of breakers.
    pub fn len(&self) -> usize {
        self.by_key.stats().entries
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
