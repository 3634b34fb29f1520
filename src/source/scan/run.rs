//! A scan under way: its threads, and what they hand over.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use rustix::io::Errno;

use super::plan::ScanPlan;
use super::scan_counts::ScanCounts;
use super::udp::Sweep;
use super::worker::Worker;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Reason, Transport};
use crate::net::{Connector, HalfOpen, Prober, descriptors_for_sockets};

/// A port that somebody wants to know of.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundPort {
    pub(super) address: SocketAddr,
    pub(super) transport: Transport,
    pub(super) reason: Reason,
    pub(super) rtt_us: Option<u64>,
    pub(super) attempts: u8,
}

const HINT: &str = "look at the limits of this process (`ulimit -a`)";

/// So many may wait to be taken. More would only be memory: whoever prints them is the slower one then.
const QUEUE: usize = 4096;

/// The threads' end of what they share with whoever takes the results.
#[derive(Clone)]
pub(super) struct ResultSender {
    sender: Sender<FoundPort>,
    shared: Arc<ScanState>,
}

#[derive(Default)]
struct ScanState {
    cancel: Cancel,
    /// Ports that have ended.
    done: AtomicU64,
    /// Who waits for a result.
    waker: Mutex<Option<Waker>>,
}

impl ScanState {
    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl ResultSender {
    /// Hands a result over; waits where too many wait to be taken.
    pub(super) fn send(&self, found: FoundPort) {
        // Nobody takes results any more: then somebody has closed, which is looked at elsewhere.
        if self.sender.send(found).is_err() {
            self.shared.cancel.cancel();
        }
        self.shared.wake();
    }

    /// Adds to what is done, and lets it be seen.
    pub(super) fn progress(&self, done: &mut u64) {
        self.shared.done.fetch_add(std::mem::take(done), Ordering::Relaxed);
        self.shared.wake();
    }

    /// Whether nobody wants more.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.cancel.is_set()
    }
}

/// The other end. Dropped, it stops the threads and waits for them.
pub(super) struct Run {
    receiver: Option<Receiver<FoundPort>>,
    shared: Arc<ScanState>,
    threads: Vec<JoinHandle<ScanCounts>>,
}

impl Run {
    /// Starts the threads of a plan. They stop when `cancel` is set.
    ///
    /// # Errors
    /// Where the kernel gives no threads or no epoll descriptors.
    pub(super) fn start(plan: &Arc<ScanPlan>, cancel: Cancel) -> Result<Self> {
        let sockets = (descriptors_for_sockets() / plan.threads).max(1);
        let (sender, receiver) = bounded(QUEUE);
        let shared = Arc::new(ScanState { cancel, ..ScanState::default() });
        let mut run = Self { receiver: Some(receiver), shared: Arc::clone(&shared), threads: Vec::new() };
        for number in 0..plan.threads {
            let wire = ResultSender { sender: sender.clone(), shared: Arc::clone(&shared) };
            let (plan, last) = (Arc::clone(plan), Arc::clone(&shared));
            let (ready, begun) = bounded(1);
            let work = move || {
                let began = begin(&plan, sockets);
                let tally = match began {
                    Ok(prober) => {
                        let _ = ready.send(Ok(()));
                        match plan.transport {
                            Transport::Udp => Sweep::new(&plan, wire, sockets).run(),
                            _ => Worker::new(&plan, number, wire, prober).run(),
                        }
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        ScanCounts::default()
                    }
                };
                // The wire is gone: whoever waits finds out, now that it is.
                last.wake();
                tally
            };
            let thread = thread::Builder::new().name(format!("scan-{number}")).spawn(work);
            run.threads.push(thread.map_err(|error| Error::io("start a thread", error, HINT))?);
            if let Ok(Err(error)) = begun.recv() {
                return Err(error);
            }
        }
        Ok(run)
    }

    /// The next result; `None` is the end. Leaves the waker of `context` where none is there yet.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<FoundPort>> {
        let Some(receiver) = &self.receiver else { return Poll::Ready(None) };
        for stored in [false, true] {
            match receiver.try_recv() {
                Ok(found) => return Poll::Ready(Some(found)),
                Err(TryRecvError::Disconnected) => return Poll::Ready(None),
                // What came before the waker was left woke nobody, so look once more.
                Err(TryRecvError::Empty) if !stored => {
                    let mut waker = self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner);
                    *waker = Some(context.waker().clone());
                }
                Err(TryRecvError::Empty) => {}
            }
        }
        Poll::Pending
    }

    /// Waits for the next result; `None` is the end.
    pub(super) fn next(&self) -> Option<FoundPort> {
        self.receiver.as_ref()?.recv().ok()
    }

    /// How many ports have ended.
    pub(super) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Wants no more.
    pub(super) fn close(&self) {
        self.shared.cancel.cancel();
    }

    /// What became of all ports. Waits for the threads, which have ended if there are no more results.
    ///
    /// # Errors
    /// Where a thread broke off.
    pub(super) fn tally(mut self) -> Result<ScanCounts> {
        self.receiver = None;
        let mut sum = ScanCounts::default();
        for thread in self.threads.drain(..) {
            let broke_off = |_| {
                let why = std::io::Error::other("one of its threads broke off");
                Error::io("scan", why, "this is a fault of portolan's: please report it")
            };
            sum.add(&thread.join().map_err(broke_off)?);
        }
        Ok(sum)
    }
}

/// Makes this thread ready to ask: in the plan's network namespace, with what asks.
fn begin(plan: &ScanPlan, sockets: usize) -> Result<Box<dyn Prober>> {
    if let Some(namespace) = &plan.namespace {
        let what = || format!("enter the network namespace {}", namespace.identity);
        let hint = "it may have ended meanwhile; entering it takes CAP_SYS_ADMIN";
        if !namespace.go().map_err(|error| Error::io(what(), error, hint))? {
            return Err(Error::io(what(), std::io::Error::other("it is no more"), hint));
        }
    }
    if plan.syn && plan.transport == Transport::Tcp {
        return Ok(Box::new(HalfOpen::new().map_err(without_raw_sockets)?));
    }
    Ok(Box::new(Connector::new(sockets).map_err(|errno| Error::io("wait for answers", errno, HINT))?))
}

/// Why there is no half-open scan, and what there is instead.
fn without_raw_sockets(error: std::io::Error) -> Error {
    let what = "open raw sockets for --syn";
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS) => Error::Permission {
            what: what.to_owned(),
            why: "CAP_NET_RAW is missing".to_owned(),
            hint: "run it by sudo, or once `sudo setcap cap_net_raw+ep $(which portolan)`; without --syn no rights are needed",
        },
        _ => Error::io(what, error, "leave --syn out: whole connections need no raw sockets"),
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The flag may be somebody else's, who still looks at it when this has come to its end.
        if !self.threads.is_empty() {
            self.close();
        }
        self.receiver = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
