//! WATCH: one JSON object per line, from a revision on, until the time is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::answer::{self, Body};
use super::resource::Place;
use super::route::Query;
use super::selector::Selector;
use super::status::status;
use super::store::{Logged, Store, WatchEvent};

struct Watch {
    place: Place,
    selector: Selector,
    bookmarks: bool,
    /// Everything up to this revision was sent.
    revision: u64,
    bookmark: u64,
}

/// `short`: the events available at once, then the end.
pub fn watch(shared: &Arc<Shared>, place: &Place, query: &Query, ended: Receiver<u64>, short: bool) -> Response<Body> {
    let get = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let selector = match Selector::parse(get("labelSelector"), get("fieldSelector")) {
        Ok(selector) => selector,
        Err(message) => return answer::json(400, &status(400, "BadRequest", &message)),
    };
    let mut store = shared.store.lock().unwrap();
    let initial = get("sendInitialEvents") == "true";
    if initial && !store.watch_list {
        return answer::json(500, &status(500, "", "sendInitialEvents is forbidden for watch"));
    }
    let bookmarks = get("allowWatchBookmarks") == "true";
    let asked = get("resourceVersion").parse::<u64>().ok().filter(|version| *version > 0);
    if let Some(old) = asked.filter(|asked| !initial && *asked < store.compacted) {
        let message = format!("too old resource version: {old} ({})", store.compacted);
        let line = json!({"type": "ERROR", "object": status(410, "Expired", &message)});
        return answer::full(200, "application/json", format!("{line}\n"));
    }
    let bookmark = store.bookmark;
    let mut watch = Watch { place: place.clone(), selector, bookmarks, revision: store.revision, bookmark };
    let mut first = Vec::new();
    match asked.filter(|_| !initial) {
        Some(revision) => watch.revision = revision,
        None => {
            for object in store.select(place.resource, place.namespace.as_deref(), &watch.selector, None) {
                first.push(line(WatchEvent::Added, &watch.place, &object.value));
            }
            if initial {
                first.push(watch.bookmark_line(&json!({"k8s.io/initial-events-end": "true"})));
            }
        }
    }
    first.extend(watch.news(&mut store));
    // Before anything more can happen: an event without a subscriber wakes no task.
    let changes = store.changes();
    drop(store);
    if short {
        return answer::full(200, "application/json", first.concat());
    }
    let seconds = get("timeoutSeconds").parse().unwrap_or(30 * 60);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (send, mut receive) = channel(16);
    tokio::spawn(tell(Arc::clone(shared), watch, first, changes, (ended, end), send));
    answer::streamed(stream::poll_fn(move |context| receive.poll_recv(context)))
}

async fn tell(
    shared: Arc<Shared>,
    mut watch: Watch,
    first: Vec<String>,
    mut changes: Receiver<u64>,
    (mut ended, end): (Receiver<u64>, Instant),
    out: Sender<io::Result<Bytes>>,
) {
    let mut lines = first;
    loop {
        if !say(&lines, &out).await {
            return;
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = sleep_until(end) => break,
            _ = ended.changed() => break,
            () = out.closed() => return,
        }
        lines = watch.news(&mut shared.store.lock().unwrap());
    }
    // The server sends its revision before it ends.
    if watch.bookmarks {
        let _ = say(&[watch.bookmark_line(&json!({}))], &out).await;
    }
}

/// Sends several lines in two pieces, split in the middle of a line, as the network may.
async fn say(lines: &[String], out: &Sender<io::Result<Bytes>>) -> bool {
    let text = Bytes::from(lines.concat());
    if text.is_empty() {
        return true;
    }
    let middle = text.len() / 2;
    out.send(Ok(text.slice(..middle))).await.is_ok() && out.send(Ok(text.slice(middle..))).await.is_ok()
}

impl Watch {
    /// The changes since the last ones sent.
    fn news(&mut self, store: &mut Store) -> Vec<String> {
        let mut lines: Vec<String> = store.since(self.revision).iter().filter_map(|logged| self.line(logged)).collect();
        self.revision = store.revision;
        if store.bookmark > self.bookmark {
            self.bookmark = store.bookmark;
            if self.bookmarks {
                lines.push(self.bookmark_line(&json!({})));
            }
        }
        lines
    }

    /// What an event is to a watcher with a selector.
    fn line(&self, logged: &Logged) -> Option<String> {
        let Place { resource, namespace, .. } = &self.place;
        if logged.resource != *resource || namespace.as_ref().is_some_and(|name| name != logged.after.namespace()) {
            return None;
        }
        let did = logged.before.as_ref().is_some_and(|before| self.selector.matches(&before.value));
        let does = self.selector.matches(&logged.after.value);
        let event = match (logged.event, did, does) {
            (WatchEvent::Deleted, true, _) => WatchEvent::Deleted,
            (WatchEvent::Deleted, false, _) | (_, false, false) => return None,
            (_, true, false) => WatchEvent::Deleted,
            (WatchEvent::Modified, false, true) => WatchEvent::Added,
            (event, _, true) => event,
        };
        Some(line(event, &self.place, &logged.after.value))
    }

    fn bookmark_line(&self, annotations: &Value) -> String {
        let (kind, version) = (self.place.resource.kind, self.place.resource.api_version());
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if annotations.as_object().is_some_and(|map| !map.is_empty()) {
            metadata["annotations"] = annotations.clone();
        }
        let object = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }
}

/// Objects in events name their kind, unlike those in lists.
fn line(event: WatchEvent, place: &Place, object: &Value) -> String {
    let mut object = object.clone();
    object["kind"] = json!(place.resource.kind);
    object["apiVersion"] = json!(place.resource.api_version());
    format!("{}\n", json!({"type": event.as_str(), "object": object}))
}
