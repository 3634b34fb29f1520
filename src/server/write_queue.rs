//! The entrance to the writer: a bounded queue of commands, and their answers.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use tracing::Span;

use super::api_error::ApiError;
use super::audit::Origin;
use super::write_room::WriteRoom;
use crate::model::RegisteredInstance;
use crate::registry::{Command, CommandRejection, ConfigVersion};

/// How long a caller waits for its answer. A disk that takes longer has a fault.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What became of a command.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteResult {
    /// Whether it added an instance.
    pub(super) is_new: bool,
    /// What the sender should know.
    pub(super) warnings: Vec<String>,
    /// The instance as the command left it. Another may have changed or removed it since.
    pub(super) instance: Option<RegisteredInstance>,
    /// The newest version of the configuration that the command is about.
    pub(super) config: Option<Arc<ConfigVersion>>,
}

/// What a caller reads: what became of each command.
pub(super) type WriteReply = Result<Vec<Result<WriteResult, CommandRejection>>, ApiError>;

/// Commands that are carried out together, and who waits for them.
pub(super) struct WriteJob {
    pub(super) commands: Vec<Command>,
    /// Whether none is carried out if one is rejected, except for one about an instance that is not there.
    pub(super) is_whole: bool,
    /// Who gave them; `None` is the server itself, whose commands are not audited.
    pub(super) origin: Option<Origin>,
    pub(super) answer: oneshot::Sender<WriteReply>,
    /// The span of the request that they belong to.
    pub(super) span: Span,
    /// What they take of the room for commands that wait; the server's own take none.
    _room: Option<OwnedSemaphorePermit>,
}

impl WriteJob {
    /// Commands of the server itself, without a caller that waits for them.
    pub(super) fn of_server(commands: Vec<Command>) -> Self {
        let (answer, _) = oneshot::channel();
        Self { commands, is_whole: false, origin: None, answer, span: Span::none(), _room: None }
    }

    /// Whether a caller still waits for the answer. One that left was told nothing, so that nothing needs to be written.
    pub(super) fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }
}

/// The next job in the queue whose caller still waits.
pub(super) fn next_awaited(jobs: &mut mpsc::Receiver<WriteJob>) -> Option<WriteJob> {
    loop {
        let job = jobs.try_recv().ok()?;
        if job.is_awaited() {
            return Some(job);
        }
    }
}

/// The entrance to the writer.
#[derive(Debug)]
pub(super) struct WriteQueue {
    jobs: mpsc::Sender<WriteJob>,
    room: WriteRoom,
}

impl WriteQueue {
    /// A queue, and its other end.
    pub(super) fn new(length: usize) -> (Self, mpsc::Receiver<WriteJob>) {
        let (jobs, receiver) = mpsc::channel(length);
        (Self { jobs, room: WriteRoom::new() }, receiver)
    }

    /// The number of jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Carries out commands in one commit, each with an outcome of its own.
    ///
    /// # Errors
    /// None of them could be kept.
    pub(super) async fn all(&self, commands: Vec<Command>, origin: Option<Origin>) -> WriteReply {
        self.send(commands, origin, false).await
    }

    /// Carries out commands, or none if one is rejected, except for one about an instance that is not there.
    ///
    /// # Errors
    /// None of them could be kept.
    pub(super) async fn together(&self, commands: Vec<Command>, origin: Option<Origin>) -> WriteReply {
        self.send(commands, origin, true).await
    }

    async fn send(&self, commands: Vec<Command>, origin: Option<Origin>, is_whole: bool) -> WriteReply {
        let (answer, answered) = oneshot::channel();
        let room = match origin {
            Some(_) => Some(self.room.take(&commands).ok_or_else(busy)?),
            // The parts of the server have one batch in the queue at a time.
            None => None,
        };
        let is_whole = is_whole && commands.len() > 1;
        let job = WriteJob { commands, is_whole, origin, answer, span: Span::current(), _room: room };
        self.jobs.try_send(job).map_err(|_| busy())?;

        match timeout(MAX_WAIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ApiError::unavailable("stopping", "the server stops")),
            Err(_) => {
                let message = format!("the store did not answer within {} s", MAX_WAIT.as_secs());
                Err(ApiError::unavailable("store_slow", message)
                    .hint("read whether it was written before you try again"))
            }
        }
    }
}

