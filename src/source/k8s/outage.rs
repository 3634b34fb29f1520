//! When a watched cluster counts as stale: a pure function of what its streams reported, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::ApiFailure;
use super::watch_scope::StreamId;

/// A failing stream is reported after this many failed attempts in a row, or after [`GRACE`]: most recover sooner.
const MAX_FAILURES: u32 = 3;
const GRACE: Duration = Duration::from_secs(5);

/// The streams that fail, and whether that was reported.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failing: BTreeMap<StreamId, FailingStream>,
    is_reported: bool,
}

#[derive(Debug)]
struct FailingStream {
    since: Instant,
    failures: u32,
    cause: ApiFailure,
}

/// A change of the outage to report.
#[derive(Debug)]
pub(super) enum OutageChange {
    /// What is known may be out of date, for this reason.
    Begun(ApiFailure),
    /// Every stream works again.
    Over,
}

impl Outage {
    /// A stream failed.
    pub(super) fn record_failure(&mut self, stream: StreamId, cause: ApiFailure, now: Instant) {
        let failing =
            self.failing.entry(stream).or_insert(FailingStream { since: now, failures: 0, cause: cause.clone() });
        (failing.failures, failing.cause) = (failing.failures.saturating_add(1), cause);
    }

    /// A stream works, or is no longer needed.
    pub(super) fn record_success(&mut self, stream: StreamId) {
        self.failing.remove(&stream);
    }

    /// Whether the outage was reported, and is not over.
    pub(super) fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// Why the first failing stream failed last.
    pub(super) fn cause(&self) -> Option<ApiFailure> {
        self.failing.values().next().map(|failing| failing.cause.clone())
    }

    /// Begins the outage now, where nothing but this side can end it.
    pub(super) fn begin(&mut self) -> Option<OutageChange> {
        let cause = self.cause()?;
        (!std::mem::replace(&mut self.is_reported, true)).then_some(OutageChange::Begun(cause))
    }

    /// When [`change`](Self::change) has something to report without another event; `None` if not at all.
    pub(super) fn next_change(&self) -> Option<Instant> {
        if self.is_reported {
            return None;
        }
        self.failing.values().map(|failing| failing.since + GRACE).min()
    }

    /// What to report now: once for each outage, and once for its end.
    pub(super) fn change(&mut self, now: Instant) -> Option<OutageChange> {
        if self.is_reported {
            self.is_reported = !self.failing.is_empty();
            return (!self.is_reported).then_some(OutageChange::Over);
        }

        let mut lasting = self.failing.values().filter(|failing| failing.lasts(now));
        let cause = lasting.next()?.cause.clone();
        self.is_reported = true;
        Some(OutageChange::Begun(cause))
    }
}

impl FailingStream {
    fn lasts(&self, now: Instant) -> bool {
        self.failures >= MAX_FAILURES || now >= self.since + GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::k8s::watch_scope::ObjectKind;

    const SERVICES: StreamId = StreamId::Objects(0, ObjectKind::Services);
    const SLICES: StreamId = StreamId::Objects(0, ObjectKind::Endpoints);

    fn refused() -> ApiFailure {
        ApiFailure::Answer { code: 403, message: "forbidden".to_owned(), after: None, token: None }
    }

    fn is_begun(change: Option<&OutageChange>) -> bool {
        matches!(change, Some(OutageChange::Begun(ApiFailure::Answer { code: 403, .. })))
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_failure_is_not_an_outage() {
        let (mut outage, now) = (Outage::default(), Instant::now());
        outage.record_failure(SERVICES, refused(), now);
        assert!(outage.change(now).is_none());
        assert_eq!(outage.next_change(), Some(now + GRACE));

        outage.record_success(SERVICES);
        assert!(outage.change(now + GRACE).is_none());
        assert_eq!(outage.next_change(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_reported_once_and_is_over_when_every_stream_works() {
        let (mut outage, now) = (Outage::default(), Instant::now());
        outage.record_failure(SERVICES, refused(), now);
        assert!(is_begun(outage.change(now + GRACE).as_ref()));

        let later = now + GRACE * 2;
        outage.record_failure(SLICES, ApiFailure::TooLarge, later);
        outage.record_failure(SERVICES, ApiFailure::TooLarge, later);
        assert!(outage.change(later + GRACE).is_none() && outage.is_reported(), "another cause is the same outage");

        outage.record_success(SERVICES);
        assert!(outage.change(later).is_none(), "the slices are still missing");
        outage.record_success(SLICES);
        assert!(matches!(outage.change(later), Some(OutageChange::Over)));
        assert!(outage.change(later).is_none() && !outage.is_reported());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_are_reported_before_the_time_is_up() {
        let (mut outage, now) = (Outage::default(), Instant::now());
        for failures in 1..=MAX_FAILURES {
            outage.record_failure(SLICES, refused(), now);
            assert_eq!(is_begun(outage.change(now).as_ref()), failures == MAX_FAILURES);
        }
    }
}
