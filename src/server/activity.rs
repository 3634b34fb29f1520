//! What a connection is doing, and since when: the basis of its time limits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body_room::RequestRoom;
use super::settings::TimeLimits;
use crate::engine::Clock;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// No byte has arrived since the connection was opened.
    Opened,
    /// Between two requests.
    Idle,
    /// A part of a request's head has arrived.
    Head,
    /// A request is being answered.
    Answering,
}

/// The limit that a connection exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    FirstByte,
    Head,
    Idle,
    Write,
}

impl Overdue {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::FirstByte => "no request arrived",
            Self::Head => "the head of a request was not complete in time",
            Self::Idle => "no further request arrived",
            Self::Write => "the client does not read",
        }
    }
}

/// The phase of one connection. Reads and writes only store a number: no timer is set for each request.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Clock,
    phase: AtomicU8,
    /// When the phase began.
    since: AtomicU64,
    /// When a write began to wait for the client; 0 if none waits.
    blocked_since: AtomicU64,
}

impl Activity {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        let since = AtomicU64::new(clock.nanos());
        Arc::new(Self { clock, phase: AtomicU8::new(Phase::Opened as u8), since, blocked_since: AtomicU64::new(0) })
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Opened,
            1 => Phase::Idle,
            2 => Phase::Head,
            _ => Phase::Answering,
        }
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.clock.nanos(), Ordering::Release);
        self.phase.store(phase as u8, Ordering::Release);
    }

    fn read_bytes(&self) {
        if matches!(self.phase(), Phase::Opened | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    fn wrote(&self, is_blocked: bool) {
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        if !is_blocked && blocked != 0 {
            self.blocked_since.store(0, Ordering::Release);
        } else if is_blocked && blocked == 0 {
            self.blocked_since.store(self.clock.nanos().max(1), Ordering::Release);
        }
    }

    /// The connection can take its first request.
    pub(super) fn open(&self) {
        self.enter(Phase::Opened);
    }

    /// When the phase began, as the clock tells it.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Acquire)
    }

    /// Whether it is between two requests.
    pub(super) fn is_idle(&self) -> bool {
        self.phase() == Phase::Idle
    }

    /// The answer to a request is over.
    pub(super) fn end_answer(&self) {
        self.enter(Phase::Idle);
    }

    /// A request begins; it ends when the body of its answer is dropped.
    pub(super) fn begin_answer(&self) {
        self.enter(Phase::Answering);
    }

    /// The limit that is exceeded, or how long it takes at least until one is.
    pub(super) fn check(&self, limits: &TimeLimits) -> Result<Duration, Overdue> {
        let now = self.clock.nanos();
        let mut left = limits.idle;

        let blocked = self.blocked_since.load(Ordering::Acquire);
        if blocked != 0 {
            left = left.min(remaining(now, blocked, limits.write).ok_or(Overdue::Write)?);
        } else {
            left = left.min(limits.write);
        }

        let (limit, overdue) = match self.phase() {
            Phase::Opened => (limits.first_byte, Overdue::FirstByte),
            Phase::Head => (limits.head, Overdue::Head),
            Phase::Idle => (limits.idle, Overdue::Idle),
            Phase::Answering => return Ok(left),
        };
        let of_phase = remaining(now, self.since.load(Ordering::Acquire), limit).ok_or(overdue)?;
        Ok(left.min(of_phase).min(limits.head))
    }
}

fn remaining(now: u64, since: u64, limit: Duration) -> Option<Duration> {
    let past = Duration::from_nanos(now.saturating_sub(since));
    limit.checked_sub(past).filter(|left| !left.is_zero())
}

/// A connection whose reads and writes are recorded.
pub(super) struct WatchedStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> WatchedStream<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn record<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.activity.wrote(outcome.is_pending());
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.read_bytes();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.record(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.record(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The body of an answer. The connection is idle again when it is dropped.
pub(super) struct AnswerBody {
    body: axum::body::Body,
    activity: Arc<Activity>,
    /// What the body of the request takes until then.
    _room: Option<RequestRoom>,
}

impl AnswerBody {
    pub(super) fn new(body: axum::body::Body, activity: Arc<Activity>, room: Option<RequestRoom>) -> Self {
        Self { body, activity, _room: room }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.activity.end_answer();
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ManualClock;

    const LIMITS: TimeLimits = TimeLimits {
        first_byte: Duration::from_secs(10),
        head: Duration::from_secs(5),
        body: Duration::from_secs(30),
        idle: Duration::from_mins(1),
        write: Duration::from_secs(20),
    };

    #[test]
    fn each_phase_has_its_own_limit() {
        let clock = ManualClock::new();
        let activity = Activity::new(clock.clock());
        clock.advance(Duration::from_secs(9));
        assert_eq!(activity.check(&LIMITS), Ok(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(activity.check(&LIMITS), Err(Overdue::FirstByte));

        activity.read_bytes();
        clock.advance(Duration::from_secs(4));
        activity.read_bytes();
        clock.advance(Duration::from_secs(1));
        assert_eq!(activity.check(&LIMITS), Err(Overdue::Head), "a byte now and then does not help");

        activity.begin_answer();
        clock.advance(Duration::from_hours(1));
        assert!(activity.check(&LIMITS).is_ok(), "an event stream may take for ever");
        activity.wrote(true);
        clock.advance(Duration::from_secs(19));
        activity.wrote(true);
        assert!(activity.check(&LIMITS).is_ok());
        clock.advance(Duration::from_secs(1));
        assert_eq!(activity.check(&LIMITS), Err(Overdue::Write));
        activity.wrote(false);
        assert!(activity.check(&LIMITS).is_ok());

        activity.enter(Phase::Idle);
        clock.advance(Duration::from_mins(1));
        assert_eq!(activity.check(&LIMITS), Err(Overdue::Idle));
    }
}
