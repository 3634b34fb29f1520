//! A point in time after which nobody waits any more.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When everything that belongs together has to be over. It is set once and handed on, so that no number of steps,
/// each quick enough, adds up to more.
///
/// It is a time of the runtime's clock: monotonic, and what `tokio::time::pause` and `advance` move in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed;

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

    /// Waits for `work`, but no longer than this.
    ///
    /// # Errors
    /// When it passed first; the work is dropped.
    pub(crate) async fn bound<F: Future>(self, work: F) -> Result<F::Output, Passed> {
        timeout_at(self.0, work).await.map_err(|_| Passed)
    }
}
