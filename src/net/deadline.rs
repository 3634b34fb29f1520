//! Deadlines.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use tokio::time::{Instant, timeout_at};

/// The end of an operation with several steps. It is set once and passed on, so that many quick steps cannot exceed
/// it together.
///
/// It is a time of the runtime's clock: monotonic, and moved by `tokio::time::pause` and `advance` in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

/// A runtime that notices the deadline this late may not have seen everything that arrived in time: it gets as long
/// to check again.
const LATE: Duration = Duration::from_millis(20);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineElapsed;

impl Deadline {
    /// `time` from now, at most 30 years.
    pub(crate) fn after(time: Duration) -> Self {
        const FAR: Duration = Duration::from_hours(30 * 365 * 24);
        Self(Instant::now() + time.min(FAR))
    }

    /// The earlier of this deadline and `time` from now.
    pub(crate) fn within(self, time: Duration) -> Self {
        self.min(Self::after(time))
    }

    /// The remaining time; zero once it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// The deadline on the runtime's clock.
    pub(crate) fn instant(self) -> Instant {
        self.0
    }

    /// An extension, if the deadline was noticed so late that results that arrived in time may be unseen.
    pub(crate) fn grace(self) -> Option<Self> {
        let now = Instant::now();
        (now > self.0 + LATE).then(|| Self(now + LATE))
    }

    /// Like [`bound`](Self::bound), for work that waits for a peer from its first poll on. What this process loses between
    /// `begun` and the end of that poll, as when it is stopped, is not the peer's time: the deadline moves by it.
    ///
    /// # Errors
    /// As [`bound`](Self::bound).
    pub(crate) async fn bound_reply<F: Future>(self, begun: Instant, work: F) -> Result<F::Output, DeadlineElapsed> {
        let mut work = pin!(work);
        if let Poll::Ready(output) = poll!(&mut work) {
            return Ok(output);
        }
        Self(self.0 + begun.elapsed()).bound(work).await
    }

    /// Waits for `work` until the deadline. Work that finished in time counts, however late that is noticed.
    ///
    /// # Errors
    /// If the deadline passes first; the work is dropped.
    pub(crate) async fn bound<F: Future>(self, work: F) -> Result<F::Output, DeadlineElapsed> {
        let mut work = pin!(work);
        if let Ok(output) = timeout_at(self.0, &mut work).await {
            return Ok(output);
        }

        let Self(grace) = self.grace().ok_or(DeadlineElapsed)?;
        timeout_at(grace, work).await.map_err(|_| DeadlineElapsed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::yield_now;
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_finished_in_time_counts() {
        let (send, receive) = oneshot::channel();
        let deadline = Deadline::after(Duration::from_secs(1));
        let waiting = tokio::spawn(deadline.bound(receive));
        yield_now().await;
        // The runtime stood still for an hour, and notices the deadline before the reply.
        advance(Duration::from_hours(1)).await;
        yield_now().await;
        send.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(Ok(7)));
    }

    /// A process that stands still before its request leaves takes nothing from the time that the peer has.
    #[tokio::test(start_paused = true)]
    async fn the_time_before_the_request_is_sent_is_not_the_peers() {
        let begun = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(1));
        let replies_after = |millis| async move {
            advance(Duration::from_hours(1)).await;
            sleep(Duration::from_millis(millis)).await;
        };
        assert_eq!(deadline.bound_reply(begun, replies_after(900)).await, Ok(()));

        let (begun, deadline) = (Instant::now(), Deadline::after(Duration::from_secs(1)));
        assert_eq!(deadline.bound_reply(begun, replies_after(1_100)).await, Err(DeadlineElapsed));
        assert_eq!(deadline.bound_reply(begun, std::future::ready(())).await, Ok(()), "a reply that is there counts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes() {
        let deadline = Deadline::after(Duration::from_secs(1));
        let begun = Instant::now();
        assert_eq!(deadline.bound(std::future::pending::<()>()).await, Err(DeadlineElapsed));
        assert!(begun.elapsed() < Duration::from_millis(1_100), "on time there is no grace");
    }
}
