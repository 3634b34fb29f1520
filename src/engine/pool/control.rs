//! The control of a pool: the one place that hires, retires and moves workers.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Shared;
use super::job::Lane;
use super::plan::{LoadSample, ScalingDecision, ScalingPolicy};
use super::workers::WorkerGuard;
use crate::engine::clock::saturating_nanos;
use crate::engine::park;

/// Starts a worker in a seat.
pub(super) type Hire = Box<dyn Fn(Lane, WorkerGuard) -> io::Result<()> + Send>;

pub(super) struct Control<J, R> {
    shared: Arc<Shared<J, R>>,
    hire: Hire,
    normal: ScalingPolicy,
    slow: ScalingPolicy,
}

/// What the control does until its next step.
enum ControlStep {
    /// Waits to be called, at most so long.
    Wait(Option<Duration>),
    End,
}

impl<J, R> Control<J, R> {
    pub(super) fn new(shared: Arc<Shared<J, R>>, hire: Hire) -> Self {
        let plan = || ScalingPolicy::new(shared.options.grow_after, shared.options.idle_after);
        Self { normal: plan(), slow: plan(), shared, hire }
    }

    /// Controls a pool of tasks.
    pub(super) async fn run(mut self) {
        loop {
            match self.step() {
                ControlStep::End => return,
                ControlStep::Wait(None) => self.shared.control.notified().await,
                // Called or not, it looks again.
                ControlStep::Wait(Some(at_most)) => drop(timeout(at_most, self.shared.control.notified()).await),
            }
        }
    }

    /// Controls a pool of threads, on one of its own.
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
        if self.shared.is_done() {
            return ControlStep::End;
        }
        let normal = self.normal.next(self.shared.seen(Lane::Normal));
        self.carry_out(Lane::Normal, normal);
        let mut slow = ScalingDecision::default();
        if self.shared.options.slow > 0 {
            slow = self.slow.next(self.shared.seen(Lane::Slow));
            self.carry_out(Lane::Slow, slow);
        }
        if normal.saturated {
            self.make_room();
        }
        let look_in = [normal.look_in, slow.look_in].into_iter().flatten().min();
        if self.shared.gate.is_open() {
            return ControlStep::Wait(look_in);
        }
        // The rest of the queue needs workers, and the last one to leave calls nobody.
        ControlStep::Wait(Some(look_in.unwrap_or(self.shared.options.grow_after)))
    }

    fn carry_out(&self, lane: Lane, orders: ScalingDecision) {
        let queue = self.shared.queue(lane);
        // Who was told to leave and has not yet gone may as well stay.
        let kept = queue.surplus.take(orders.hire);
        for _ in kept..orders.hire {
            // Without memory for one more thread the pool goes on with those it has, and tries again later.
            let _ = (self.hire)(lane, queue.crew.seat());
        }
        queue.retire(orders.retire);
    }

    /// Every place is taken and jobs wait: workers whose job is slow go to the slow lane with it, and others take
    /// their places.
    fn make_room(&self) {
        let shared = &self.shared;
        let Some(before) = shared.clock.nanos().checked_sub(saturating_nanos(shared.options.slow_after)) else {
            return;
        };
        let room = shared.options.slow.saturating_sub(shared.slow_workers());
        let moved = shared.queue(Lane::Normal).crew.move_slow(before, room);
        let hire = moved.min(shared.queue(Lane::Normal).len());
        self.carry_out(Lane::Normal, ScalingDecision { hire, ..ScalingDecision::default() });
    }
}

impl<J, R> Drop for Control<J, R> {
    fn drop(&mut self) {
        // It ends when the pool is drained, or is dropped when the pool's tasks are aborted from above: from here on
        // nobody sees to it that jobs are run, so none may come in.
        self.shared.kill();
    }
}

impl<J, R> Shared<J, R> {
    /// Closed, and nothing left to run.
    fn is_done(&self) -> bool {
        !self.gate.is_open() && self.normal.len() + self.slow.len() == 0
    }

    /// Workers of the slow lane, and those that were moved there.
    pub(super) fn slow_workers(&self) -> usize {
        self.slow.crew.count().0 + self.normal.crew.count().1
    }

    fn seen(&self, lane: Lane) -> LoadSample {
        let queue = self.queue(lane);
        let (min, max) = match lane {
            Lane::Normal => *self.size.lock(),
            // Moved workers take places of this lane.
            Lane::Slow => (0, self.options.slow.saturating_sub(self.normal.crew.count().1)),
        };
        LoadSample {
            now: Duration::from_nanos(self.clock.nanos()),
            queued: queue.len(),
            taken: queue.crew.sums().taken,
            workers: queue.crew.count().0.saturating_sub(queue.surplus.get()),
            idle: queue.idle(),
            min,
            max,
        }
    }
}
