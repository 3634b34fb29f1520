//! The workers of a lane and their counters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::stats::PoolStats;

/// The counters of one worker. Only the worker writes them, so an addition needs no locked instruction; other threads
/// read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct WorkerStats {
    /// Start of the running job in nanoseconds of the pool's clock, plus one; zero between jobs.
    started: AtomicU64,
    taken: AtomicU64,
    completed: AtomicU64,
    panicked: AtomicU64,
    aborted: AtomicU64,
    busy: AtomicU64,
    /// Whether it moved to the slow lane with its job, after which it leaves. Written by the pool's control.
    moved: AtomicBool,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

impl WorkerStats {
    pub(super) fn begin(&self, now: u64) {
        add(&self.taken, 1);
        self.started.store(now.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn end(&self, now: u64, panicked: bool) {
        let began = self.started.load(Ordering::Relaxed).saturating_sub(1);
        add(&self.busy, now.saturating_sub(began));
        add(if panicked { &self.panicked } else { &self.completed }, 1);
        self.started.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// Whether the running job began before `before`, and the worker has not moved yet.
    fn is_slow(&self, before: u64) -> bool {
        let started = self.started.load(Ordering::Relaxed);
        started > 0 && started <= before && !self.is_moved()
    }

    fn add_to(&self, stats: &mut Sums) {
        stats.taken += self.taken.load(Ordering::Relaxed);
        stats.completed += self.completed.load(Ordering::Relaxed);
        stats.panicked += self.panicked.load(Ordering::Relaxed);
        stats.aborted += self.aborted.load(Ordering::Relaxed);
        stats.busy += self.busy.load(Ordering::Relaxed);
        stats.active += usize::from(self.started.load(Ordering::Relaxed) > 0);
    }
}

/// Sums over workers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) taken: u64,
    pub(super) active: usize,
    completed: u64,
    panicked: u64,
    aborted: u64,
    busy: u64,
}

impl Sums {
    pub(super) fn add_to(&self, stats: &mut PoolStats) {
        stats.active += self.active;
        stats.completed += self.completed;
        stats.panicked += self.panicked;
        stats.aborted += self.aborted;
        stats.busy += std::time::Duration::from_nanos(self.busy);
    }
}

/// The workers of a lane.
#[derive(Debug, Default)]
pub(super) struct WorkerSet(Mutex<WorkerTable>);

#[derive(Debug, Default)]
struct WorkerTable {
    stats: BTreeMap<u64, Arc<WorkerStats>>,
    next: u64,
    moved: usize,
    /// Sums of the workers that have left.
    left: Sums,
}

impl WorkerSet {
    /// Registers one more worker.
    pub(super) fn register(self: &Arc<Self>) -> WorkerGuard {
        let stats = Arc::new(WorkerStats::default());

        let mut table = self.0.lock();
        let number = table.next;
        table.next += 1;
        table.stats.insert(number, Arc::clone(&stats));
        WorkerGuard { workers: Arc::clone(self), number, stats }
    }

    /// Number of workers that take jobs of this lane, and of moved workers that only finish a slow one.
    pub(super) fn count(&self) -> (usize, usize) {
        let table = self.0.lock();
        (table.stats.len() - table.moved, table.moved)
    }

    pub(super) fn sums(&self) -> Sums {
        let table = self.0.lock();
        let mut sums = table.left;
        table.stats.values().for_each(|stats| stats.add_to(&mut sums));
        sums
    }

    /// Moves up to `room` workers, whose jobs began before `before`, to the slow lane; returns their number.
    pub(super) fn move_slow(&self, before: u64, room: usize) -> usize {
        let mut table = self.0.lock();
        let slow = table.stats.values().filter(|stats| stats.is_slow(before)).take(room);
        let given = slow.map(|stats| stats.moved.store(true, Ordering::Relaxed)).count();

        table.moved += given;
        given
    }
}

/// The registration of a worker, removed on drop, however the worker ends.
#[derive(Debug)]
pub(super) struct WorkerGuard {
    workers: Arc<WorkerSet>,
    number: u64,
    pub(super) stats: Arc<WorkerStats>,
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if self.stats.started.load(Ordering::Relaxed) > 0 {
            // The worker was dropped during a job.
            add(&self.stats.aborted, 1);
            self.stats.started.store(0, Ordering::Relaxed);
        }

        let mut table = self.workers.0.lock();
        table.stats.remove(&self.number);
        table.moved -= usize::from(self.stats.is_moved());
        self.stats.add_to(&mut table.left);
    }
}
