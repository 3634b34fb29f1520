//! A worker: takes a job, runs it, contains its panic, and takes the next.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::Shared;
use super::job::{JobError, Lane};
use super::workers::WorkerGuard;

/// Works until the lane has no more for it. It runs as a task or, by `block_on`, on a thread of its own.
pub(super) async fn work<J, R, F>(
    shared: Arc<Shared<J, R>>,
    lane: Lane,
    seat: WorkerGuard,
    handler: Arc<impl Fn(J) -> F>,
) where
    F: Future<Output = R>,
{
    let queue = shared.queue(lane);
    let mut ended = shared.clock.nanos();
    loop {
        // Between jobs that follow each other the clock is read once: it costs more than all the rest.
        let (parcel, began) = match queue.next_now() {
            Some(parcel) => (parcel, ended),
            None => match queue.next(&shared.gate, || shared.control.notify_one()).await {
                Some(parcel) => (parcel, shared.clock.nanos()),
                None => return,
            },
        };
        seat.tally.begin(began);
        let result = contain(|| handler(parcel.work)).await;
        ended = shared.clock.nanos();
        seat.tally.end(ended, result.is_err());
        if let Some(reply) = parcel.reply {
            // Nobody may wait any more.
            let _ = reply.send(result.map_err(JobError::Panicked));
        }
        if seat.tally.is_moved() {
            return;
        }
        // Jobs that never wait must not keep a runtime's thread from its other tasks.
        tokio::task::coop::consume_budget().await;
    }
}

/// The output of the future that `make` makes, or the message with which one of the two panicked.
async fn contain<F: Future>(make: impl FnOnce() -> F) -> Result<F::Output, String> {
    // What a panicking job leaves half done is its own: the pool shares nothing with it.
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
