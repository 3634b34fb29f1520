//! A worker: takes a job, runs it, contains its panic, and takes the next one.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::PoolState;
use super::job::{JobError, Lane};
use super::workers::WorkerGuard;

/// Runs jobs until the lane has none for it: as a task, or with `block_on` on its own thread.
pub(super) async fn work<J, R, F>(
    shared: Arc<PoolState<J, R>>,
    lane: Lane,
    guard: WorkerGuard,
    handler: Arc<impl Fn(J) -> F>,
) where
    F: Future<Output = R>,
{
    let queue = shared.queue(lane);
    let mut ended = shared.clock.nanos();
    loop {
        // Between consecutive jobs the clock is read once: it costs more than everything else.
        let (queued, began) = match queue.next_now() {
            Some(queued) => (queued, ended),
            None => match queue.next(&shared.gate, || shared.control.notify_one()).await {
                Some(queued) => (queued, shared.clock.nanos()),
                None => return,
            },
        };

        guard.stats.begin(began);
        let result = contain(|| handler(queued.work)).await;
        ended = shared.clock.nanos();
        guard.stats.end(ended, result.is_err());

        if let Some(reply) = queued.reply {
            // The handle may be gone.
            let _ = reply.send(result.map_err(JobError::Panicked));
        }

        if guard.stats.is_moved() {
            return;
        }

        // Jobs that never wait must not keep a runtime's thread from its other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

/// The output of the future that `make` creates, or the panic message of either.
async fn contain<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, String> {
    // A panicking job leaves only its own state inconsistent: the pool shares nothing with it.
    let future = catch_unwind(AssertUnwindSafe(make)).map_err(|panic| message(&*panic))?;

    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(message(&*panic))),
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
