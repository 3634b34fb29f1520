//! One cancellation tree: a stop request flows down, and its sender can wait until everything below has ended.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Cancel, park};

/// How long [`Shutdown::drain`] waits, after it has aborted, for tasks to be dropped. A task is dropped at its next
/// await point, so only one that blocks its thread takes longer.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// A node of the cancellation tree: stops with its parent, and tracks its own tasks and those of every node below.
///
/// Stopping has two steps. [`stop`](Self::stop) *asks*: tasks see [`stopping`](Self::stopping) and finish what they
/// hold. [`abort`](Self::abort) *takes*: the futures are dropped where they wait. [`drain`](Self::drain) does one after
/// the other. Clones are the same node.
///
/// ```
/// use std::time::Duration;
/// use portolan::engine::Shutdown;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let root = Shutdown::new();
/// let watcher = root.child();
/// let stop = watcher.clone();
/// watcher.spawn(async move { stop.stopping().await });
/// assert!(root.drain(Duration::from_secs(1)).await.is_clean());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Node>);

#[derive(Debug)]
struct Node {
    stop: Cancel,
    abort: CancellationToken,
    tasks: TaskTracker,
    parent: Option<Shutdown>,
    cause: Arc<OnceLock<Signal>>,
}

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGHUP: the terminal was closed, or the connection to it lost.
    HangUp,
    /// SIGINT: Ctrl-C at the terminal.
    Interrupt,
    /// SIGTERM: the service manager's or the container runtime's request.
    Terminate,
}

/// How a [`Shutdown::drain`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct DrainReport {
    /// Tasks that had not ended by the deadline and were aborted.
    pub aborted: usize,
    /// Of those, the ones that still had not ended a second later: they block a thread, and nothing can end them.
    pub left: usize,
}

impl DrainReport {
    /// Whether every task ended by itself.
    pub const fn is_clean(self) -> bool {
        self.aborted == 0
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// The root of a new tree. It catches no signals: the program that does hands them to [`stop_by`](Self::stop_by).
    pub fn new() -> Self {
        Self(Arc::new(Node {
            stop: Cancel::new(),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
            parent: None,
            cause: Arc::default(),
        }))
    }

    /// A node below this one, which can also be stopped and drained alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Node {
            stop: self.0.stop.child(),
            abort: self.0.abort.child_token(),
            tasks: TaskTracker::new(),
            parent: Some(self.clone()),
            cause: Arc::clone(&self.0.cause),
        }))
    }

    /// Asks everything here and below to finish.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Drops every tracked future here and below where it waits, and asks the rest to finish.
    pub fn abort(&self) {
        self.0.stop.cancel();
        self.0.abort.cancel();
    }

    /// Whether it was asked to finish.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_set()
    }

    /// Waits until it is asked to finish.
    pub async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    /// The token behind [`stopping`](Self::stopping), for code that takes one.
    pub fn cancel(&self) -> Cancel {
        self.0.stop.clone()
    }

    /// The signal that stopped the tree, when it was one.
    pub fn cause(&self) -> Option<Signal> {
        self.0.cause.get().copied()
    }

    /// Asks the tree to finish because of `signal`; the first one is its [`cause`](Self::cause).
    pub fn stop_by(&self, signal: Signal) {
        // A second signal does not change why the tree stopped.
        let _ = self.0.cause.set(signal);
        self.stop();
    }

    /// Spawns a tracked task; its handle yields `None` when the task was aborted.
    ///
    /// Like `tokio::spawn` it must be called within a tokio runtime.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let tracked = self.track();
        let abort = self.0.abort.clone();
        // Each of the two layers around it would otherwise hold a place of its size beside the one it runs in.
        let future = Box::pin(future);
        tokio::spawn(async move {
            // Declared first, so dropped last: the task counts until its future is gone.
            let _tracked = tracked;
            abort.run_until_cancelled_owned(future).await
        })
    }

    /// Counts as a task until it is dropped: for threads, which cannot be spawned here.
    pub fn track(&self) -> TrackedTask {
        let mut tokens = Vec::with_capacity(2);
        let mut node = Some(self);
        while let Some(Self(inner)) = node {
            tokens.push(inner.tasks.token());
            node = inner.parent.as_ref();
        }
        TrackedTask { _tokens: tokens }
    }

    /// How many tasks run here and below.
    pub fn tasks(&self) -> usize {
        self.0.tasks.len()
    }

    /// Asks everything here and below to finish, waits for it up to `deadline`, and aborts what is left then.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        self.stop();
        self.0.tasks.close();
        if timeout(deadline, self.0.tasks.wait()).await.is_ok() {
            return DrainReport { aborted: 0, left: 0 };
        }
        let aborted = self.abort_counted();
        // It times out only when something is left, and that is counted next.
        let _ = timeout(ABORT_GRACE, self.0.tasks.wait()).await;
        DrainReport { aborted, left: self.tasks() }
    }

    /// [`drain`](Self::drain) on a plain thread, without a runtime.
    pub fn drain_blocking(&self, deadline: Duration) -> DrainReport {
        self.stop();
        self.0.tasks.close();
        if park::block_on_for(pin!(self.0.tasks.wait()), deadline).is_some() {
            return DrainReport { aborted: 0, left: 0 };
        }
        let aborted = self.abort_counted();
        let _ = park::block_on_for(pin!(self.0.tasks.wait()), ABORT_GRACE);
        DrainReport { aborted, left: self.tasks() }
    }

    fn abort_counted(&self) -> usize {
        let aborted = self.tasks();
        self.abort();
        aborted
    }

    /// The token behind [`abort`](Self::abort), for threads that wait on futures.
    pub(crate) fn abort_token(&self) -> CancellationToken {
        self.0.abort.clone()
    }
}

/// A mark that something runs; see [`Shutdown::track`].
#[derive(Debug)]
pub struct TrackedTask {
    _tokens: Vec<TaskTrackerToken>,
}
