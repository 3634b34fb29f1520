//! A breaker for each peer.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::{Breaker, BreakerOptions};
use crate::engine::{Cache, CacheOptions, Clock, Lookup};

/// Breakers by key, made on first use.
///
/// There are at most as many as `capacity`: beyond that the ones not used for the longest are forgotten, and begin
/// closed when they are asked for again.
#[derive(Debug)]
pub struct Breakers<K> {
    by_key: Cache<K, Breaker>,
    options: BreakerOptions,
    clock: Clock,
}

impl<K: Hash + Eq> Breakers<K> {
    /// No breakers yet.
    pub fn new(options: BreakerOptions, capacity: u64, clock: Clock) -> Self {
        Self { by_key: Cache::new(CacheOptions::new(capacity), clock.clone()), options, clock }
    }

    /// The breaker of `key`: everyone who asks gets the same one.
    pub fn of<Q: Lookup<K> + ?Sized>(&self, key: &Q) -> Arc<Breaker> {
        let closed = || Arc::new(Breaker::new(self.options, self.clock.clone()));
        self.by_key.get_or_insert_with(key, Duration::MAX, closed)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.stats().entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
