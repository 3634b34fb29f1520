//! A scan in progress: its threads and their results.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rustix::io::Errno;

use super::plan::ScanPlan;
use super::results::{FoundPort, ResultReceiver, ResultSender, channel};
use super::scan_counts::ScanCounts;
use super::udp::Sweep;
use super::worker::Worker;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::Transport;
use crate::net::{Connector, Deadline, HalfOpen, Prober, TunnelProber, TunnelProxy, descriptors_for_sockets, runtime};

/// How long the proxy has to reply before a scan.
const PROXY_TIMEOUT: Duration = Duration::from_secs(10);
const HINT: &str = "check the limits of this process (`ulimit -a`)";

/// The threads of a plan. Dropped, it stops them and waits for them.
pub(super) struct Run {
    results: ResultReceiver,
    threads: Vec<JoinHandle<ScanCounts>>,
}

impl Run {
    /// Starts the threads of a plan. They stop when `cancel` is set.
    ///
    /// # Errors
    /// The kernel provides no threads or no epoll descriptors.
    pub(super) fn start(plan: &Arc<ScanPlan>, cancel: Cancel) -> Result<Self> {
        let (sender, results) = channel(cancel);
        let mut run = Self { results, threads: Vec::new() };

        for number in 0..plan.threads {
            let (plan, sender) = (Arc::clone(plan), sender.clone());
            let (ready, started) = bounded(1);
            let thread = thread::Builder::new().name(format!("scan-{number}"));
            let thread = thread.spawn(move || work(&plan, number, sender, &ready));
            run.threads.push(thread.map_err(|error| Error::io("start a thread", error, HINT))?);

            if let Ok(Err(error)) = started.recv() {
                return Err(error);
            }
        }

        Ok(run)
    }

    /// The next result; `None` is the end. Stores the waker of `context` if there is none yet.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<FoundPort>> {
        self.results.poll_next(context)
    }

    /// Waits for the next result; `None` is the end.
    pub(super) fn next(&self) -> Option<FoundPort> {
        self.results.next()
    }

    /// The number of finished ports.
    pub(super) fn done(&self) -> u64 {
        self.results.done()
    }

    /// Asks the threads to stop.
    pub(super) fn close(&self) {
        self.results.close();
    }

    /// The counts of all threads. Waits for them; they have ended if there are no more results.
    ///
    /// # Errors
    /// A thread panicked.
    pub(super) fn tally(mut self) -> Result<ScanCounts> {
        self.results.disconnect();
        let mut sum = ScanCounts::default();
        for thread in self.threads.drain(..) {
            let Ok(tally) = thread.join() else {
                let why = std::io::Error::other("a thread panicked");
                return Err(Error::io("scan", why, "this is a bug in portolan; please report it"));
            };
            sum.add(&tally);
        }
        Ok(sum)
    }
}

/// The body of one thread: sets up its prober, reports that through `ready`, and scans.
fn work(plan: &ScanPlan, number: usize, results: ResultSender, ready: &Sender<Result<()>>) -> ScanCounts {
    let sockets = (descriptors_for_sockets() / plan.threads).max(1);
    let state = results.state();

    let tally = match prepare_thread(plan, sockets) {
        Ok(prober) => {
            let _ = ready.send(Ok(()));
            match plan.transport {
                Transport::Udp => Sweep::new(plan, results, sockets).run(),
                _ => Worker::new(plan, number, results, prober).run(),
            }
        }
        Err(error) => {
            let _ = ready.send(Err(error));
            drop(results);
            ScanCounts::default()
        }
    };

    // The sender is gone: wake the consumer so that it sees the end.
    state.wake();
    tally
}

/// Enters the plan's network namespace and creates the prober.
fn prepare_thread(plan: &ScanPlan, sockets: usize) -> Result<Box<dyn Prober>> {
    if let Some(namespace) = &plan.namespace {
        let hint = "it may have ended meanwhile; entering it takes CAP_SYS_ADMIN";
        let entered = namespace
            .go()
            .and_then(|entered| if entered { Ok(()) } else { Err(std::io::Error::other("it no longer exists")) });
        entered.map_err(|error| Error::io(format!("enter network namespace {}", namespace.identity), error, hint))?;
    }

    if let Some(proxy) = &plan.proxy {
        return prepare_proxy(proxy, plan, sockets);
    }
    if plan.syn && plan.transport == Transport::Tcp {
        return Ok(Box::new(HalfOpen::new(plan.sender).map_err(without_raw_sockets)?));
    }
    Ok(Box::new(Connector::new(sockets, plan.sender).map_err(|errno| Error::io("wait for replies", errno, HINT))?))
}

/// Creates the prober that connects through a proxy, if the proxy can be used.
fn prepare_proxy(proxy: &TunnelProxy, plan: &ScanPlan, sockets: usize) -> Result<Box<dyn Prober>> {
    let runtime = runtime(0)?;
    let deadline = plan.deadline.map_or(PROXY_TIMEOUT, |end| end.saturating_duration_since(Instant::now()));
    let checked = runtime.block_on(async { proxy.check(Deadline::after(deadline.min(PROXY_TIMEOUT))).await });
    checked.map_err(|error| {
        let what = format!("use the proxy {}", proxy.url.host);
        Error::io(what, error, "check --proxy: its address, and its user and password")
    })?;
    Ok(Box::new(TunnelProber::new(runtime, proxy.clone(), sockets)))
}

/// Why a half-open scan is impossible, and the alternative.
fn without_raw_sockets(error: std::io::Error) -> Error {
    let what = "open raw sockets for --syn";
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS) => Error::Permission {
            what: what.to_owned(),
            why: "CAP_NET_RAW is missing".to_owned(),
            hint: "run portolan with sudo, or run `sudo setcap cap_net_raw+ep $(which portolan)` once; a scan without --syn needs no permissions",
        },
        _ => Error::io(what, error, "leave --syn out: full connections need no raw sockets"),
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // After a normal end the flag stays as it is: its owner may still read it.
        if !self.threads.is_empty() {
            self.close();
        }
        self.results.disconnect();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
