//! Takes over what other servers wrote: the same changes, the same events, byte for byte.

use std::collections::HashSet;
use std::sync::Arc;

use tracing::{info, warn};

use crate::registry::{Change, ChangeKind, InstanceRecord, ReplicatedChange, State};
use crate::server::ring::Event;
use crate::server::shared::App;
use crate::server::view::{View, ViewDraft};
use crate::server::writer::{CommandWriter, log};
use crate::store::{Contents, News, StoredEvent};

/// What was written by others could not be taken over: everything has to be read again.
#[derive(Debug)]
pub(super) struct Diverged;

/// Takes over news, and publishes them.
pub(super) fn follow(writer: &mut CommandWriter, news: News) -> Result<(), Diverged> {
    match news {
        News::Events(events) => follow_events(writer, events),
        News::Reset(contents) => reset(writer, *contents),
    }
}

fn follow_events(writer: &mut CommandWriter, events: Vec<StoredEvent>) -> Result<(), Diverged> {
    let mut draft = ViewDraft::of(&writer.app.unscoped.load());
    let (mut changes, mut lines) = (Vec::new(), Vec::new());
    let mut result = Ok(());

    for event in events {
        // What was written in this server's own turn is known.
        if event.index <= writer.state.index() {
            continue;
        }
        match follow_event(writer, &mut draft, event) {
            Ok((change, line)) => {
                changes.push(change);
                lines.push(Arc::new(line));
            }
            Err(diverged) => {
                result = Err(diverged);
                break;
            }
        }
    }
    if changes.is_empty() {
        return result;
    }

    changes.iter().for_each(log);
    let app = &writer.app;
    app.unscoped.store(Arc::new(draft.finish(writer.state.snapshot())));
    app.ring.push(&lines);
    app.metrics.changes.add(&changes);
    app.checks.changed.note(&changes);
    result
}

fn follow_event(
    writer: &mut CommandWriter,
    draft: &mut ViewDraft,
    event: StoredEvent,
) -> Result<(Change, Event), Diverged> {
    let index = event.index;
    let unreadable = |why: String| {
        warn!(index, why, "a change of another server cannot be taken over: reading everything again");
        Diverged
    };
    let replica: ReplicatedChange =
        serde_json::from_slice(&event.replica).map_err(|error| unreadable(error.to_string()))?;
    let line = Event::of_line(index, event.body).ok_or_else(|| unreadable("its event is not one".to_owned()))?;

    let now = writer.now();
    let change = writer.state.replicate(index, &replica, now).map_err(|error| unreadable(error.to_string()))?;
    match change.kind {
        ChangeKind::Removed => draft.remove(&change.instance),
        ChangeKind::Added | ChangeKind::Updated => drop(draft.put(change.instance.clone())),
    }
    draft.note(&change);
    Ok((change, line))
}

/// Begins anew with everything that the store holds. Every watcher is told to do the same.
fn reset(writer: &mut CommandWriter, contents: Contents) -> Result<(), Diverged> {
    let unreadable = |why: String| {
        warn!(why, "the records of the store cannot be read");
        Diverged
    };
    let records: Result<Vec<InstanceRecord>, _> =
        contents.records.iter().map(|(_, body)| serde_json::from_slice(body)).collect();
    let records = records.map_err(|error| unreadable(error.to_string()))?;
    let rules = writer.state.rules().clone();
    let state = State::restore(rules, contents.index, records, writer.now());
    let state = state.map_err(|error| unreadable(error.to_string()))?;

    let app: &App = &writer.app;
    let before = app.unscoped.load_full();
    let view = View::new(state.snapshot(), before.names().is_some());
    let ids: HashSet<Arc<str>> = ids(&before).chain(ids(&view)).collect();
    info!(index = contents.index, epoch = contents.epoch, "read everything from the store again");

    writer.state = state;
    app.epoch.store(Arc::new(contents.epoch));
    app.unscoped.store(Arc::new(view));
    app.ring.reset(contents.index, contents.events);
    app.checks.changed.add(ids);
    Ok(())
}

fn ids(view: &View) -> impl Iterator<Item = Arc<str>> {
    view.services().flat_map(|service| service.list().iter().map(|instance| Arc::clone(&instance.instance.id)))
}
