//! The two places where the pool's threads race without a lock: the gate that closes while jobs enter, and the number
//! of workers that are to leave.
//!
//! Tested under every interleaving by `tests/loom`, which compiles this file alone.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const DEAD: u8 = 2;

/// Admits jobs until it is closed, and ensures that no job stays queued when no worker is left.
#[derive(Debug)]
pub(crate) struct Gate(AtomicU8);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(OPEN))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) == OPEN
    }

    /// Admits no more jobs; queued ones still run.
    pub(crate) fn close(&self) {
        // Fails if it is already closed or dead: then nothing changes.
        let _ = self.0.compare_exchange(OPEN, DRAINING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// No worker takes jobs from now on: `sweep` removes the queued ones.
    pub(crate) fn kill(&self, sweep: impl FnOnce()) {
        self.0.swap(DEAD, Ordering::SeqCst);
        sweep();
    }

    /// Call after a job was queued. If the gate was killed between the check and the queueing, its sweep may have
    /// come too early for this job, so it is swept here. Both write first and then read, so one sees the other.
    pub(crate) fn after_push(&self, sweep: impl FnOnce()) {
        if self.0.load(Ordering::SeqCst) == DEAD {
            sweep();
        }
    }
}

/// The number of workers that are to leave: a worker that takes one from it leaves.
#[derive(Debug)]
pub(crate) struct ExcessWorkers(AtomicUsize);

impl ExcessWorkers {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::SeqCst);
    }

    /// Takes up to `count`, and returns how many it took.
    pub(crate) fn take(&self, count: usize) -> usize {
        let mut there = self.0.load(Ordering::SeqCst);
        while there > 0 && count > 0 {
            let taken = there.min(count);
            match self.0.compare_exchange_weak(there, there - taken, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return taken,
                Err(now) => there = now,
            }
        }
        0
    }
}
