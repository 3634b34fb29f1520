//! Watchers of a service: when each of them learns of a write.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http::parse_reply;
use super::latencies::{Latencies, LatencyFigures};
use super::requests::Fleet;
use super::target::{Dialect, LoadTarget};
use crate::cli::signals::Stop;
use crate::error::{Error, Result};
use crate::net::BackgroundRuntime;

/// The writes of a run, and what became known of each.
#[derive(Debug)]
pub(super) struct WriteLog {
    /// The times count from here.
    origin: Instant,
    writes: Vec<WriteRecord>,
    /// The watchers that follow the service.
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

/// Watchers that follow a service, all on one thread: a thread for each would compete with the server for its processors.
/// Dropping it ends them.
pub(super) struct Watchers {
    count: usize,
    _runtime: BackgroundRuntime,
}

/// How long the last events may take after the last write.
const LAST_EVENTS: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The room for what a watcher reads at once.
const READ_BYTES: usize = 4 << 10;
/// The longest event or reply that is read: no list of 1,000 instances is nearly as long.
const MAX_RECEIVED_BYTES: usize = 16 << 20;

impl WriteLog {
    /// A log with room for as many records as there will be `writes`.
    pub(super) fn new(writes: usize) -> Arc<Self> {
        let mut records = Vec::new();
        records.resize_with(writes, WriteRecord::default);
        Arc::new(Self { origin: Instant::now(), writes: records, ready: AtomicUsize::new(0) })
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

    /// Waits until these watchers have learned of all writes, but not for ever.
    pub(super) fn finish(&self, watchers: &Watchers, writes: u64) {
        let deadline = Instant::now() + LAST_EVENTS;
        let last = writes.checked_sub(1).and_then(|last| self.record(last));
        while last.is_some_and(|last| last.watchers.load(Ordering::Relaxed) < watchers.count)
            && Instant::now() < deadline
        {
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// The figures of the writes that are not part of the warm-up.
    ///
    /// # Errors
    /// There is no memory for them.
    pub(super) fn figures(&self, watchers: &Watchers, is_measured: impl Fn(u64) -> bool) -> Result<WatchFigures> {
        let (mut first, mut last) = (Latencies::new()?, Latencies::new()?);
        for (number, record) in self.writes.iter().enumerate() {
            let is_whole = record.watchers.load(Ordering::Relaxed) >= watchers.count;
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
/// A runtime cannot be started, or the server does not let them watch.
pub(super) fn start(
    count: usize,
    (target, fleet): (&LoadTarget, &Fleet),
    log: &Arc<WriteLog>,
    (stop, guard): (&Stop, Duration),
) -> Result<Watchers> {
    let runtime = BackgroundRuntime::start()?;
    let entered = runtime.enter();
    for _ in 0..count {
        let watcher = Watcher { target: target.clone(), fleet: fleet.clone(), log: Arc::clone(log) };
        tokio::spawn(watcher.run());
    }
    drop(entered);

    let deadline = Instant::now() + guard;
    while log.ready.load(Ordering::Relaxed) < count {
        if Instant::now() >= deadline || stop.is_due() {
            let ready = log.ready.load(Ordering::Relaxed);
            return Err(Error::TimedOut {
                what: format!("start {count} watchers within {} s", guard.as_secs_f64()),
                why: format!("the server let {ready} of them watch"),
                hint: "lower --watchers: the server may limit connections of an address".to_owned(),
            });
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(Watchers { count, _runtime: runtime })
}

struct Watcher {
    target: LoadTarget,
    fleet: Fleet,
    log: Arc<WriteLog>,
}

impl Watcher {
    async fn run(self) {
        // What it does not learn is missing in the figures.
        let _ = match self.target.dialect {
            Dialect::Portolan => self.follow_events().await,
            Dialect::Consul => self.repeat_queries().await,
        };
    }

    /// Connects, and asks for the state and its changes.
    async fn begin(&self, request: &mut Vec<u8>) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.target.address).await?;
        stream.set_nodelay(true)?;
        self.fleet.watch(&self.target, request, 0);
        stream.write_all(request).await?;
        Ok(stream)
    }

    /// Reads the stream of events. The server writes whole lines into each chunk, and no line of the chunks' framing looks
    /// like an event.
    async fn follow_events(&self) -> io::Result<()> {
        let mut stream = self.begin(&mut Vec::new()).await?;
        let (mut received, mut is_synced) = (Vec::new(), false);

        loop {
            let now = read_some(&mut stream, &mut received).await?;
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
    }

    /// Asks again and again for the state after the last one. The server holds each query back until there is one.
    async fn repeat_queries(&self) -> io::Result<()> {
        let mut request = Vec::new();
        let mut stream = self.begin(&mut request).await?;
        let (mut received, mut joined, mut is_ready) = (Vec::new(), Vec::new(), false);

        loop {
            let now = read_some(&mut stream, &mut received).await?;
            let Some(reply) = parse_reply(&received, &mut joined)? else { continue };
            if is_ready {
                self.take(reply.body, now);
            } else {
                is_ready = true;
                self.log.ready.fetch_add(1, Ordering::Relaxed);
            }
            self.fleet.watch(&self.target, &mut request, reply.index.unwrap_or(0));
            received.clear();
            stream.write_all(&request).await?;
        }
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

/// Receives something, and says when.
async fn read_some(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Instant> {
    if received.len() > MAX_RECEIVED_BYTES {
        return Err(io::Error::other("what the server sends has no end"));
    }
    received.reserve(READ_BYTES);
    match stream.read_buf(received).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(Instant::now()),
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
