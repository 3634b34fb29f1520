//! What is done with each change beside showing it: `--exec` and `--webhook`.
//!
//! Changes of one service are handed on one after the other and in order, those of different services side by side. What
//! waits is bounded; what there is no room for is counted and said.

mod exec;
mod webhook;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub(super) use self::exec::Exec;
pub(super) use self::webhook::Webhook;
use crate::model::{Event, PartialError, ServiceId};
use crate::output::EventFormat;

/// So many are handed on at once.
const AT_ONCE: usize = 8;
/// So many may wait, and so many bytes of them.
const MAX_WAITING: usize = 1_000;
const MAX_BYTES: usize = 16 << 20;

/// What an event is handed to.
#[derive(Clone, Debug)]
pub(super) enum Hook {
    Exec(Exec),
    Webhook(Webhook),
}

impl Hook {
    /// What it is called in a message.
    fn name(&self) -> String {
        match self {
            Self::Exec(exec) => exec.name(),
            Self::Webhook(webhook) => webhook.name(),
        }
    }

    /// Hands on a line of JSON.
    async fn take(&self, line: &[u8]) -> Result<(), PartialError> {
        match self {
            Self::Exec(exec) => exec.run(line).await,
            Self::Webhook(webhook) => webhook.send(line).await,
        }
    }
}

/// A hook, and what is to be handed to it.
pub(super) struct HookQueue {
    hook: Arc<Hook>,
    /// By service: what waits. A service that is here is being handed on or about to be.
    waiting: HashMap<ServiceId, VecDeque<Arc<[u8]>>>,
    /// Services whose next change may be handed on, in the order of their changes.
    ready: VecDeque<ServiceId>,
    /// How many wait or are being handed on, and their bytes.
    held: (usize, usize),
    /// What there was no room for since it was last said.
    dropped: u64,
    running: JoinSet<(ServiceId, usize, Result<(), PartialError>)>,
}

impl HookQueue {
    pub(super) fn new(hook: Hook) -> Self {
        Self {
            hook: Arc::new(hook),
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            held: (0, 0),
            dropped: 0,
            running: JoinSet::new(),
        }
    }

    /// Takes an event. To be called within a runtime.
    pub(super) fn take(&mut self, event: &Event) {
        let mut line = Vec::new();
        // Writing to a vector cannot fail.
        let _ = EventFormat::Json.write(&mut line, event);
        if self.held.0 >= MAX_WAITING || self.held.1 + line.len() > MAX_BYTES {
            self.dropped += 1;
            return;
        }
        self.held = (self.held.0 + 1, self.held.1 + line.len());
        // What happens to the source itself is in order too.
        let id = event.kind.item().map(|item| item.id.clone()).unwrap_or_default();
        let waiting = self.waiting.entry(id.clone()).or_insert_with(|| {
            self.ready.push_back(id);
            VecDeque::new()
        });
        waiting.push_back(line.into());
        self.begin();
    }

    fn begin(&mut self) {
        while self.running.len() < AT_ONCE {
            let Some(id) = self.ready.pop_front() else { return };
            let Some(line) = self.waiting.get_mut(&id).and_then(VecDeque::pop_front) else { continue };
            let hook = Arc::clone(&self.hook);
            self.running.spawn(async move {
                let done = hook.take(&line).await;
                (id, line.len(), done)
            });
        }
    }

    /// Waits until something was handed on, and tells what went wrong with it. While nothing is being handed on it waits for
    /// ever. Nothing is lost when it is given up.
    pub(super) async fn next(&mut self) -> Option<PartialError> {
        let Some(ended) = self.running.join_next().await else { return std::future::pending().await };
        let fault = match ended {
            Ok((id, bytes, done)) => {
                self.held = (self.held.0 - 1, self.held.1 - bytes);
                match self.waiting.get(&id) {
                    Some(more) if !more.is_empty() => self.ready.push_back(id),
                    _ => drop(self.waiting.remove(&id)),
                }
                done.err()
            }
            // Nothing is aborted while somebody waits, so it broke off.
            Err(error) => Some(self.fault(error.to_string(), "tell the people who make portolan")),
        };
        self.begin();
        fault.or_else(|| self.left_out())
    }

    /// Says what there was no room for.
    fn left_out(&mut self) -> Option<PartialError> {
        let dropped = std::mem::take(&mut self.dropped);
        let why = match dropped {
            0 => return None,
            1 => "it takes too long, and 1 event was left out".to_owned(),
            dropped => format!("it takes too long, and {dropped} events were left out"),
        };
        Some(self.fault(why, "let it be quicker, or hand the work on to something else"))
    }

    fn fault(&self, why: String, hint: &str) -> PartialError {
        PartialError { operation: format!("hand events to {}", self.hook.name()), cause: why, hint: hint.to_owned() }
    }

    /// Hands on what waits, for at most so long; then what is left is ended and said.
    pub(super) async fn finish(mut self, time: Duration, mut note: impl FnMut(&PartialError)) {
        let deadline = Instant::now() + time;
        while !self.running.is_empty() {
            let Ok(fault) = timeout_at(deadline, self.next()).await else { break };
            fault.iter().for_each(&mut note);
        }
        let left = self.held.0;
        self.running.shutdown().await;
        if left > 0 {
            note(&self.fault(format!("the watch is over, and {left} were not"), "let the watch go on for longer"));
        }
        self.left_out().iter().for_each(note);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::EventKind;

    /// Nothing is ever handed on, so everything waits.
    #[tokio::test]
    async fn what_there_is_no_room_for_is_said() {
        let exec: Exec = "sleep 1000".parse().unwrap();
        let mut queue = HookQueue::new(Hook::Exec(exec.found(true).unwrap()));
        for index in 0..1_007 {
            let kind = EventKind::Synced { services: 0 };
            queue.take(&Event { index, time: Timestamp::UNIX_EPOCH, source: "test".into(), kind });
        }
        let mut said = Vec::new();
        queue.finish(Duration::ZERO, |fault| said.push(fault.cause.clone())).await;
        let expected = ["the watch is over, and 1000 were not", "it takes too long, and 7 events were left out"];
        assert_eq!(said, expected);
    }
}
