//! The loop of a watch: events go to the output and to the hooks until something ends it.

use std::io;
use std::time::Duration;

use futures_util::future::select_all;
use tokio::time::sleep;

use super::GRACE;
use super::delivered::DeliveredState;
use super::hooks::HookQueue;
use super::stop_conditions::StopConditions;
use super::watch_files::WatchFiles;
use super::watch_output::WatchOutput;
use crate::catalog::{Watch, WatchItem};
use crate::cli::signals::Stop;
use crate::cli::stderr;
use crate::model::PartialError;

/// How long hooks may take to finish after the watch ended by itself.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(2);
/// How often signals are checked during that time.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes events to the output and passes them to the hooks.
pub(super) struct WatchLoop<'w> {
    pub(super) delivered: DeliveredState,
    pub(super) stop_conditions: StopConditions<'w>,
    pub(super) output: WatchOutput<'w>,
    pub(super) files: WatchFiles,
    pub(super) queues: Vec<HookQueue>,
    pub(super) stop: &'w Stop,
}

/// The result of a watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchResult {
    /// Whether it ended before `--until` matched.
    pub(super) is_unmet: bool,
    /// Whether its time was up before the source listed anything.
    pub(super) is_unanswered: bool,
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchEnd {
    /// By itself: a stop condition was met, or the source ended.
    Ended,
    /// Its time is up.
    TimeUp,
    /// The reader left: it closed standard output or quit the live view.
    Left,
    /// A signal.
    Stopped,
}

impl WatchLoop<'_> {
    /// Reports events until the watch ends.
    pub(super) async fn run(&mut self, mut watch: Watch, duration: Option<Duration>) -> io::Result<WatchEnd> {
        let timeout = sleep_or_pend(duration);
        tokio::pin!(timeout);
        loop {
            tokio::select! {
                // Pending events come before the end, and must not hold the files up.
                biased;
                () = self.files.due() => self.files.write().iter().for_each(|error| self.output.note(error)),
                item = watch.next() => {
                    let Some(item) = item else { return Ok(WatchEnd::Ended) };
                    if self.report(item)? {
                        return Ok(WatchEnd::Ended);
                    }
                    if self.stop.requested().is_some() {
                        return Ok(WatchEnd::Stopped);
                    }
                }
                () = &mut timeout => return Ok(WatchEnd::TimeUp),
                left = self.output.attend() => {
                    left?;
                    return Ok(WatchEnd::Left);
                }
                Some(fault) = next_hook_error(&mut self.queues) => self.output.note(&fault),
            }
        }
    }

    /// Reports a batch of events; whether a stop condition was met.
    fn report(&mut self, item: WatchItem) -> io::Result<bool> {
        self.files.note_change();
        let mut ended = false;
        for event in self.delivered.events(item).iter() {
            // Before the synced event, services are reported that existed at the start: those are not changes.
            let is_change = self.delivered.synced;
            self.output.report(event)?;
            self.delivered.record(event);
            if is_change {
                self.queues.iter_mut().for_each(|queue| queue.push(event));
            }

            ended = self.stop_conditions.ends_with(event, is_change && event.kind.item().is_some());
            if ended {
                break;
            }
        }
        self.output.flush()?;
        Ok(ended)
    }

    /// Waits for the running hooks.
    pub(super) async fn finish(self, end: WatchEnd) -> WatchResult {
        let Self { delivered, stop_conditions, mut output, mut files, queues, stop } = self;
        files.write_rest().iter().for_each(|error| output.note(error));
        let is_unanswered = end == WatchEnd::TimeUp && delivered.is_empty_handed();
        // Gives the terminal back before anything else is written.
        drop(output);

        for queue in queues {
            let timeout = if end.is_regular() { DRAIN_TIMEOUT } else { GRACE };
            let finishing = queue.finish(timeout, stderr::fault);
            tokio::pin!(finishing);
            let interrupted = async {
                while !end.is_regular() || stop.requested().is_none() {
                    sleep(POLL_INTERVAL).await;
                }
            };

            tokio::select! {
                () = &mut finishing => {}
                () = interrupted => {}
            }
        }
        WatchResult { is_unmet: end.is_regular() && stop_conditions.is_unmet(), is_unanswered }
    }
}

impl WatchEnd {
    /// Whether nothing interrupted the watch.
    fn is_regular(self) -> bool {
        matches!(self, Self::Ended | Self::TimeUp)
    }
}

async fn sleep_or_pend(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// The next error of any of the hooks.
async fn next_hook_error(queues: &mut [HookQueue]) -> Option<PartialError> {
    if queues.is_empty() {
        return std::future::pending().await;
    }
    let next: Vec<_> = queues.iter_mut().map(|queue| Box::pin(queue.next())).collect();
    select_all(next).await.0
}
