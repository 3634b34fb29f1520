//! A bounded pool: between `min` and `max` workers run jobs from bounded queues.

mod control;
mod gate;
mod job;
mod lane;
mod plan;
mod sleepers;
mod stats;
mod worker;
mod workers;

use std::future::{Future, ready};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Clock, DrainReport, Shutdown, park};
use crate::error::{Error, Result};
use control::{Control, Hire};
use gate::Gate;
use job::QueuedJob;
use lane::{Queue, Room};

pub use job::{Job, JobError, JobHandle, Lane, SubmitError, SubmitErrorKind};
pub use stats::PoolStats;

/// The size of a pool, and when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Minimum number of workers of the normal lane; at least 1.
    pub min: usize,
    /// Maximum number of workers of the normal lane; at least `min`.
    pub max: usize,
    /// Maximum number of additional workers of the slow lane; with 0 its jobs run in the normal lane.
    pub slow: usize,
    /// Length of each lane's queue; at least 1.
    pub queue: usize,
    /// The pool grows when a job has waited this long.
    pub grow_after: Duration,
    /// Workers leave when they have been idle this long.
    pub idle_after: Duration,
    /// When all workers are busy and jobs wait, a job that has run this long moves to the slow lane and frees its
    /// place in the normal lane.
    pub slow_after: Duration,
}

impl Default for PoolOptions {
    /// 1 to 64 workers, as many slow ones, queues of 1,024; grows after 10 ms, shrinks after 10 s, moves jobs after
    /// 500 ms.
    fn default() -> Self {
        Self {
            min: 1,
            max: 64,
            slow: 64,
            queue: 1024,
            grow_after: Duration::from_millis(10),
            idle_after: Duration::from_secs(10),
            slow_after: Duration::from_millis(500),
        }
    }
}

/// Runs jobs of type `J` to results of type `R`, as tasks of a runtime or on its own threads.
///
/// A job is passed by value and queued in place: without a [`JobHandle`] it costs no allocation. Jobs of different
/// kinds are boxed closures or futures. The clock is read once per job, which with [`Clock::precise`] takes longer
/// than everything else: use [`Clock::coarse`] for jobs of less than a microsecond, whose mean time is just as true.
/// Dropping the pool aborts it; [`drain`](Self::drain) ends it in order.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::{Clock, Job, JobError, Pool, PoolOptions};
///
/// let pool = Pool::threads(PoolOptions::default(), Clock::precise(), |n: u64| 100 / n)?;
/// let second = Duration::from_secs(1);
/// let (job, handle) = Job::with_handle(4);
/// pool.submit_blocking(job, second).unwrap();
/// assert_eq!(handle.wait(second).unwrap(), Ok(25));
///
/// let (job, handle) = Job::with_handle(0);
/// pool.submit_blocking(job, second).unwrap();
/// assert!(matches!(handle.wait(second).unwrap(), Err(JobError::Panicked(_))));
/// # Ok::<(), portolan::Error>(())
/// ```
#[derive(Debug)]
pub struct Pool<J, R>(Arc<PoolState<J, R>>);

#[derive(Debug)]
struct PoolState<J, R> {
    normal: Queue<J, R>,
    slow: Queue<J, R>,
    gate: Gate,
    /// Wakes the control.
    control: Notify,
    options: PoolOptions,
    /// Minimum and maximum number of workers of the normal lane.
    size: Mutex<(usize, usize)>,
    clock: Clock,
    made_at: Duration,
    /// Jobs that were removed from a queue without running.
    swept: AtomicU64,
    scope: Shutdown,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// A pool whose workers are tasks, for jobs that wait, such as checks and probes. They must not block.
    ///
    /// Its tasks are tracked by `shutdown`, and end when that is aborted. Like `tokio::spawn` it must be called
    /// within a runtime; its timeouts are that runtime's, so [`Clock::runtime`] fits it.
    pub fn tasks<F>(
        shutdown: &Shutdown,
        options: PoolOptions,
        clock: Clock,
        handler: impl Fn(J) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        let shared = PoolState::new(options, clock, shutdown.child());
        let (handler, owner) = (Arc::new(handler), Arc::clone(&shared));
        let hire: Hire = Box::new(move |lane, guard| {
            owner.scope.spawn(worker::work(Arc::clone(&owner), lane, guard, Arc::clone(&handler)));
            Ok(())
        });

        shared.scope.spawn(Control::new(Arc::clone(&shared), hire).run());
        Self(shared)
    }

    /// A pool whose workers are threads, for jobs that block. It needs no runtime.
    ///
    /// A blocking job cannot be aborted: a job that must end soon has to poll its own signal.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn threads(
        options: PoolOptions,
        clock: Clock,
        handler: impl Fn(J) -> R + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = PoolState::new(options, clock, Shutdown::new());
        let handler = Arc::new(move |work| ready(handler(work)));
        let owner = Arc::clone(&shared);
        let hire: Hire = Box::new(move |lane, guard| {
            let (tracked, abort) = (owner.scope.track(), owner.scope.abort_token());
            let work = worker::work(Arc::clone(&owner), lane, guard, Arc::clone(&handler));
            start("pool worker", move || {
                let _tracked = tracked;
                park::block_on(abort.run_until_cancelled_owned(work));
            })
        });

        let (tracked, control) = (shared.scope.track(), Control::new(Arc::clone(&shared), hire));
        start("pool control", move || {
            let _tracked = tracked;
            control.run_blocking();
        })
        .map_err(|error| Error::io("start a thread", error, "raise the process limit"))?;
        Ok(Self(shared))
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Not joined: it is tracked, and draining waits for it.
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

impl<J, R> Pool<J, R> {
    /// Submits a job without waiting for room.
    ///
    /// # Errors
    /// Returns the job if the queue is full or the pool is closed.
    pub fn try_submit(&self, job: Job<J, R>) -> Result<(), SubmitError<J, R>> {
        let Job { queued, lane } = job;
        let outcome = self.0.queue(lane).try_push(&self.0.gate, queued);
        self.accepted(lane, outcome)
    }

