//! A job on its way in, and its result on the way back.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::park;

type JobResult<R> = Result<R, JobError>;

/// Which workers run a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// The workers between `min` and `max`.
    #[default]
    Normal,
    /// Up to `slow` workers of their own: for what is known to take long, so that it fills no normal worker's place.
    Slow,
}

/// A piece of work, where to run it, and whether anyone waits for its result.
#[derive(Debug)]
pub struct Job<J, R> {
    pub(super) parcel: QueuedJob<J, R>,
    pub(super) lane: Lane,
}

/// What lies in the queue.
#[derive(Debug)]
pub(super) struct QueuedJob<J, R> {
    pub(super) work: J,
    pub(super) reply: Option<oneshot::Sender<JobResult<R>>>,
}

impl<J, R> Job<J, R> {
    /// A job whose result nobody waits for. It costs no allocation.
    pub const fn new(work: J) -> Self {
        Self { parcel: QueuedJob { work, reply: None }, lane: Lane::Normal }
    }

    /// A job, and the ticket for its result.
    pub fn with_ticket(work: J) -> (Self, JobHandle<R>) {
        let (reply, answer) = oneshot::channel();
        (Self { parcel: QueuedJob { work, reply: Some(reply) }, lane: Lane::Normal }, JobHandle(answer))
    }

    /// The same job for another lane.
    #[must_use]
    pub fn on(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The work, as it was handed in.
    pub fn into_work(self) -> J {
        self.parcel.work
    }
}

/// Waits for the result of a job: as a future, or on a plain thread by [`wait`](Self::wait).
#[derive(Debug)]
pub struct JobHandle<R>(oneshot::Receiver<JobResult<R>>);

impl<R> JobHandle<R> {
    /// Blocks this thread for the result, at most `deadline`.
    ///
    /// # Errors
    /// The ticket itself when there is no result yet.
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
        // A reply that was dropped belonged to a job that nobody will run.
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(JobError::Aborted)))
    }
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// It panicked, with this message.
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// The pool was aborted while the job waited or ran.
    #[error("the job was aborted")]
    Aborted,
    /// The pool did not take it.
    #[error("the job was not accepted: {0}")]
    NotAccepted(SubmitErrorKind),
}

/// Why the pool did not take a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitErrorKind {
    /// The lane's queue is full, and was for as long as the caller would wait.
    #[error("the queue is full")]
    Full,
    /// The pool is draining, or has ended.
    #[error("the pool is closed")]
    Closed,
}

/// A job that was not accepted, given back.
pub struct SubmitError<J, R> {
    /// The job, unchanged.
    pub job: Job<J, R>,
    /// Why it was not accepted.
    pub why: SubmitErrorKind,
}

impl<J, R> fmt::Debug for SubmitError<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("why", &self.why).finish_non_exhaustive()
    }
}
