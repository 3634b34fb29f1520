//! How many workers a lane should have: pure arithmetic on what was seen, so that every rule can be tested without one.

use std::time::Duration;

/// What a lane looked like at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadSample {
    pub(super) now: Duration,
    /// Jobs in the queue.
    pub(super) queued: usize,
    /// Jobs ever taken from it.
    pub(super) taken: u64,
    /// Workers that stay.
    pub(super) workers: usize,
    /// Of those, the ones that wait for a job.
    pub(super) idle: usize,
    pub(super) min: usize,
    pub(super) max: usize,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScalingDecision {
    pub(super) hire: usize,
    pub(super) retire: usize,
    /// Jobs wait too long, and no more workers are allowed.
    pub(super) saturated: bool,
    /// When to look again; `None`: a worker will call.
    pub(super) look_in: Option<Duration>,
}

/// What a lane's orders depend on beyond the moment.
#[derive(Debug)]
pub(super) struct ScalingPolicy {
    grow_after: Duration,
    idle_after: Duration,
    /// A moment when jobs were queued, and the count of taken jobs that says they have all been taken.
    waiting: Option<(Duration, u64)>,
    /// The beginning of the period, and the fewest idle workers seen in it.
    quiet: Option<(Duration, usize)>,
}

impl ScalingPolicy {
    pub(super) fn new(grow_after: Duration, idle_after: Duration) -> Self {
        Self { grow_after, idle_after, waiting: None, quiet: None }
    }

    pub(super) fn next(&mut self, seen: LoadSample) -> ScalingDecision {
        let late = self.waits_too_long(seen);
        let wanted = seen.min.max(usize::from(seen.queued > 0)).min(seen.max);
        let mut orders = ScalingDecision::default();
        if seen.workers < wanted {
            orders.hire = wanted - seen.workers;
        } else if seen.workers > seen.max {
            orders.retire = seen.workers - seen.max;
        } else if late && seen.idle == 0 {
            // Doubling: a thousand places are filled in ten looks, and one late job does not hire a hundred.
            orders.hire = seen.queued.min(seen.workers.max(1)).min(seen.max - seen.workers);
            orders.saturated = orders.hire == 0;
        } else {
            orders.retire = self.superfluous(seen).min(seen.workers.saturating_sub(seen.min));
        }
        // Who was hired takes jobs before ever being idle, and only who was idle calls.
        orders.look_in = if orders.hire > 0 { Some(self.grow_after) } else { self.look_in(seen) };
        orders
    }

    /// Whether a job has been in the queue for `grow_after`: the queue is first in, first out, so the jobs of then have
    /// all been taken as soon as so many more were.
    fn waits_too_long(&mut self, seen: LoadSample) -> bool {
        if seen.queued == 0 {
            self.waiting = None;
            return false;
        }
        let mark = (seen.now, seen.taken + seen.queued as u64);
        let (since, all_taken) = *self.waiting.get_or_insert(mark);
        let overdue = seen.now.saturating_sub(since) >= self.grow_after;
        let first_taken = all_taken <= seen.taken;
        if overdue || first_taken {
            self.waiting = Some(mark);
        }
        overdue && !first_taken
    }

    /// The workers that had nothing to do at every look for `idle_after`.
    fn superfluous(&mut self, seen: LoadSample) -> usize {
        let (since, fewest) = self.quiet.unwrap_or((seen.now, seen.idle));
        let fewest = fewest.min(seen.idle);
        if seen.now.saturating_sub(since) < self.idle_after {
            self.quiet = Some((since, fewest));
            return 0;
        }
        self.quiet = Some((seen.now, seen.idle));
        fewest
    }

