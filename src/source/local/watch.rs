//! Watches this machine: polls once an interval, and at once when the kernel reports a change.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::closings::Closings;
use super::options::Local;
use super::owner_search::thread_time;
use super::watcher::{SocketWatcher, next_found};
use crate::error::Result;
use crate::model::UpdateSink;

/// Polling takes at most 1/N of one core, whatever the interval and the number of sockets. The search for owners has a
/// ration of its own, so that it never delays a poll.
const SHARE: u32 = 10;
/// Pause before subscribing to closed sockets again after too many closed at once.
const FLOODED: Duration = Duration::from_mins(1);

/// Watches until the future is dropped.
///
/// # Errors
/// As listing.
pub(super) async fn watch(query: &Local, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    query.check()?;

    let (mut watcher, mut found) = SocketWatcher::new(query, feed.detail_level(), interval)?;
    let mut closings = Closings::join().ok();
    let mut listen_again = Instant::now() + FLOODED;
    feed.apply(watcher.first(&mut found).await?);

    loop {
        let (begun, spent) = (Instant::now(), thread_time());
        let traced = watcher.take_trace_updates();
        let polled = watcher.poll()?;
        let missed = watcher.settle();
        feed.apply(traced.into_iter().chain(polled).chain(missed).collect());

        let cost = thread_time().saturating_sub(spent);
        let soonest = Instant::now() + cost * SHARE;
        let mut due = if watcher.is_waiting() { soonest } else { soonest.max(begun + interval) };

        loop {
            let next_report = watcher.next_report().filter(|at| *at < due);
            let updates = tokio::select! {
                () = sleep_until(next_report.unwrap_or(due)) => match next_report {
                    Some(_) => watcher.take_due(),
                    None => break,
                },
                result = next_found(found.as_mut()) => watcher.take_found(result?)?,
                ready = watcher.trace_ready() => {
                    if ready.is_err() {
                        watcher.stop_trace();
                    }

                    // At once: the namespace of a process that has ended is unknown.
                    let updates = watcher.take_trace_updates();
                    // Changes in other namespaces are no reason to poll.
                    if !updates.is_empty() || watcher.is_waiting() {
                        due = soonest;
                    }
                    updates
                }
                error = closed(&mut closings, &watcher) => {
                    if error.is_some() {
                        (closings, listen_again) = (None, Instant::now() + FLOODED);
                    } else {
                        watcher.include_tcp();
                        due = soonest;
                    }
                    Vec::new()
                }
            };
            if !updates.is_empty() {
                feed.apply(updates);
            }
        }

        if closings.is_none() && Instant::now() >= listen_again {
            (closings, listen_again) = (Closings::join().ok(), Instant::now() + FLOODED);
        }
    }
}

/// Waits for one of the listeners to close; after an error the subscription is of no further use.
async fn closed(closings: &mut Option<Closings>, watcher: &SocketWatcher<'_>) -> Option<std::io::Error> {
    match closings {
        Some(closings) => closings.one_of(|ip, port| watcher.has((ip, port))).await.err(),
        None => std::future::pending().await,
    }
}
