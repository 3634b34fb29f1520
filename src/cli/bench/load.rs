//! Sends the load: many connections, each on a thread of its own, so that a timer of the runtime delays no request.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::set_current_timer_slack;

use super::http::{HttpConnection, HttpReply};
use super::latencies::Latencies;
use super::target::LoadTarget;
use crate::cli::signals::Stop;
use crate::engine::LoadPlan;
use crate::error::{Error, Result, plain};

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadPace {
    /// At times that are fixed in advance.
    Open(LoadPlan),
    /// Each connection sends the next one when it has its reply.
    Closed { warm_up: Duration, duration: Duration },
}

/// What is sent, and which replies are right.
pub(super) trait Requests: Sync {
    /// Writes the request with this number in place of what `out` holds.
    fn write(&self, number: u64, out: &mut Vec<u8>);

    /// Whether a reply is what the request asks for.
    fn accepts(&self, reply: &HttpReply<'_>) -> bool;

    /// Called before the request with this number is sent. `planned`: the time that its latency counts from.
    fn sending(&self, _number: u64, _planned: Instant) {}
}

/// How a load is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadOptions<'o> {
    pub(super) target: &'o LoadTarget,
    pub(super) pace: LoadPace,
    pub(super) connections: usize,
    /// How long a reply may take.
    pub(super) timeout: Duration,
    pub(super) stop: &'o Stop,
}

/// What a load showed.
#[derive(Debug)]
pub(super) struct LoadOutcome {
    /// Requests that were to be measured; `None` in a closed loop, which has no plan.
    pub(super) planned: Option<u64>,
    /// Requests that got the right reply, and their latencies.
    pub(super) latencies: Latencies,
    /// How late requests were sent: because every connection waited for a reply, or because this machine was busy.
    pub(super) send_delays: Latencies,
    /// Failed requests, by reason.
    pub(super) errors: BTreeMap<String, u64>,
    /// From the first measured request to the last reply.
    pub(super) elapsed: Duration,
    /// All numbers below this were sent, with those of the warm-up.
    pub(super) next_number: u64,
}

/// Time for the threads to start.
const LEAD: Duration = Duration::from_millis(50);
/// The interval at which a waiting thread looks for a signal.
const STOP_INTERVAL: Duration = Duration::from_millis(100);
const STACK_BYTES: usize = 256 << 10;

/// Sends a load, and returns when it is over.
///
/// # Errors
/// A thread cannot be started.
pub(super) fn send_load(requests: &dyn Requests, options: LoadOptions<'_>) -> Result<LoadOutcome> {
    // The threads inherit it. The usual 50 microseconds would be part of each latency; without it they are, which is no error.
    let _ = set_current_timer_slack(NonZeroU64::new(1));

    let run = LoadRun { requests, options, begin: Instant::now() + LEAD, next: AtomicU64::new(0) };
    let results = thread::scope(|scope| -> Result<Vec<Result<LoadOutcome>>> {
        let mut workers = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || run.work());
            workers.push(worker.map_err(|error| {
                let hint = "lower --connections, or raise the limit of processes and threads (`ulimit -u`)";
                Error::io("start a thread for a connection", error, hint)
            })?);
        }
        Ok(workers.into_iter().filter_map(|worker| worker.join().ok()).collect())
    })?;

    let mut total = run.empty()?;
    for result in results {
        let part = result?;
        total.latencies.merge(&part.latencies);
        total.send_delays.merge(&part.send_delays);
        total.elapsed = total.elapsed.max(part.elapsed);
        for (reason, count) in part.errors {
            *total.errors.entry(reason).or_default() += count;
        }
    }
    total.next_number = run.next.load(Ordering::Relaxed);
    Ok(total)
}

struct LoadRun<'r> {
    requests: &'r dyn Requests,
    options: LoadOptions<'r>,
    begin: Instant,
    /// The number of the next request.
    next: AtomicU64,
}

impl LoadRun<'_> {
    fn empty(&self) -> Result<LoadOutcome> {
        let planned = match self.options.pace {
            LoadPace::Open(plan) => Some(plan.measured()),
            LoadPace::Closed { .. } => None,
        };
        let (latencies, send_delays) = (Latencies::new()?, Latencies::new()?);
        Ok(LoadOutcome {
            planned,
            latencies,
            send_delays,
            errors: BTreeMap::new(),
            elapsed: Duration::ZERO,
            next_number: 0,
        })
    }

    /// Sends requests over one connection until the load is over.
    fn work(&self) -> Result<LoadOutcome> {
        let LoadOptions { target, timeout, .. } = self.options;
        let mut outcome = self.empty()?;
        let mut connection = HttpConnection::new(target, timeout);
        let mut request = Vec::new();

        while let Some((number, due)) = self.next_request() {
            self.requests.write(number, &mut request);
            if !self.wait_until(due) {
                break;
            }
            let sent = Instant::now();
            let planned = if matches!(self.options.pace, LoadPace::Open(_)) { due } else { sent };
            self.requests.sending(number, planned);
            let failure = match connection.exchange(&request) {
                Ok(reply) if self.requests.accepts(&reply) => None,
                Ok(reply) => Some(unexpected(&reply)),
                Err(error) => Some(reason(&error)),
            };

            let done = Instant::now();
            if self.is_measured(number, sent) {
                outcome.elapsed = done.saturating_duration_since(self.measured_from());
                outcome.send_delays.record(sent.saturating_duration_since(planned));
                match failure {
                    None => outcome.latencies.record(done.saturating_duration_since(planned)),
                    Some(reason) => *outcome.errors.entry(reason).or_default() += 1,
                }
            }
        }
        Ok(outcome)
    }

    /// The number of the next request, and when it is due; `None` when the load is over.
    fn next_request(&self) -> Option<(u64, Instant)> {
        let now = Instant::now();
        if self.options.stop.is_due() {
            return None;
        }

        match self.options.pace {
            LoadPace::Open(plan) => {
                // A server that cannot keep up leaves requests unsent, which are reported.
                if now > self.begin + plan.end() + self.options.timeout {
                    return None;
                }
                let number = self.next.load(Ordering::Relaxed);
                plan.due(number)?;
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                Some((number, self.begin + plan.due(number)?))
            }
            LoadPace::Closed { warm_up, duration } => {
                let is_over = now >= self.begin + warm_up + duration;
                (!is_over).then(|| (self.next.fetch_add(1, Ordering::Relaxed), self.begin))
            }
        }
    }

    fn is_measured(&self, number: u64, sent: Instant) -> bool {
        match self.options.pace {
            LoadPace::Open(plan) => plan.is_measured(number),
            LoadPace::Closed { .. } => sent >= self.measured_from(),
        }
    }

    /// When the warm-up is over.
    fn measured_from(&self) -> Instant {
        match self.options.pace {
            LoadPace::Open(plan) => self.begin + plan.warm_up(),
            LoadPace::Closed { warm_up, .. } => self.begin + warm_up,
        }
    }

    /// Waits; `false` after a signal.
    fn wait_until(&self, due: Instant) -> bool {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(STOP_INTERVAL));
            if left > STOP_INTERVAL && self.options.stop.is_due() {
                return false;
            }
        }
    }
}

fn unexpected(reply: &HttpReply<'_>) -> String {
    match reply.status {
        200..300 => "an unexpected reply".to_owned(),
        status => format!("status {status}"),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "no reply in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => plain(error),
    }
}