    fn look_in(&self, seen: LoadSample) -> Option<Duration> {
        if seen.workers == 0 && seen.queued == 0 {
            None
        } else if seen.idle == 0 || seen.queued > 0 {
            Some(self.grow_after)
        } else {
            (seen.workers > seen.min).then_some(self.idle_after / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLI: Duration = Duration::from_millis(1);
    const BUSY: LoadSample = LoadSample { now: MILLI, queued: 8, taken: 0, workers: 4, idle: 0, min: 1, max: 10 };

    fn plan() -> ScalingPolicy {
        ScalingPolicy::new(MILLI * 10, MILLI * 1000)
    }

    #[test]
    fn it_grows_by_doubling_when_a_job_waits_too_long() {
        let mut plan = plan();
        assert_eq!(plan.next(BUSY).hire, 0, "the first look only takes the time");
        assert_eq!(plan.next(LoadSample { now: MILLI * 10, ..BUSY }).hire, 0);
        assert_eq!(plan.next(LoadSample { now: MILLI * 11, ..BUSY }).hire, 4);
        let full = LoadSample { now: MILLI * 21, workers: 8, ..BUSY };
        assert_eq!(plan.next(full).hire, 2, "not beyond max");
        let full = plan.next(LoadSample { now: MILLI * 31, workers: 10, ..BUSY });
        assert_eq!((full.hire, full.saturated), (0, true));
    }

    #[test]
    fn a_queue_that_moves_is_no_reason_to_grow() {
        let mut plan = plan();
        for n in 0..100 {
            let moving = LoadSample { now: MILLI * 10 * n, taken: 8 * u64::from(n), ..BUSY };
            assert_eq!(plan.next(moving).hire, 0);
        }
    }

    #[test]
    fn it_shrinks_by_what_was_idle_all_the_time() {
        let mut plan = plan();
        let quiet = LoadSample { queued: 0, workers: 9, idle: 7, ..BUSY };
        assert_eq!(plan.next(quiet).retire, 0);
        assert_eq!(plan.next(LoadSample { now: MILLI * 500, idle: 3, ..quiet }).retire, 0);
        assert_eq!(plan.next(LoadSample { now: MILLI * 1001, ..quiet }).retire, 3);
        assert_eq!(
            plan.next(LoadSample { now: MILLI * 2001, workers: 6, idle: 6, ..quiet }).retire,
            5,
            "not below min"
        );
    }

    #[test]
    fn it_looks_at_whom_it_has_hired() {
        let empty = LoadSample { queued: 0, workers: 0, idle: 0, ..BUSY };
        let first = plan().next(empty);
        assert_eq!(first.hire, 1);
        assert!(first.look_in.is_some(), "jobs that come before the worker was idle make nobody call");
    }

    #[test]
    fn it_rests_when_nothing_can_change_by_itself() {
        let at_rest = LoadSample { queued: 0, workers: 1, idle: 1, ..BUSY };
        assert_eq!(plan().next(at_rest), ScalingDecision::default());
        let no_one = LoadSample { queued: 0, workers: 0, idle: 0, min: 0, ..BUSY };
        assert_eq!(plan().next(no_one), ScalingDecision::default());
        assert_eq!(
            plan().next(LoadSample { queued: 1, ..no_one }).hire,
            1,
            "a lane without workers hires for the first job"
        );
    }

    proptest! {
        #[test]
        fn orders_never_leave_the_limits(
            looks in prop::collection::vec((0..100_u32, 0..50_usize, 0..50_u64, 0..30_usize, 0..30_usize), 1..50),
            min in 1..10_usize, more in 0..20_usize,
        ) {
            let (mut plan, mut now, mut taken) = (plan(), Duration::ZERO, 0);
            for (step, queued, took, workers, idle) in looks {
                now += MILLI * step * 5;
                taken += took;
                let seen = LoadSample { now, queued, taken, workers, idle: idle.min(workers), min, max: min + more };
                let orders = plan.next(seen);
                prop_assert!(orders.hire == 0 || orders.retire == 0);
                let after = workers + orders.hire - orders.retire;
                prop_assert!(after >= min.min(workers.max(min)) && after <= seen.max.max(min), "{seen:?} {orders:?}");
                prop_assert!(orders.hire == 0 || orders.look_in.is_some());
                prop_assert!(seen.idle > 0 || seen.workers == 0 || orders.look_in.is_some());
            }
        }
    }
}
