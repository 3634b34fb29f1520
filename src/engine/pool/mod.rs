//! A bounded pool: workers between a least and a greatest number run jobs from bounded queues.

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

/// How large a pool is, and when it changes its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// The fewest workers of the normal lane; at least 1.
    pub min: usize,
    /// The most workers of the normal lane; at least `min`.
    pub max: usize,
    /// The most workers of the slow lane, beside the others; 0: there is none, and its jobs run in the normal lane.
    pub slow: usize,
    /// The length of each lane's queue; at least 1.
    pub queue: usize,
    /// A job that waits longer than this makes the pool grow.
    pub grow_after: Duration,
    /// Workers that were idle for this long leave.
    pub idle_after: Duration,
    /// When every worker is taken and jobs wait, a job that has run for this long goes over to the slow lane, and its
    /// place in the normal lane is free.
    pub slow_after: Duration,
}

impl Default for PoolOptions {
    /// 1 to 64 workers, as many slow ones, queues of 1,024; grows after 10 ms, shrinks after 10 s, slow is 500 ms.
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

/// Runs jobs of type `J` to results of type `R`, as tasks of a runtime or on threads of its own.
///
/// A job is handed in by value and lies in the queue as it is: without a [`JobHandle`] it costs no allocation. Jobs of
/// unlike kinds are boxed closures or futures. The clock is read once for each job, which takes [`Clock::precise`] longer
/// than all the rest: jobs of less than a microsecond want [`Clock::coarse`], by which the mean time is as true. Dropping the pool aborts it; [`drain`](Self::drain) ends it in order.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::{Clock, Job, JobError, Pool, PoolOptions};
///
/// let pool = Pool::threads(PoolOptions::default(), Clock::precise(), |n: u64| 100 / n)?;
/// let second = Duration::from_secs(1);
/// let (job, ticket) = Job::with_ticket(4);
/// pool.submit_blocking(job, second).unwrap();
/// assert_eq!(ticket.wait(second).unwrap(), Ok(25));
///
/// let (job, ticket) = Job::with_ticket(0);
/// pool.submit_blocking(job, second).unwrap();
/// assert!(matches!(ticket.wait(second).unwrap(), Err(JobError::Panicked(_))));
/// # Ok::<(), portolan::Error>(())
/// ```
#[derive(Debug)]
pub struct Pool<J, R>(Arc<Shared<J, R>>);

#[derive(Debug)]
struct Shared<J, R> {
    normal: Queue<J, R>,
    slow: Queue<J, R>,
    gate: Gate,
    /// Calls the control to look.
    control: Notify,
    options: PoolOptions,
    /// Least and most workers of the normal lane.
    size: Mutex<(usize, usize)>,
    clock: Clock,
    made_at: Duration,
    /// Jobs that were taken out of a queue unrun.
    swept: AtomicU64,
    scope: Shutdown,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// A pool whose workers are tasks: for jobs that wait, like checks and probes. They must not block.
    ///
    /// Its tasks are tracked by `shutdown`, and end when that is aborted. Like `tokio::spawn` it must be called within
    /// a runtime; its time-outs are that runtime's, so [`Clock::runtime`] fits it.
    pub fn tasks<F>(
        shutdown: &Shutdown,
        options: PoolOptions,
        clock: Clock,
        handler: impl Fn(J) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        let shared = Shared::new(options, clock, shutdown.child());
        let (handler, hirer) = (Arc::new(handler), Arc::clone(&shared));
        let hire: Hire = Box::new(move |lane, seat| {
            hirer.scope.spawn(worker::work(Arc::clone(&hirer), lane, seat, Arc::clone(&handler)));
            Ok(())
        });
        shared.scope.spawn(Control::new(Arc::clone(&shared), hire).run());
        Self(shared)
    }

    /// A pool whose workers are threads: for jobs that block. It needs no runtime.
    ///
    /// A job that blocks cannot be aborted: what must end soon has to look at a signal of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn threads(
        options: PoolOptions,
        clock: Clock,
        handler: impl Fn(J) -> R + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = Shared::new(options, clock, Shutdown::new());
        let handler = Arc::new(move |work| ready(handler(work)));
        let hirer = Arc::clone(&shared);
        let hire: Hire = Box::new(move |lane, seat| {
            let (tracked, abort) = (hirer.scope.track(), hirer.scope.abort_token());
            let work = worker::work(Arc::clone(&hirer), lane, seat, Arc::clone(&handler));
            start("pool worker", move || {
                let _tracked = tracked;
                park::block_on(abort.run_until_cancelled_owned(work));
            })
        });
        let (tracked, control) = (shared.scope.track(), Control::new(Arc::clone(&shared), hire));
        let run = move || {
            let _tracked = tracked;
            control.run_blocking();
        };
        start("pool control", run)
            .map_err(|error| Error::io("start a thread", error, "raise the limit of processes"))?;
        Ok(Self(shared))
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Not joined: it is tracked, and draining waits for that.
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

impl<J, R> Pool<J, R> {
    /// Hands in a job without waiting for room.
    ///
    /// # Errors
    /// Gives the job back when the queue is full or the pool is closed.
    pub fn try_submit(&self, job: Job<J, R>) -> Result<(), SubmitError<J, R>> {
        let Job { parcel, lane } = job;
        let outcome = self.0.queue(lane).try_push(&self.0.gate, parcel);
        self.accepted(lane, outcome)
    }

