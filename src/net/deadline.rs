//! A point in time after which nobody waits any more.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When everything that belongs together has to be over. It is set once and handed on, so that no number of steps,
/// each quick enough, adds up to more.
///
/// It is a time of the runtime's clock: monotonic, and what `tokio::time::pause` and `advance` move in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

/// A runtime that notices the end so late may not have seen all that came before it: it gets as long to look again.
const LATE: Duration = Duration::from_millis(20);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineElapsed;

impl Deadline {
    /// In `time` from now. What is further off than 30 years is that.
    pub(crate) fn after(time: Duration) -> Self {
        const FAR: Duration = Duration::from_hours(30 * 365 * 24);
        Self(Instant::now() + time.min(FAR))
    }

    /// This one, or in `time` from now if that is sooner.
    pub(crate) fn within(self, time: Duration) -> Self {
        self.min(Self::after(time))
    }

    /// What is left of it; zero when it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it is over.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// The same on the runtime's clock.
    pub(crate) fn instant(self) -> Instant {
        self.0
    }

    /// Until when to go on, where it is noticed so late that it passed that what came in time may not have been seen.
    pub(crate) fn grace(self) -> Option<Self> {
        let now = Instant::now();
        (now > self.0 + LATE).then(|| Self(now + LATE))
    }

    /// Waits for `work`, but no longer than this. What was done in time counts, however late it is noticed.
    ///
    /// # Errors
    /// When it passed first; the work is dropped.
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
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_came_in_time_counts_however_late_it_is_noticed() {
        let (send, receive) = oneshot::channel();
        let deadline = Deadline::after(Duration::from_secs(1));
        let waiting = tokio::spawn(deadline.bound(receive));
        yield_now().await;
        // Nobody had a turn for an hour, and the deadline is noticed before the answer is.
        advance(Duration::from_hours(1)).await;
        yield_now().await;
        send.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(Ok(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes() {
        let deadline = Deadline::after(Duration::from_secs(1));
        let begun = Instant::now();
        assert_eq!(deadline.bound(std::future::pending::<()>()).await, Err(DeadlineElapsed));
        assert!(begun.elapsed() < Duration::from_millis(1_100), "on time there is no grace");
    }
}