    /// Submits a job, and waits for room up to `wait`. Cancelling it drops the job.
    ///
    /// # Errors
    /// Returns the job if there was no room or the pool is closed.
    pub async fn submit(&self, job: Job<J, R>, wait: Duration) -> Result<(), SubmitError<J, R>> {
        let mut rejected = match self.try_submit(job) {
            Err(rejected) if rejected.why == SubmitErrorKind::Full => rejected,
            outcome => return outcome,
        };

        let deadline = Instant::now().checked_add(wait);
        loop {
            let Room { notified, waiting: _waiting } = self.0.queue(rejected.job.lane).room();
            let mut room = pin!(notified);
            // From here on, new room wakes this caller; earlier room is found by one more try.
            room.as_mut().enable();
            rejected = match self.try_submit(rejected.job) {
                Err(rejected) if rejected.why == SubmitErrorKind::Full => rejected,
                outcome => return outcome,
            };

            match deadline {
                None => room.await,
                Some(deadline) if timeout_at(deadline, room).await.is_err() => return Err(rejected),
                Some(_) => {}
            }
        }
    }

    /// Submits a job from a plain thread, which blocks for room up to `wait`.
    ///
    /// # Errors
    /// Returns the job if there was no room or the pool is closed.
    pub fn submit_blocking(&self, job: Job<J, R>, wait: Duration) -> Result<(), SubmitError<J, R>> {
        let Job { queued, lane } = job;
        let outcome = self.0.queue(lane).push_blocking(&self.0.gate, queued, wait);
        self.accepted(lane, outcome)
    }

    /// Submits a job, waiting for room up to `wait`, and waits for its result without limit.
    ///
    /// # Errors
    /// If the job was not accepted, panicked or was aborted.
    pub async fn run(&self, work: J, wait: Duration) -> Result<R, JobError> {
        let (job, handle) = Job::with_handle(work);
        self.submit(job, wait).await.map_err(|rejected| JobError::NotAccepted(rejected.why))?;
        handle.await
    }

    fn accepted(
        &self,
        lane: Lane,
        outcome: Result<(), (QueuedJob<J, R>, SubmitErrorKind)>,
    ) -> Result<(), SubmitError<J, R>> {
        let shared = &self.0;
        outcome.map_err(|(queued, why)| SubmitError { job: Job { queued, lane }, why })?;
        shared.gate.after_push(|| shared.sweep());

        if lane == Lane::Slow {
            // The slow lane may have no worker yet that could wake the control.
            shared.control.notify_one();
        }
        Ok(())
    }

    /// Sets the minimum and maximum number of workers of the normal lane. Excess workers leave after their job.
    pub fn resize(&self, min: usize, max: usize) {
        *self.0.size.lock() = size(min, max);
        self.0.control.notify_one();
    }

    /// Statistics of the pool.
    pub fn stats(&self) -> PoolStats {
        let shared = &self.0;
        let mut stats = PoolStats {
            at: shared.clock.now().saturating_sub(shared.made_at),
            workers: shared.normal.workers.count().0,
            slow_workers: shared.slow_workers(),
            queued: shared.normal.len(),
            slow_queued: shared.slow.len(),
            aborted: shared.swept.load(Ordering::Relaxed),
            ..PoolStats::default()
        };

        shared.normal.workers.sums().add_to(&mut stats);
        shared.slow.workers.sums().add_to(&mut stats);
        stats
    }

    /// Rejects new jobs, runs the queued ones until `deadline`, and then aborts: queued jobs are dropped, tasks are
    /// dropped where they wait, threads leave after their job. Every handle gets a result.
    ///
    /// Aborted jobs are in [`stats`](Self::stats); the report counts workers, and the pool's control as one.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        self.0.close();
        let drained = self.0.scope.drain(deadline).await;
        self.0.kill();
        drained
    }

    /// [`drain`](Self::drain) on a plain thread, without a runtime.
    pub fn drain_blocking(&self, deadline: Duration) -> DrainReport {
        self.0.close();
        let drained = self.0.scope.drain_blocking(deadline);
        self.0.kill();
        drained
    }
}

impl<J, R> Drop for Pool<J, R> {
    fn drop(&mut self) {
        self.0.close();
        self.0.scope.abort();
        self.0.kill();
    }
}

impl<J, R> PoolState<J, R> {
    fn new(options: PoolOptions, clock: Clock, scope: Shutdown) -> Arc<Self> {
        Arc::new(Self {
            normal: Queue::new(options.queue),
            slow: Queue::new(options.queue),
            gate: Gate::new(),
            control: Notify::new(),
            size: Mutex::new(size(options.min, options.max)),
            made_at: clock.now(),
            options,
            clock,
            swept: AtomicU64::new(0),
            scope,
        })
    }

    fn queue(&self, lane: Lane) -> &Queue<J, R> {
        match lane {
            Lane::Slow if self.options.slow > 0 => &self.slow,
            _ => &self.normal,
        }
    }

    fn close(&self) {
        self.gate.close();
        self.normal.wake_all();
        self.slow.wake_all();
        self.control.notify_one();
    }

    fn kill(&self) {
        self.gate.kill(|| self.sweep());
        self.control.notify_one();
    }

    fn sweep(&self) {
        self.swept.fetch_add(self.normal.sweep() + self.slow.sweep(), Ordering::Relaxed);
    }
}

fn size(min: usize, max: usize) -> (usize, usize) {
    let min = min.max(1);
    (min, max.max(min))
}
