//! The two places of the pool where threads race without a lock: the gate that closes while jobs come in, and the
//! number of workers that are to leave.
//!
//! Tested under every interleaving by `tests/loom`, which compiles this file alone.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const DEAD: u8 = 2;

/// Lets jobs in until it is closed, and makes sure that none is left lying when nobody is there to run it.
#[derive(Debug)]
pub(crate) struct Gate(AtomicU8);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(OPEN))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) == OPEN
    }

    /// Lets nothing more in; what is queued is still run.
    pub(crate) fn close(&self) {
        // Fails when it is closed already, or dead: then nothing changes.
        let _ = self.0.compare_exchange(OPEN, DRAINING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Nobody takes jobs from now on: `sweep` takes out those that are queued.
    pub(crate) fn kill(&self, sweep: impl FnOnce()) {
        self.0.swap(DEAD, Ordering::SeqCst);
        sweep();
    }

    /// To be called after a job was queued. Had the gate been killed between the check and the queueing, its sweep may
    /// have come too early for this job: so it is swept here. Both write first and then look, so one sees the other.
    pub(crate) fn after_push(&self, sweep: impl FnOnce()) {
        if self.0.load(Ordering::SeqCst) == DEAD {
            sweep();
        }
    }
}

/// How many workers are to leave: who takes one from it leaves.
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

    /// Takes up to `count`, and says how many it took.
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
