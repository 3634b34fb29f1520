//! The control of a pool: the only place that hires, retires and moves workers.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::PoolState;
use super::job::Lane;
use super::plan::{LoadSample, ScalingDecision, ScalingPolicy};
use super::workers::WorkerGuard;
use crate::engine::clock::saturating_nanos;
use crate::engine::park;

/// Starts a registered worker.
pub(super) type Hire = Box<dyn Fn(Lane, WorkerGuard) -> io::Result<()> + Send>;

pub(super) struct Control<J, R> {
    shared: Arc<PoolState<J, R>>,
    hire: Hire,
    normal: ScalingPolicy,
    slow: ScalingPolicy,
}

/// The control's next action.
enum ControlStep {
    /// Waits for a wake-up, at most this long.
    Wait(Option<Duration>),
    End,
}

impl<J, R> Control<J, R> {
    pub(super) fn new(shared: Arc<PoolState<J, R>>, hire: Hire) -> Self {
        let (grow_after, idle_after) = (shared.options.grow_after, shared.options.idle_after);
        let (normal, slow) = (ScalingPolicy::new(grow_after, idle_after), ScalingPolicy::new(grow_after, idle_after));
        Self { shared, hire, normal, slow }
    }

    /// Controls a pool of tasks.
    pub(super) async fn run(mut self) {
        loop {
            match self.step() {
                ControlStep::End => return,
                ControlStep::Wait(None) => self.shared.control.notified().await,
                // Woken or not, it checks the load again.
                ControlStep::Wait(Some(at_most)) => drop(timeout(at_most, self.shared.control.notified()).await),
            }
        }
    }

    /// Controls a pool of threads, on its own thread.
    pub(super) fn run_blocking(mut self) {
        loop {
            let at_most = match self.step() {
                ControlStep::End => return,
                ControlStep::Wait(at_most) => at_most,
            };
            let called = pin!(self.shared.control.notified());
            match at_most {
                None => park::block_on(called),
                Some(at_most) => drop(park::block_on_for(called, at_most)),
            }
        }
    }

    fn step(&mut self) -> ControlStep {
        if self.shared.is_finished() {
            return ControlStep::End;
        }

        let normal = self.normal.next(self.shared.sample(Lane::Normal));
        self.carry_out(Lane::Normal, normal);

        let mut slow = ScalingDecision::default();
        if self.shared.options.slow > 0 {
            slow = self.slow.next(self.shared.sample(Lane::Slow));
            self.carry_out(Lane::Slow, slow);
        }

        if normal.saturated {
            self.make_room();
        }

        let check_in = [normal.check_in, slow.check_in].into_iter().flatten().min();
        if self.shared.gate.is_open() {
            return ControlStep::Wait(check_in);
        }
        // The rest of the queue needs workers, and the last worker to leave wakes nothing.
        ControlStep::Wait(Some(check_in.unwrap_or(self.shared.options.grow_after)))
    }

    fn carry_out(&self, lane: Lane, decision: ScalingDecision) {
        let queue = self.shared.queue(lane);
        // Workers that were asked to leave and have not left yet can stay.
        let kept = queue.excess.take(decision.hire);
        for _ in kept..decision.hire {
            // If no thread can be started, the pool continues with its workers and retries later.
            let _ = (self.hire)(lane, queue.workers.register());
        }

        queue.retire(decision.retire);
    }

    /// All places are taken and jobs wait: moves workers with slow jobs to the slow lane, and hires others for their
    /// places.
    fn make_room(&self) {
        let shared = &self.shared;
        let Some(before) = shared.clock.nanos().checked_sub(saturating_nanos(shared.options.slow_after)) else {
            return;
        };

        let room = shared.options.slow.saturating_sub(shared.slow_workers());
        let moved = shared.queue(Lane::Normal).workers.move_slow(before, room);
        let hire = moved.min(shared.queue(Lane::Normal).len());
        self.carry_out(Lane::Normal, ScalingDecision { hire, ..ScalingDecision::default() });
    }
}

impl<J, R> Drop for Control<J, R> {
    fn drop(&mut self) {
        // The control ends when the pool is drained, or is dropped when the pool's tasks are aborted from above. From
        // here on nothing ensures that jobs run, so none may enter.
        self.shared.kill();
    }
}

impl<J, R> PoolState<J, R> {
    /// Closed, with no jobs left to run.
    fn is_finished(&self) -> bool {
        !self.gate.is_open() && self.normal.len() + self.slow.len() == 0
    }

    /// Workers of the slow lane, including moved ones.
    pub(super) fn slow_workers(&self) -> usize {
        self.slow.workers.count().0 + self.normal.workers.count().1
    }

    fn sample(&self, lane: Lane) -> LoadSample {
        let queue = self.queue(lane);
        let (min, max) = match lane {
            Lane::Normal => *self.size.lock(),
            // Moved workers use places of this lane.
            Lane::Slow => (0, self.options.slow.saturating_sub(self.normal.workers.count().1)),
        };

        LoadSample {
            now: Duration::from_nanos(self.clock.nanos()),
            queued: queue.len(),
            taken: queue.workers.sums().taken,
            workers: queue.workers.count().0.saturating_sub(queue.excess.get()),
            idle: queue.idle(),
            min,
            max,
        }
    }
}