fn busy() -> ApiError {
    let error = ApiError::unavailable("busy", "too many writes wait for the store");
    error.hint("try again after the time in Retry-After")
}

impl From<CommandRejection> for ApiError {
    fn from(rejected: CommandRejection) -> Self {
        let status = match &rejected {
            CommandRejection::UnknownInstance { .. }
            | CommandRejection::StaleGeneration { .. }
            | CommandRejection::UnknownConfig { .. }
            | CommandRejection::UnknownConfigVersion { .. }
            | CommandRejection::UnknownService { .. }
            | CommandRejection::UnknownHost { .. } => StatusCode::NOT_FOUND,
            CommandRejection::IdTaken { .. }
            | CommandRejection::Imported { .. }
            | CommandRejection::InstanceLimit { .. }
            | CommandRejection::RegistryFull { .. }
            | CommandRejection::ConfigLimit { .. }
            | CommandRejection::ConfigSpace { .. }
            | CommandRejection::TrafficLimit { .. }
            | CommandRejection::HostLimit { .. }
            | CommandRejection::DriftSpace { .. }
            | CommandRejection::NoTarget { .. }
            | CommandRejection::ShiftActive { .. }
            | CommandRejection::NoShift { .. } => StatusCode::CONFLICT,
            CommandRejection::ConfigConflict { .. } => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        };
        let error = Self::new(status, rejected.code(), rejected.to_string()).hint(rejected.hint());

        match rejected.field() {
            Some(field) => error.field(field),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::model::Registration;

    fn bulk(tag_count: usize) -> Vec<Command> {
        let mut registration = Registration::new("web", "10.0.0.1:80".parse().unwrap()).id("i1");
        registration.tags = (0..tag_count).map(|tag| tag.to_string()).collect();
        vec![Command::Register(Arc::new(registration))]
    }

    /// Sends commands, and leaves without waiting for the answer.
    async fn send(queue: &WriteQueue, commands: Vec<Command>) -> Option<WriteReply> {
        timeout(Duration::ZERO, queue.all(commands, Some(Origin::unknown()))).await.ok()
    }

    #[tokio::test]
    async fn commands_of_callers_that_left_are_not_carried_out() {
        let (queue, mut jobs) = WriteQueue::new(10);
        assert!(send(&queue, bulk(1)).await.is_none());
        let mut waits = pin!(queue.all(bulk(2), Some(Origin::unknown())));
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err());

        let job = next_awaited(&mut jobs).unwrap();
        assert_eq!(job.commands, bulk(2));
        assert!(next_awaited(&mut jobs).is_none());
        drop(job.answer.send(Ok(Vec::new())));
        assert!(waits.await.is_ok());
    }

    #[tokio::test]
    async fn few_jobs_with_many_texts_fill_the_queue_until_they_are_carried_out() {
        let (queue, mut jobs) = WriteQueue::new(1_000);
        let mut sent = 0;
        let refused = loop {
            match send(&queue, bulk(100_000)).await {
                Some(answer) => break answer,
                None => sent += 1,
            }
        };
        assert_eq!(refused.unwrap_err().code, "busy");
        assert!((10..100).contains(&sent), "{sent}");

        // The server's own commands are no part of it, and what was taken out makes room.
        assert!(timeout(Duration::ZERO, queue.all(bulk(1), None)).await.is_err());
        drop(jobs.recv().await);
        assert!(send(&queue, bulk(100_000)).await.is_none());
    }
}
