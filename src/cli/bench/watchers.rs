//! Watchers of a service: when each of them learns of a write.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http::HttpConnection;
use super::latencies::{Latencies, LatencyFigures};
use super::requests::Fleet;
use super::target::{Dialect, LoadTarget};
use crate::cli::signals::Stop;
use crate::error::{Error, Result};

/// The writes of a run, and what became known of each.
#[derive(Debug)]
pub(super) struct WriteLog {
    /// The times count from here.
    origin: Instant,
    writes: Vec<WriteRecord>,
    is_over: AtomicBool,
    ready: AtomicUsize,
}

/// A write.
#[derive(Debug, Default)]
struct WriteRecord {
    planned: OnceLock<Instant>,
    /// When the first and the last watcher learned of it so far, in nanoseconds since the origin.
    first: AtomicU64,
    last: AtomicU64,
    watchers: AtomicUsize,
}

/// The latencies from write to watcher, of the writes that every watcher learned of.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchFigures {
    pub(super) first: LatencyFigures,
    pub(super) last: LatencyFigures,
}

const STACK_BYTES: usize = 192 << 10;
/// How long the last events may take after the last write.
const LAST_EVENTS: Duration = Duration::from_secs(5);
/// The interval at which a watcher looks whether the run is over.
const READ_TIMEOUT: Duration = Duration::from_millis(500);
/// The server holds a query back for a second.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

impl WriteLog {
    /// A log with room for as many records as there will be `writes`.
    pub(super) fn new(writes: usize) -> Arc<Self> {
        let mut records = Vec::new();
        records.resize_with(writes, WriteRecord::default);
        let (is_over, ready) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Self { origin: Instant::now(), writes: records, is_over, ready })
    }

    /// Notes that a write is sent.
    pub(super) fn sending(&self, number: u64, planned: Instant) {
        if let Some(record) = self.record(number) {
            let _ = record.planned.set(planned);
        }
    }

    fn record(&self, number: u64) -> Option<&WriteRecord> {
        self.writes.get(usize::try_from(number).ok()?)
    }

    /// Notes that a watcher learned of a write.
    fn learned(&self, number: u64, at: Instant) {
        let Some(record) = self.record(number) else { return };
        let nanos = u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX);
        if record.watchers.fetch_add(1, Ordering::Relaxed) == 0 {
            record.first.store(nanos, Ordering::Relaxed);
        }
        record.last.fetch_max(nanos, Ordering::Relaxed);
    }

    /// Waits until these watchers have learned of all writes, but not for ever, and ends them.
    pub(super) fn finish(&self, watchers: Vec<JoinHandle<()>>, writes: u64) {
        let deadline = Instant::now() + LAST_EVENTS;
        let last = writes.checked_sub(1).and_then(|last| self.record(last));
        while last.is_some_and(|last| last.watchers.load(Ordering::Relaxed) < watchers.len())
            && Instant::now() < deadline
        {
            thread::sleep(POLL_INTERVAL);
        }
        self.is_over.store(true, Ordering::Relaxed);
        for watcher in watchers {
            // A watcher that panicked learned of nothing, which the figures show.
            let _ = watcher.join();
        }
    }

    /// The figures of the writes that are not part of the warm-up.
    ///
    /// # Errors
    /// There is no memory for them.
    pub(super) fn figures(&self, watchers: usize, is_measured: impl Fn(u64) -> bool) -> Result<WatchFigures> {
        let (mut first, mut last) = (Latencies::new()?, Latencies::new()?);
        for (number, record) in self.writes.iter().enumerate() {
            let is_whole = record.watchers.load(Ordering::Relaxed) >= watchers;
            let Some(planned) = record.planned.get().filter(|_| is_whole && is_measured(number as u64)) else {
                continue;
            };
            for (figures, nanos) in [(&mut first, &record.first), (&mut last, &record.last)] {
                let at = self.origin + Duration::from_nanos(nanos.load(Ordering::Relaxed));
                figures.record(at.saturating_duration_since(*planned));
            }
        }
        Ok(WatchFigures { first: first.figures(), last: last.figures() })
    }
}

