//! The entrance to the writer: a bounded queue of commands, and their answers.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::Span;

use super::api_error::ApiError;
use super::audit::Origin;
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
    /// Who gave them; `None` is the server itself, whose commands are not audited.
    pub(super) origin: Option<Origin>,
    pub(super) answer: oneshot::Sender<WriteReply>,
    /// The span of the request that they belong to.
    pub(super) span: Span,
}

/// The entrance to the writer.
#[derive(Debug)]
pub(super) struct WriteQueue {
    jobs: mpsc::Sender<WriteJob>,
}

impl WriteQueue {
    /// A queue, and its other end.
    pub(super) fn new(length: usize) -> (Self, mpsc::Receiver<WriteJob>) {
        let (jobs, receiver) = mpsc::channel(length);
        (Self { jobs }, receiver)
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
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(WriteJob { commands, origin, answer, span: Span::current() }).map_err(|_| {
            let error = ApiError::unavailable("busy", "too many writes wait for the store");
            error.hint("try again after the time in Retry-After")
        })?;

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
