//! The number of workers that a lane should have: pure arithmetic on samples, so that every rule can be tested
//! without a pool.

use std::time::Duration;

/// The load of a lane at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadSample {
    pub(super) now: Duration,
    /// Jobs in the queue.
    pub(super) queued: usize,
    /// Total number of jobs taken from it.
    pub(super) taken: u64,
    /// Workers that are not asked to leave.
    pub(super) workers: usize,
    /// Those of them that wait for a job.
    pub(super) idle: usize,
    pub(super) min: usize,
    pub(super) max: usize,
}

/// The decision about a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScalingDecision {
    pub(super) hire: usize,
    pub(super) retire: usize,
    /// Jobs wait too long, and no more workers are allowed.
    pub(super) saturated: bool,
    /// When to sample again; `None` if a worker will wake the control.
    pub(super) check_in: Option<Duration>,
}

/// The state that decisions depend on beyond the current sample.
#[derive(Debug)]
pub(super) struct ScalingPolicy {
    grow_after: Duration,
    idle_after: Duration,
    /// A moment with queued jobs, and the value of `taken` at which all of them have been taken.
    waiting: Option<(Duration, u64)>,
    /// Start of the current period, and the minimum of idle workers in it.
    quiet: Option<(Duration, usize)>,
}

impl ScalingPolicy {
    pub(super) fn new(grow_after: Duration, idle_after: Duration) -> Self {
        Self { grow_after, idle_after, waiting: None, quiet: None }
    }

    pub(super) fn next(&mut self, sample: LoadSample) -> ScalingDecision {
        let late = self.waits_too_long(sample);
        let wanted = sample.min.max(usize::from(sample.queued > 0)).min(sample.max);
        let mut decision = ScalingDecision::default();

        if sample.workers < wanted {
            decision.hire = wanted - sample.workers;
        } else if sample.workers > sample.max {
            decision.retire = sample.workers - sample.max;
        } else if late && sample.idle == 0 {
            // Doubling: a thousand places are filled in ten steps, and one late job does not hire a hundred.
            decision.hire = sample.queued.min(sample.workers.max(1)).min(sample.max - sample.workers);
            decision.saturated = decision.hire == 0;
        } else {
            decision.retire = self.excess(sample).min(sample.workers.saturating_sub(sample.min));
        }
        // A hired worker takes jobs before it is ever idle, and only idle workers wake the control.

        decision.check_in = if decision.hire > 0 { Some(self.grow_after) } else { self.check_in(sample) };
        decision
    }

    /// Whether a job has been queued for `grow_after`: the queue is first in, first out, so the jobs of then have all
    /// been taken once that many more were taken.
    fn waits_too_long(&mut self, sample: LoadSample) -> bool {
        if sample.queued == 0 {
            self.waiting = None;
            return false;
        }

        let mark = (sample.now, sample.taken + sample.queued as u64);
        let (since, all_taken) = *self.waiting.get_or_insert(mark);

        let overdue = sample.now.saturating_sub(since) >= self.grow_after;
        let first_taken = all_taken <= sample.taken;
        if overdue || first_taken {
            self.waiting = Some(mark);
        }
        overdue && !first_taken
    }

    /// The number of workers that were idle in every sample for `idle_after`.
    fn excess(&mut self, sample: LoadSample) -> usize {
        let (since, fewest) = self.quiet.unwrap_or((sample.now, sample.idle));
        let fewest = fewest.min(sample.idle);
        if sample.now.saturating_sub(since) < self.idle_after {
            self.quiet = Some((since, fewest));
            return 0;
        }
        self.quiet = Some((sample.now, sample.idle));
        fewest
    }

    fn check_in(&self, sample: LoadSample) -> Option<Duration> {
        if sample.workers == 0 && sample.queued == 0 {
            None
        } else if sample.idle == 0 || sample.queued > 0 {
            Some(self.grow_after)
        } else {
            (sample.workers > sample.min).then_some(self.idle_after / 4)
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
        assert_eq!(plan.next(BUSY).hire, 0, "the first sample only sets the time");
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
    fn it_retires_workers_that_stayed_idle() {
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
    fn it_checks_the_workers_that_it_hired() {
        let empty = LoadSample { queued: 0, workers: 0, idle: 0, ..BUSY };
        let first = plan().next(empty);
        assert_eq!(first.hire, 1);
        assert!(first.check_in.is_some(), "jobs that come before the worker was idle make no worker wake the control");
    }

    #[test]
    fn it_idles_if_nothing_can_change_without_an_event() {
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
            samples in prop::collection::vec((0..100_u32, 0..50_usize, 0..50_u64, 0..30_usize, 0..30_usize), 1..50),
            min in 1..10_usize, more in 0..20_usize,
        ) {
            let (mut plan, mut now, mut taken) = (plan(), Duration::ZERO, 0);
            for (step, queued, took, workers, idle) in samples {
                now += MILLI * step * 5;
                taken += took;
                let sample = LoadSample { now, queued, taken, workers, idle: idle.min(workers), min, max: min + more };
                let decision = plan.next(sample);
                prop_assert!(decision.hire == 0 || decision.retire == 0);
                let after = workers + decision.hire - decision.retire;
                prop_assert!(after >= min.min(workers.max(min)) && after <= sample.max.max(min), "{sample:?} {decision:?}");
                prop_assert!(decision.hire == 0 || decision.check_in.is_some());
                prop_assert!(sample.idle > 0 || sample.workers == 0 || decision.check_in.is_some());
            }
        }
    }
}
