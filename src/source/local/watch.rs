//! Watching this machine: a look once an interval, and at once where the kernel tells of something.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::closings::Closings;
use super::options::Local;
use super::watcher::{SocketWatcher, processor_time};
use crate::error::Result;
use crate::model::UpdateSink;

/// Looking takes at most one part in so many of one core, however short the interval and however many the sockets.
const SHARE: u32 = 10;
/// How long not to listen for closed sockets after too many have closed.
const FLOODED: Duration = Duration::from_mins(1);

/// Watches until the future is dropped.
///
/// # Errors
/// As listing.
pub(super) async fn watch(query: &Local, interval: Duration, feed: &mut dyn UpdateSink) -> Result<()> {
    query.check()?;
    let mut eye = SocketWatcher::new(query, feed.detail_level());
    let mut closings = Closings::join().ok();
    let mut listen_again = Instant::now() + FLOODED;
    feed.apply(eye.look()?);
    loop {
        let (begun, spent) = (Instant::now(), processor_time());
        let heard = eye.hear();
        let seen = eye.look()?;
        let unseen = eye.settle();
        feed.apply(heard.into_iter().chain(seen).chain(unseen).collect());
        let cost = processor_time().saturating_sub(spent);
        let soonest = Instant::now() + cost * SHARE;
        let mut due = if eye.is_waiting() { soonest } else { soonest.max(begun + interval) };
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                told = eye.told() => {
                    if told.is_err() {
                        eye.hear_no_more();
                    }
                    // At once: a process that is gone cannot be asked which namespace it was in.
                    let heard = eye.hear();
                    // What happens in other namespaces is no reason to look.
                    if !heard.is_empty() || eye.is_waiting() {
                        due = soonest;
                    }
                    if !heard.is_empty() {
                        feed.apply(heard);
                    }
                }
                error = closed(&mut closings, &eye) => {
                    if error.is_some() {
                        (closings, listen_again) = (None, Instant::now() + FLOODED);
                    } else {
                        eye.look_well();
                        due = soonest;
                    }
                }
            }
        }
        if closings.is_none() && Instant::now() >= listen_again {
            (closings, listen_again) = (Closings::join().ok(), Instant::now() + FLOODED);
        }
    }
}

/// Waits for one of the listeners to close; the error says that it is no use any more.
async fn closed(closings: &mut Option<Closings>, eye: &SocketWatcher<'_>) -> Option<std::io::Error> {
    match closings {
        Some(closings) => closings.one_of(|ip, port| eye.has((ip, port))).await.err(),
        None => std::future::pending().await,
    }
}
