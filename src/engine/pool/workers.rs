//! Who works in a lane, and what each has done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::stats::PoolStats;

/// One worker's counters. Only the worker writes them, so an addition needs no locked instruction; others read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct WorkerStats {
    /// When the running job began, in nanoseconds of the pool's clock, plus one; zero between jobs.
    started: AtomicU64,
    taken: AtomicU64,
    completed: AtomicU64,
    panicked: AtomicU64,
    aborted: AtomicU64,
    busy: AtomicU64,
    /// It was moved to the slow lane with its job, and leaves after it. Written by the pool's control.
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

    fn add_to(&self, stats: &mut Sums) {
        stats.taken += self.taken.load(Ordering::Relaxed);
        stats.completed += self.completed.load(Ordering::Relaxed);
        stats.panicked += self.panicked.load(Ordering::Relaxed);
        stats.aborted += self.aborted.load(Ordering::Relaxed);
        stats.busy += self.busy.load(Ordering::Relaxed);
        stats.active += usize::from(self.started.load(Ordering::Relaxed) > 0);
    }
}

/// What workers did together.
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
    seats: BTreeMap<u64, Arc<WorkerStats>>,
    next: u64,
    moved: usize,
    /// What those did who have left.
    left: Sums,
}

impl WorkerSet {
    /// A place for one more worker.
    pub(super) fn seat(self: &Arc<Self>) -> WorkerGuard {
        let tally = Arc::new(WorkerStats::default());
        let mut roll = self.0.lock();
        let number = roll.next;
        roll.next += 1;
        roll.seats.insert(number, Arc::clone(&tally));
        WorkerGuard { crew: Arc::clone(self), number, tally }
    }

    /// Workers that take jobs of this lane, and workers that finish a slow one and then leave.
    pub(super) fn count(&self) -> (usize, usize) {
        let roll = self.0.lock();
        (roll.seats.len() - roll.moved, roll.moved)
    }

    pub(super) fn sums(&self) -> Sums {
        let roll = self.0.lock();
        let mut sums = roll.left;
        roll.seats.values().for_each(|tally| tally.add_to(&mut sums));
        sums
    }

    /// Gives up to `room` workers, whose jobs began before `before`, to the slow lane; says how many it gave.
    pub(super) fn move_slow(&self, before: u64, room: usize) -> usize {
        let mut roll = self.0.lock();
        let is_slow = |tally: &&Arc<WorkerStats>| {
            let started = tally.started.load(Ordering::Relaxed);
            started > 0 && started <= before && !tally.is_moved()
        };
        let given =
            roll.seats.values().filter(is_slow).take(room).map(|tally| tally.moved.store(true, Ordering::Relaxed));
        let given = given.count();
        roll.moved += given;
        given
    }
}

/// A worker's place in its crew, given back when it is dropped, however the worker ends.
#[derive(Debug)]
pub(super) struct WorkerGuard {
    crew: Arc<WorkerSet>,
    number: u64,
    pub(super) tally: Arc<WorkerStats>,
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if self.tally.started.load(Ordering::Relaxed) > 0 {
            // It was dropped in the middle of a job.
            add(&self.tally.aborted, 1);
            self.tally.started.store(0, Ordering::Relaxed);
        }
        let mut roll = self.crew.0.lock();
        roll.seats.remove(&self.number);
        roll.moved -= usize::from(self.tally.is_moved());
        self.tally.add_to(&mut roll.left);
    }
}