    /// Hands in a job, and waits for room up to `wait`. Cancelling it drops the job.
    ///
    /// # Errors
    /// Gives the job back when there was no room, or the pool is closed.
    pub async fn submit(&self, job: Job<J, R>, wait: Duration) -> Result<(), SubmitError<J, R>> {
        let mut refused = match self.try_submit(job) {
            Err(refused) if refused.why == SubmitErrorKind::Full => refused,
            outcome => return outcome,
        };
        let deadline = Instant::now().checked_add(wait);
        loop {
            let Room { notified, waiting: _waiting } = self.0.queue(refused.job.lane).room();
            let mut room = pin!(notified);
            // Room that comes from here on wakes this caller; what came before is seen by one more try.
            room.as_mut().enable();
            refused = match self.try_submit(refused.job) {
                Err(refused) if refused.why == SubmitErrorKind::Full => refused,
                outcome => return outcome,
            };
            match deadline {
                None => room.await,
                Some(deadline) if timeout_at(deadline, room).await.is_err() => return Err(refused),
                Some(_) => {}
            }
        }
    }

    /// Hands in a job from a plain thread, which it blocks up to `wait` for room.
    ///
    /// # Errors
    /// Gives the job back when there was no room, or the pool is closed.
    pub fn submit_blocking(&self, job: Job<J, R>, wait: Duration) -> Result<(), SubmitError<J, R>> {
        let Job { parcel, lane } = job;
        let outcome = self.0.queue(lane).push_blocking(&self.0.gate, parcel, wait);
        self.accepted(lane, outcome)
    }

    /// Hands in a job, waiting for room up to `wait`, and waits for its result for as long as it takes.
    ///
    /// # Errors
    /// When the job was not accepted, panicked or was aborted.
    pub async fn run(&self, work: J, wait: Duration) -> Result<R, JobError> {
        let (job, ticket) = Job::with_ticket(work);
        self.submit(job, wait).await.map_err(|refused| JobError::NotAccepted(refused.why))?;
        ticket.await
    }

    fn accepted(
        &self,
        lane: Lane,
        outcome: Result<(), (QueuedJob<J, R>, SubmitErrorKind)>,
    ) -> Result<(), SubmitError<J, R>> {
        let shared = &self.0;
        outcome.map_err(|(parcel, why)| SubmitError { job: Job { parcel, lane }, why })?;
        shared.gate.after_push(|| shared.sweep());
        if lane == Lane::Slow {
            // The slow lane may have no worker yet that could call.
            shared.control.notify_one();
        }
        Ok(())
    }

    /// Sets the least and the most workers of the normal lane. Superfluous ones leave when their job is done.
    pub fn resize(&self, min: usize, max: usize) {
        *self.0.size.lock() = size(min, max);
        self.0.control.notify_one();
    }

    /// What the pool did and does.
    pub fn stats(&self) -> PoolStats {
        let shared = &self.0;
        let mut stats = PoolStats {
            at: shared.clock.now().saturating_sub(shared.made_at),
            workers: shared.normal.crew.count().0,
            slow_workers: shared.slow_workers(),
            queued: shared.normal.len(),
            slow_queued: shared.slow.len(),
            aborted: shared.swept.load(Ordering::Relaxed),
            ..PoolStats::default()
        };
        shared.normal.crew.sums().add_to(&mut stats);
        shared.slow.crew.sums().add_to(&mut stats);
        stats
    }

    /// Takes no more jobs, runs the queued ones up to `deadline`, and then aborts: queued jobs are dropped, tasks are
    /// dropped where they wait, threads leave after their job. Every ticket gets an answer.
    ///
    /// What was aborted is in [`stats`](Self::stats); the answer counts workers, and the pool's own control as one.
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

impl<J, R> Shared<J, R> {
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