/// Starts watchers, and returns when all of them follow the service.
///
/// # Errors
/// A thread cannot be started, or the server does not let them watch.
pub(super) fn start(
    count: usize,
    (target, fleet): (&LoadTarget, &Fleet),
    log: &Arc<WriteLog>,
    (stop, guard): (&Stop, Duration),
) -> Result<Vec<JoinHandle<()>>> {
    let mut watchers = Vec::with_capacity(count);
    for _ in 0..count {
        let watcher = Watcher { target: target.clone(), fleet: fleet.clone(), log: Arc::clone(log) };
        let started = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || watcher.run());
        watchers.push(started.map_err(|error| {
            let hint = "lower --watchers, or raise the limit of processes and threads (`ulimit -u`)";
            Error::io("start a thread for a watcher", error, hint)
        })?);
    }

    let deadline = Instant::now() + guard;
    while log.ready.load(Ordering::Relaxed) < count {
        if Instant::now() >= deadline || stop.is_due() {
            log.is_over.store(true, Ordering::Relaxed);
            let ready = log.ready.load(Ordering::Relaxed);
            return Err(Error::TimedOut {
                what: format!("start {count} watchers within {} s", guard.as_secs_f64()),
                why: format!("the server let {ready} of them watch"),
                hint: "lower --watchers: the server may limit connections of an address".to_owned(),
            });
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(watchers)
}

struct Watcher {
    target: LoadTarget,
    fleet: Fleet,
    log: Arc<WriteLog>,
}

impl Watcher {
    fn run(&self) {
        // What it does not learn is missing in the figures.
        let _ = match self.target.dialect {
            Dialect::Portolan => self.follow_events(),
            Dialect::Consul => self.repeat_queries(),
        };
    }

    fn is_over(&self) -> bool {
        self.log.is_over.load(Ordering::Relaxed)
    }

    /// Reads the stream of events. The server writes whole lines into each chunk, and no line of the chunks' framing looks
    /// like an event.
    fn follow_events(&self) -> io::Result<()> {
        let mut request = Vec::new();
        self.fleet.watch(&self.target, &mut request, 0);
        let mut stream = HttpConnection::new(&self.target, READ_TIMEOUT).open_stream(&request)?;
        let (mut received, mut is_synced) = (Vec::new(), false);

        while !self.is_over() {
            let Some(now) = read_some(&mut stream, &mut received)? else { continue };
            let Some(end) = received.iter().rposition(|byte| *byte == b'\n') else { continue };
            for line in received.get(..end).unwrap_or_default().split(|byte| *byte == b'\n') {
                if is_synced {
                    self.take(line, now);
                } else if find(line, b"\"type\":\"synced\"").is_some() {
                    is_synced = true;
                    self.log.ready.fetch_add(1, Ordering::Relaxed);
                }
            }
            received.drain(..=end);
        }
        Ok(())
    }

    /// Asks again and again for the state after the last one.
    fn repeat_queries(&self) -> io::Result<()> {
        let mut connection = HttpConnection::new(&self.target, QUERY_TIMEOUT);
        let (mut request, mut index, mut is_ready) = (Vec::new(), 0, false);
        while !self.is_over() {
            self.fleet.watch(&self.target, &mut request, index);
            match connection.exchange(&request) {
                Ok(reply) => {
                    index = reply.index.unwrap_or(0);
                    if is_ready {
                        self.take(reply.body, Instant::now());
                    } else {
                        is_ready = true;
                        self.log.ready.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes the mark of a write from what a watcher received.
    fn take(&self, text: &[u8], at: Instant) {
        const MARK: &[u8] = b"\"mark\":\"";
        let Some(start) = find(text, MARK) else { return };
        let digits = text.get(start + MARK.len()..).unwrap_or_default();
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits.fold(None, |number: Option<u64>, digit| {
            number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        if let Some(number) = number {
            self.log.learned(number, at);
        }
    }
}

/// Receives something, and says when; `None` if nothing came for a while.
fn read_some(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Instant>> {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => {
            received.extend_from_slice(buffer.get(..length).unwrap_or_default());
            Ok(Some(Instant::now()))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
