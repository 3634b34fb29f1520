//! Delivers each change to `--exec` and `--webhook`.
//!
//! Changes of one service are delivered one at a time and in order, those of different services in parallel. The queue is
//! bounded; changes beyond that are dropped, counted and reported.

mod exec;
mod webhook;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub(super) use self::exec::Exec;
pub(super) use self::webhook::{Webhook, WebhookUrl};
use crate::model::{Event, PartialError, ServiceId};
use crate::output::EventFormat;

/// Deliveries in parallel.
const MAX_RUNNING: usize = 8;
/// Limits of the queue: events, and their bytes.
const MAX_WAITING: usize = 1_000;
const MAX_BYTES: usize = 16 << 20;

/// A destination of events.
#[derive(Clone, Debug)]
pub(super) enum Hook {
    Exec(Exec),
    Webhook(Webhook),
}

impl Hook {
    /// Its name in messages.
    fn name(&self) -> String {
        match self {
            Self::Exec(exec) => exec.name(),
            Self::Webhook(webhook) => webhook.name(),
        }
    }

    /// Delivers a line of JSON.
    async fn deliver(&self, line: &[u8]) -> Result<(), PartialError> {
        match self {
            Self::Exec(exec) => exec.run(line).await,
            Self::Webhook(webhook) => webhook.send(line).await,
        }
    }
}

/// A hook and the events that wait for it.
pub(super) struct HookQueue {
    hook: Arc<Hook>,
    /// Waiting events by service. A service with an entry has a delivery that is running or about to start.
    waiting: HashMap<ServiceId, VecDeque<Arc<[u8]>>>,
    /// Services whose next event may be delivered, in the order of their events.
    ready: VecDeque<ServiceId>,
    /// Number and bytes of the events that wait or are being delivered.
    pending: (usize, usize),
    /// Events dropped since the last report.
    dropped: u64,
    running: JoinSet<(ServiceId, usize, Result<(), PartialError>)>,
}

impl HookQueue {
    pub(super) fn new(hook: Hook) -> Self {
        Self {
            hook: Arc::new(hook),
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            pending: (0, 0),
            dropped: 0,
            running: JoinSet::new(),
        }
    }

    /// Queues an event. To be called within a runtime.
    pub(super) fn push(&mut self, event: &Event) {
        let mut line = Vec::new();
        // Writing to a vector cannot fail.
        let _ = EventFormat::Json.write(&mut line, event);
        if self.pending.0 >= MAX_WAITING || self.pending.1 + line.len() > MAX_BYTES {
            self.dropped += 1;
            return;
        }
        self.pending = (self.pending.0 + 1, self.pending.1 + line.len());

        // Events of the source itself, which have no service, are in order too.
        let id = event.kind.item().map(|item| item.id.clone()).unwrap_or_default();
        let waiting = self.waiting.entry(id.clone()).or_insert_with(|| {
            self.ready.push_back(id);
            VecDeque::new()
        });
        waiting.push_back(line.into());
        self.start_ready();
    }

    fn start_ready(&mut self) {
        while self.running.len() < MAX_RUNNING {
            let Some(id) = self.ready.pop_front() else { return };
            let Some(line) = self.waiting.get_mut(&id).and_then(VecDeque::pop_front) else { continue };
            let hook = Arc::clone(&self.hook);
            self.running.spawn(async move {
                let done = hook.deliver(&line).await;
                (id, line.len(), done)
            });
        }
    }

    /// Waits for the next delivery to end and returns its error. Pending for ever while no delivery runs. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<PartialError> {
        let Some(ended) = self.running.join_next().await else { return std::future::pending().await };
        let fault = match ended {
            Ok((id, bytes, done)) => {
                self.pending = (self.pending.0 - 1, self.pending.1 - bytes);
                match self.waiting.get(&id) {
                    Some(more) if !more.is_empty() => self.ready.push_back(id),
                    _ => drop(self.waiting.remove(&id)),
                }
                done.err()
            }
            // No delivery is aborted before `finish`, so this one panicked.
            Err(error) => Some(self.fault(error.to_string(), "this is a bug in portolan; please report it")),
        };
        self.start_ready();

        fault.or_else(|| self.report_dropped())
    }

    /// Reports the events dropped since the last report.
    fn report_dropped(&mut self) -> Option<PartialError> {
        let dropped = std::mem::take(&mut self.dropped);
        let why = match dropped {
            0 => return None,
            1 => "it is too slow; 1 event was dropped".to_owned(),
            dropped => format!("it is too slow; {dropped} events were dropped"),
        };
        Some(self.fault(why, "make it faster, or let it start the work in the background"))
    }

    fn fault(&self, why: String, hint: &str) -> PartialError {
        PartialError { operation: format!("deliver events to {}", self.hook.name()), cause: why, hint: hint.to_owned() }
    }

    /// Delivers the waiting events for at most `timeout`; then ends the rest and reports them.
    pub(super) async fn finish(mut self, timeout: Duration, mut note: impl FnMut(&PartialError)) {
        let deadline = Instant::now() + timeout;
        while !self.running.is_empty() {
            let Ok(fault) = timeout_at(deadline, self.next()).await else { break };
            fault.iter().for_each(&mut note);
        }

        let left = self.pending.0;
        self.running.shutdown().await;
        if left > 0 {
            note(&self.fault(format!("the watch ended with {left} undelivered"), "let the watch run longer"));
        }
        self.report_dropped().iter().for_each(note);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::EventKind;

    /// The program never ends, so every event waits.
    #[tokio::test]
    async fn dropped_events_are_counted_and_reported() {
        let exec: Exec = "sleep 1000".parse().unwrap();
        let mut queue = HookQueue::new(Hook::Exec(exec.resolved(true).unwrap()));
        for index in 0..1_007 {
            let kind = EventKind::Synced { services: 0, duration: None };
            queue.push(&Event { index, time: Timestamp::UNIX_EPOCH, source: "test".into(), kind });
        }
        let mut causes = Vec::new();
        queue.finish(Duration::ZERO, |fault| causes.push(fault.cause.clone())).await;
        let expected = ["the watch ended with 1000 undelivered", "it is too slow; 7 events were dropped"];
        assert_eq!(causes, expected);
    }
}
