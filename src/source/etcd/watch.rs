//! Watches etcd: a list, and the stream of changes from its revision on.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::api::{EtcdApi, WatchEvent, WatchLine, WatchReply};
use super::registrations::{READ_LEASES, Registrations};
use super::{Etcd, LIST};
use crate::clean::clean;
use crate::error::Result;
use crate::model::{DetailLevel, Update, UpdateSink};
use crate::net::registry_http::{RegistryFailure, RegistryLines};
use crate::source::name_filter::NameFilter;

/// The interval of a request that shows whether a silent server still replies.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The pause before the second one.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What a line of a watch means.
enum Line {
    Events(Vec<WatchEvent>),
    /// The watch is over: the revisions in between were compacted away, or the server cancelled it.
    Ended,
}

/// Begins with everything, and ends with the stream.
pub(super) async fn watch(options: &Etcd, feed: &mut dyn UpdateSink) -> Result<()> {
    let api = EtcdApi::new(options)?;
    let mut known = Registrations::new(options.prefix(), NameFilter::new(&options.names)?);
    let reads_leases = feed.detail_level() == DetailLevel::Full;

    let list = api.list().await.map_err(failed)?;
    let mut errors = known.fill(list.pairs);
    let mut lease_error = if reads_leases { known.read_leases(&api).await } else { None };
    errors.extend(lease_error.clone());
    // From the very next revision on, so that nothing in between is missed.
    let mut lines = api.watch(list.revision + 1).await.map_err(failed)?;
    let server = api.current();
    let errors = errors.into_iter().map(Update::PartialError);
    feed.apply(std::iter::once(Update::Reset(known.services().collect())).chain(errors).collect());

    let mut probe = probe(&api).boxed();
    loop {
        tokio::select! {
            line = lines.next() => {
                let Some(line) = line.map_err(failed)? else { return Ok(()) };
                match read_line(&line, &lines).map_err(failed)? {
                    Line::Events(events) => {
                        let (changed, mut others) = apply(&mut known, events);
                        if reads_leases && !changed.is_empty() {
                            // A lease is only shown; what ails the server shows itself in other ways.
                            let error = known.read_leases(&api).await;
                            let was_error = error.is_none() && lease_error.take().is_some();
                            others.extend(was_error.then(|| Update::Recovered(READ_LEASES.to_owned())));
                        }

                        let changed = changed.iter().map(|id| known.update(id));
                        let updates: Vec<Update> = changed.chain(others).collect();
                        if !updates.is_empty() {
                            feed.apply(updates);
                        }
                    }
                    Line::Ended => return Ok(()),
                }
            }
            replied = &mut probe => {
                replied.map_err(failed)?;
                if api.current() != server {
                    // Another server replies: the stream comes from one that does not.
                    return Ok(());
                }
                probe = self::probe(&api).boxed();
            }
        }
    }
}

fn failed(failure: RegistryFailure) -> crate::error::Error {
    failure.into_error(LIST)
}

/// A stream looks the same while its server is dead. Fails if no majority of the servers replies, twice in a row.
async fn probe(api: &EtcdApi) -> Result<(), RegistryFailure> {
    sleep(PROBE_INTERVAL).await;
    if api.probe().await.is_ok() {
        return Ok(());
    }
    sleep(RETRY_PAUSE).await;
    api.probe().await
}

/// # Errors
/// The line does not follow the API, or is an error.
fn read_line(line: &[u8], lines: &RegistryLines) -> Result<Line, RegistryFailure> {
    let line: WatchLine =
        serde_json::from_slice(line).map_err(|error| lines.malformed(format!("a line of the watch: {error}")))?;
    if let Some(error) = line.error {
        let text = error.get("message").and_then(serde_json::Value::as_str).unwrap_or("it gives no reason");
        return Err(lines.malformed(format!("the server ends the watch: {}", clean(text))));
    }
    match line.result {
        Some(WatchReply { canceled: true, compact_revision: 1.., .. }) => Ok(Line::Ended),
        Some(WatchReply { canceled: true, cancel_reason, .. }) if cancel_reason.is_empty() => Ok(Line::Ended),
        Some(WatchReply { canceled: true, cancel_reason, .. }) => {
            Err(lines.malformed(format!("the server cancels the watch: {}", clean(&cancel_reason))))
        }
        Some(WatchReply { events, .. }) => Ok(Line::Events(events)),
        None => Err(lines.malformed("a line of the watch has no result")),
    }
}

/// The ids of the services that events change, the errors of keys that are no registrations, and the ends of such errors.
fn apply(known: &mut Registrations, events: Vec<WatchEvent>) -> (BTreeSet<String>, Vec<Update>) {
    let (mut changed, mut others) = (BTreeSet::new(), Vec::new());
    for event in events {
        let key = event.kv.key.clone();
        if event.kind == "DELETE" {
            changed.extend(known.delete(&key));
            others.extend(known.recover(&key));
            continue;
        }
        match known.put(event.kv) {
            Ok(ids) => {
                changed.extend(ids);
                others.extend(known.recover(&key));
            }
            Err(error) => others.push(Update::PartialError(error)),
        }
    }
    (changed, others)
}
