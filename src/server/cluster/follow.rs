//! Takes over what other servers wrote: the same changes, the same events, byte for byte.

use std::collections::HashSet;
use std::sync::Arc;

use tracing::{debug, info, warn};

use crate::registry::{Change, ChangeKind, DocumentChange, Now, Replica, State};
use crate::server::document_event::log_document;
use crate::server::event::Event;
use crate::server::shared::App;
use crate::server::view::{View, ViewDraft};
use crate::server::writer::CommandWriter;
use crate::store::{Contents, StoreChanges, StoreError, StoredEvent};

/// What was written by others could not be taken over: everything has to be read again.
#[derive(Debug)]
pub(super) struct Divergence;

/// Why nothing can be written after changes that this server does not understand.
pub(super) fn unreadable() -> StoreError {
    StoreError::Away { cause: "what another server wrote cannot be read".to_owned() }
}

/// Takes over the changes of others, and publishes them.
pub(super) fn follow(writer: &mut CommandWriter, changes: StoreChanges) -> Result<(), Divergence> {
    match changes {
        StoreChanges::Events(events) => follow_events(writer, events),
        StoreChanges::Reset(contents) => reset(writer, *contents),
    }
}

fn follow_events(writer: &mut CommandWriter, events: Vec<StoredEvent>) -> Result<(), Divergence> {
    let before = writer.app.unscoped.load_full();
    let mut draft = ViewDraft::of(&before);
    let (mut changes, mut documents, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let (mut result, now) = (Ok(()), writer.now());

    for event in events {
        // What was written in this server's own turn is known.
        if event.index <= writer.state.index() {
            continue;
        }
        match follow_event(&mut writer.state, (&before, &mut draft), event, now) {
            Ok((followed, line)) => {
                match followed {
                    AppliedChange::Instance(change) => changes.push(*change),
                    AppliedChange::Document(change) => documents.push(change),
                }
                lines.push(Arc::new(line));
            }
            Err(diverged) => {
                result = Err(diverged);
                break;
            }
        }
    }
    if lines.is_empty() {
        return result;
    }

    changes.iter().for_each(log_followed);
    documents.iter().for_each(log_document);
    let app = &writer.app;
    app.unscoped.store(Arc::new(draft.finish(writer.state.snapshot())));
    app.ring.push(&lines);
    app.metrics.changes.add(&changes);
    app.checks.changed.note(&changes);
    app.eureka_changes.note(&changes);
    result
}

/// A change that was taken over.
enum AppliedChange {
    Instance(Box<Change>),
    Document(DocumentChange),
}

/// Takes over one change. `before`: the view that the draft began with.
fn follow_event(
    state: &mut State,
    (before, draft): (&View, &mut ViewDraft),
    event: StoredEvent,
    now: Now,
) -> Result<(AppliedChange, Event), Divergence> {
    let index = event.index;
    let replica = Replica::from_json(&event.replica).map_err(|error| diverged(index, &error.to_string()))?;
    let replica = match replica {
        Replica::Instance(replica) => replica,
        Replica::Document(change) => {
            let line = Event::of_line(index, event.body).ok_or_else(|| diverged(index, "its event is invalid"))?;
            let taken = state.replicate_document(index, &change, now);
            taken.map_err(|error| diverged(index, &error.to_string()))?;
            return Ok((AppliedChange::Document(change), line));
        }
    };

    let (namespace, name) = replica.service();
    let previous = state.view().service_index(namespace, name);
    let change = state.replicate(index, &replica, now).map_err(|error| diverged(index, &error.to_string()))?;
    match change.kind {
        ChangeKind::Removed => draft.remove(&change.instance),
        ChangeKind::Added | ChangeKind::Updated => drop(draft.put(change.instance.clone())),
    }
    draft.note(&change);

    let (kind, service) = (change.kind.as_str(), before.key_of(&change.instance));
    let line = Event { index, kind, service, previous, json: event.body.into() };
    Ok((AppliedChange::Instance(Box::new(change)), line))
}

/// Logs a change of another server, which has logged it for all.
fn log_followed(change: &Change) {
    let (id, index, cause) = (&*change.instance.id, change.index, change.cause.as_str());
    debug!(id, index, cause, kind = change.kind.as_str(), "followed a change of another server");
}

fn diverged(index: u64, why: &str) -> Divergence {
    warn!(index, why, "what other servers wrote cannot be applied: reading everything again");
    Divergence
}

/// Begins anew with everything that the store holds. Every watcher does the same.
fn reset(writer: &mut CommandWriter, contents: Contents) -> Result<(), Divergence> {
    let index = contents.index;
    let rules = writer.state.rules().clone();
    let state = State::restore_stored(rules, index, &contents.records, writer.now());
    let state = state.map_err(|error| diverged(index, &error.to_string()))?;

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
    app.eureka_changes.lose();
    Ok(())
}

fn ids(view: &View) -> impl Iterator<Item = Arc<str>> {
    view.services().flat_map(|service| service.list().iter().map(|instance| Arc::clone(&instance.instance.id)))
}
