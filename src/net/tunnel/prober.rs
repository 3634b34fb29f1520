//! The attempts of a scan through a proxy.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Result;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::TunnelProxy;
use crate::net::{AttemptEnd, AttemptStart, ConnectOutcome, Deadline, Probe, Prober, WaitDecision};

/// Connections to the proxy at once: most serve each by a thread or a process of their own.
const MAX_CONNECTIONS: usize = 128;
/// An attempt ends with the scan's own patience; this is the end of those that it forgot.
const MAX_ATTEMPT: Duration = Duration::from_mins(2);

/// Connects to ports through a proxy, with a runtime that runs while the scan waits.
pub(crate) struct TunnelProber {
    runtime: Runtime,
    proxy: TunnelProxy,
    attempts: HashMap<u64, Attempt>,
    last_number: u64,
    late: usize,
    most: usize,
    sender: mpsc::UnboundedSender<(u64, ConnectOutcome)>,
    results: mpsc::UnboundedReceiver<(u64, ConnectOutcome)>,
}

struct Attempt {
    probe: Probe,
    since: u64,
    late: bool,
    task: AbortHandle,
}

impl TunnelProber {
    /// A prober that uses at most `sockets` connections at once.
    pub(crate) fn new(runtime: Runtime, proxy: TunnelProxy, sockets: usize) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        let most = MAX_CONNECTIONS.min(sockets).max(1);
        Self { runtime, proxy, attempts: HashMap::new(), last_number: 0, late: 0, most, sender, results }
    }

    /// Ends an attempt, if it has not ended before.
    fn end(&mut self, number: u64, answer: ConnectOutcome) -> Option<AttemptEnd> {
        let Attempt { probe, since, late, task } = self.attempts.remove(&number)?;
        task.abort();
        self.late -= usize::from(late);
        Some(AttemptEnd { probe, answer, since, late })
    }

    /// Runs the attempts for at most this time, and takes what has ended.
    fn take_results(&mut self, time: Duration, ended: &mut Vec<AttemptEnd>) {
        let Self { runtime, results, .. } = self;
        let first = runtime.block_on(async {
            // Every task runs once, also without time to wait.
            tokio::task::yield_now().await;
            match results.try_recv() {
                Ok(first) => Some(first),
                Err(_) if time.is_zero() => None,
                Err(_) => timeout(time, results.recv()).await.ok().flatten(),
            }
        });

        let mut next = first;
        while let Some((number, answer)) = next {
            ended.extend(self.end(number, answer));
            next = self.results.try_recv().ok();
        }
    }
}

impl Prober for TunnelProber {
    fn waiting(&self) -> usize {
        self.attempts.len()
    }

    fn on_time(&self) -> usize {
        self.attempts.len() - self.late
    }

    fn most(&self) -> usize {
        self.most
    }

    fn make_do(&mut self) {
        self.most = self.attempts.len().max(1);
    }

    fn begin(&mut self, to: SocketAddr, probe: Probe, now: u64, _recheck: bool) -> AttemptStart {
        self.last_number += 1;
        let (number, proxy, sender) = (self.last_number, self.proxy.clone(), self.sender.clone());
        let task = self.runtime.spawn(async move {
            let outcome = proxy.connect(to, Deadline::after(MAX_ATTEMPT)).await;
            // A scan that has ended needs no more results.
            let _ = sender.send((number, outcome));
        });
        self.attempts.insert(number, Attempt { probe, since: now, late: false, task: task.abort_handle() });
        AttemptStart::Waiting
    }

    fn wait(&mut self, micros: u64, _address: &dyn Fn(Probe) -> SocketAddr, ended: &mut Vec<AttemptEnd>) -> Result<()> {
        self.take_results(Duration::from_micros(micros), ended);
        Ok(())
    }

    fn expire(
        &mut self,
        now: u64,
        patience: &dyn Fn(Probe, u64) -> WaitDecision,
        _address: &dyn Fn(Probe) -> SocketAddr,
        ended: &mut Vec<AttemptEnd>,
        late: &mut Vec<Probe>,
    ) -> Result<()> {
        self.take_results(Duration::ZERO, ended);

        let mut expired = Vec::new();
        for (number, attempt) in &mut self.attempts {
            match patience(attempt.probe, now.saturating_sub(attempt.since)) {
                WaitDecision::Expired => expired.push(*number),
                WaitDecision::Late if !attempt.late => {
                    attempt.late = true;
                    self.late += 1;
                    late.push(attempt.probe);
                }
                WaitDecision::Late | WaitDecision::Waits => {}
            }
        }
        for number in expired {
            ended.extend(self.end(number, ConnectOutcome::Silent));
        }
        Ok(())
    }
}
