//! A job and its result.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::park;

type JobResult<R> = Result<R, JobError>;

/// The workers that run a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// The workers between `min` and `max`.
    #[default]
    Normal,
    /// Up to `slow` separate workers: for jobs that are known to take long, so that they do not block normal workers.
    Slow,
}

/// A unit of work, its lane, and the receiver of its result.
#[derive(Debug)]
pub struct Job<J, R> {
    pub(super) queued: QueuedJob<J, R>,
    pub(super) lane: Lane,
}

/// A job as it is queued.
#[derive(Debug)]
pub(super) struct QueuedJob<J, R> {
    pub(super) work: J,
    pub(super) reply: Option<oneshot::Sender<JobResult<R>>>,
}

impl<J, R> Job<J, R> {
    /// A job without a receiver for its result. It costs no allocation.
    pub const fn new(work: J) -> Self {
        Self { queued: QueuedJob { work, reply: None }, lane: Lane::Normal }
    }

    /// A job, and the handle for its result.
    pub fn with_handle(work: J) -> (Self, JobHandle<R>) {
        let (reply, answer) = oneshot::channel();
        (Self { queued: QueuedJob { work, reply: Some(reply) }, lane: Lane::Normal }, JobHandle(answer))
    }

    /// Sets the lane.
    #[must_use]
    pub fn on(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Returns the work unchanged.
    pub fn into_work(self) -> J {
        self.queued.work
    }
}

/// Receives the result of a job: as a future, or on a plain thread with [`wait`](Self::wait).
#[derive(Debug)]
pub struct JobHandle<R>(oneshot::Receiver<JobResult<R>>);

impl<R> JobHandle<R> {
    /// Blocks this thread for the result, at most `deadline`.
    ///
    /// # Errors
    /// Returns the handle if there is no result yet.
    pub fn wait(mut self, deadline: Duration) -> Result<Result<R, JobError>, Self> {
        match park::block_on_for(pin!(&mut self), deadline) {
            Some(answer) => Ok(answer),
            None => Err(self),
        }
    }
}

impl<R> Future for JobHandle<R> {
    type Output = JobResult<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The sender was dropped, so the job will not run.
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(JobError::Aborted)))
    }
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job panicked with this message.
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// The pool was aborted while the job waited or ran.
    #[error("the job was aborted")]
    Aborted,
    /// The pool rejected the job.
    #[error("the job was not accepted: {0}")]
    NotAccepted(SubmitErrorKind),
}

/// Why the pool rejected a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitErrorKind {
    /// The lane's queue was full for as long as the caller waits.
    #[error("the queue is full")]
    Full,
    /// The pool is draining, or has ended.
    #[error("the pool is closed")]
    Closed,
}

/// A rejected job, returned to the caller.
pub struct SubmitError<J, R> {
    /// The job, unchanged.
    pub job: Job<J, R>,
    /// Why it was rejected.
    pub why: SubmitErrorKind,
}

impl<J, R> fmt::Debug for SubmitError<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("why", &self.why).finish_non_exhaustive()
    }
}
