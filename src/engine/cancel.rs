//! A cancellation token for threads that poll it and for tasks that wait for it.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::park;

/// Whether work is still wanted. Clones are the same token; a [`child`](Self::child) is set with its parent, and alone.
///
/// A thread polls [`is_set`](Self::is_set), which costs a few atomic loads. A task awaits
/// [`cancelled`](Self::cancelled), in any runtime or in none.
///
/// ```
/// use portolan::engine::Cancel;
///
/// let cancel = Cancel::new();
/// let child = cancel.child();
/// let worker = std::thread::spawn(move || while !child.is_set() { std::thread::yield_now() });
/// cancel.cancel();
/// worker.join().unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    /// A signal handler may set it, which cannot wake anything.
    flag: Arc<AtomicBool>,
    token: CancellationToken,
    parent: Option<Cancel>,
    /// Makes sure that waiting tasks wake up when a signal handler sets the flag. Called before the first wait.
    watch_flag: Option<(Once, Box<FlagWatch>)>,
}

type FlagWatch = dyn Fn(Cancel) + Send + Sync;

/// Why a wait for a descriptor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitOutcome {
    /// It can be read, or has ended.
    Ready,
    Cancelled,
    /// The deadline came first.
    TimedOut,
}

impl Cancel {
    /// A token that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token whose flag is set by a signal handler. `watch` is called at most once, before anything waits for the token:
    /// from then on it must call [`cancel`](Self::cancel) when the flag is set.
    pub(crate) fn of_flag(flag: Arc<AtomicBool>, watch: impl Fn(Self) + Send + Sync + 'static) -> Self {
        let watch_flag: Option<(Once, Box<FlagWatch>)> = Some((Once::new(), Box::new(watch)));
        Self(Arc::new(CancelState { flag, watch_flag, ..CancelState::default() }))
    }

    /// A token that is set with this one, and can be set alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let token = self.0.token.child_token();
        Self(Arc::new(CancelState { token, parent: Some(self.clone()), ..CancelState::default() }))
    }

    /// Sets the token: the work is no longer wanted.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::Release);
        self.0.token.cancel();
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.flag.load(Ordering::Acquire) || self.0.parent.as_ref().is_some_and(Self::is_set)
    }

    /// Waits until it is set. Can be dropped at any time.
    pub async fn cancelled(&self) {
        self.watch_flags();
        if !self.is_set() {
            self.0.token.cancelled().await;
        }
    }

    /// Waits for a future until the token is set; `None` if that came first.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            output = future => Some(output),
        }
    }

    /// Sets the token when the guard is dropped.
    #[must_use]
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// Blocks this thread until the future is ready, the token is set or `until` comes; `None` in the last two cases.
    pub(crate) fn block_on<F: Future>(&self, future: F, until: Option<Instant>) -> Option<F::Output> {
        let waiting = pin!(self.run_until_cancelled(future));
        match until {
            Some(until) => park::block_on_for(waiting, until.saturating_duration_since(Instant::now())).flatten(),
            None => park::block_on(waiting),
        }
    }

    /// Blocks this thread until `descriptor` can be read, the token is set or `until` comes.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn wait_readable(&self, descriptor: BorrowedFd<'_>, until: Option<Instant>) -> io::Result<WaitOutcome> {
        let wake = Arc::new(WakeDescriptor(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?));
        let waker = Waker::from(Arc::clone(&wake));
        let mut cancelled = pin!(self.cancelled());

        loop {
            if self.is_set() || cancelled.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                return Ok(WaitOutcome::Cancelled);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = left.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
            let mut polled = [PollFd::new(&descriptor, PollFlags::IN), PollFd::new(&wake.0, PollFlags::IN)];
            match poll(&mut polled, timeout.as_ref()) {
                Ok(0) => return Ok(WaitOutcome::TimedOut),
                Ok(_) if !polled[0].revents().is_empty() => return Ok(WaitOutcome::Ready),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has the flags of signal handlers watched, here and above.
    fn watch_flags(&self) {
        if let Some((once, watch)) = &self.0.watch_flag {
            once.call_once(|| watch(self.clone()));
        }
        if let Some(parent) = &self.0.parent {
            parent.watch_flags();
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_set()).finish()
    }
}

/// Sets its token when it is dropped; see [`Cancel::cancel_on_drop`].
#[derive(Debug)]
pub struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Wakes a thread out of poll(2).
struct WakeDescriptor(OwnedFd);

impl Wake for WakeDescriptor {
    fn wake(self: Arc<Self>) {
        // It fails where it is at its limit, which wakes as well.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicUsize;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// After a minute without an event the test hangs.
    const HANG: Duration = Duration::from_mins(1);

    #[test]
    fn a_child_is_set_with_its_parent_and_alone() {
        let (parent, other) = (Cancel::new(), Cancel::new());
        let (one, two) = (parent.child(), parent.child());
        one.cancel();
        assert_eq!([&parent, &one, &two].map(Cancel::is_set), [false, true, false]);
        parent.cancel();
        assert_eq!([&parent, &one, &two, &parent.child(), &other].map(Cancel::is_set), [true, true, true, true, false]);
        park::block_on(two.cancelled());
        park::block_on(parent.child().cancelled());
    }

    #[test]
    fn waits_without_a_runtime_are_woken() {
        let cancel = Cancel::new();
        let child = cancel.child();
        let waiting = thread::spawn(move || child.block_on(std::future::pending::<()>(), Some(Instant::now() + HANG)));
        let (reader, _writer) = UnixStream::pair().unwrap();
        let polling = cancel.child();
        let polling =
            thread::spawn(move || polling.wait_readable(reader.as_fd(), Some(Instant::now() + HANG)).unwrap());
        thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        cancel.cancel();
        assert_eq!(waiting.join().unwrap(), None);
        assert_eq!(polling.join().unwrap(), WaitOutcome::Cancelled);
        assert!(began.elapsed() < HANG / 2);
    }

    #[test]
    fn a_descriptor_that_can_be_read_ends_the_wait() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let cancel = Cancel::new();
        let soon = Some(Instant::now() + Duration::from_millis(5));
        assert_eq!(cancel.wait_readable(reader.as_fd(), soon).unwrap(), WaitOutcome::TimedOut);
        drop(writer);
        assert_eq!(cancel.wait_readable(reader.as_fd(), None).unwrap(), WaitOutcome::Ready);
    }

    #[test]
    fn the_flag_of_a_handler_is_seen_at_once_and_wakes_a_waiting_task() {
        static WATCHED: AtomicUsize = AtomicUsize::new(0);
        let flag = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&flag);
        let root = Cancel::of_flag(Arc::clone(&flag), move |cancel| {
            WATCHED.fetch_add(1, Ordering::Relaxed);
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                while !seen.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                cancel.cancel();
            });
        });

        let child = root.child();
        assert!(!child.is_set());
        assert_eq!(WATCHED.load(Ordering::Relaxed), 0, "polling starts no watch");
        let waiting = thread::spawn(move || park::block_on(child.cancelled()));
        thread::sleep(Duration::from_millis(5));
        flag.store(true, Ordering::Relaxed);
        assert!(root.child().is_set());
        waiting.join().unwrap();
        park::block_on(root.cancelled());
        assert_eq!(WATCHED.load(Ordering::Relaxed), 1);
    }
}
