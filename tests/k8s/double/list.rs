//! LIST: pages, snapshots, and requested versions.

use std::fmt::Write;
use std::sync::Arc;

use http::{HeaderValue, Response, header};

use super::Shared;
use super::answer::{self, Body};
use super::resource::Place;
use super::route::Query;
use super::selector::Selector;
use super::status::{expired_token, status, version_too_large};
use super::store::{Object, Snapshot, Store};

/// How the client wants the list.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// `as=PartialObjectMetadataList`.
    pub metadata_only: bool,
    pub gzip: bool,
}

pub fn list(shared: &Shared, place: &Place, query: &Query, wanted: Wanted) -> Response<Body> {
    let get = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let selector = match Selector::parse(get("labelSelector"), get("fieldSelector")) {
        Ok(selector) => selector,
        Err(message) => return answer::json(400, &status(400, "BadRequest", &message)),
    };
    let mut store = shared.store.lock().unwrap();
    let Place { resource, namespace, .. } = place;
    let namespace = namespace.as_deref();
    let (revision, all, at) = match get("continue") {
        "" => {
            if let Err(refused) = version(&store, get("resourceVersion"), get("resourceVersionMatch")) {
                return *refused;
            }
            (store.revision, store.select(*resource, namespace, &selector, None).into(), 0)
        }
        token => match store.snapshots.get(token).cloned() {
            None => return answer::json(400, &status(400, "BadRequest", "continue key is not valid")),
            Some(snapshot) if snapshot.expired => {
                // The current objects, from where the old list stopped.
                let all = store.select(*resource, namespace, &selector, Some(&snapshot.last)).into();
                let next = Snapshot { revision: store.revision, all, at: 0, expired: false, ..snapshot };
                return answer::json(410, &expired_token(&keep(&mut store, next)));
            }
            Some(snapshot) => (snapshot.revision, snapshot.all, snapshot.at),
        },
    };
    // A list from the cache takes no limit.
    let limit = get("limit").parse().ok().filter(|limit| *limit > 0 && get("resourceVersion") != "0");
    let end = limit.map_or(all.len(), |limit: usize| all.len().min(at + limit));
    let (objects, remaining) = (&all[at..end], all.len() - end);
    let mut token = String::new();
    if remaining > 0 {
        let last = objects.last().map(|last| (last.namespace().to_owned(), last.name().to_owned())).unwrap_or_default();
        let expired = std::mem::take(&mut store.next_expires);
        token = keep(&mut store, Snapshot { revision, all: Arc::clone(&all), at: end, last, expired });
    }
    drop(store);
    let metadata: Vec<Arc<Object>>;
    let (kind, version, objects) = if wanted.metadata_only {
        metadata = objects.iter().map(|object| Arc::new(object.metadata())).collect();
        ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned(), metadata.as_slice())
    } else {
        (place.resource.kind, place.resource.api_version(), objects)
    };
    let list = text((kind, &version), revision, &token, remaining, selects(query), objects);
    answer::text(list, wanted.gzip)
}

/// Whether the list is restricted; what remains is not counted then.
fn selects(query: &Query) -> bool {
    ["labelSelector", "fieldSelector"].iter().any(|key| query.get(*key).is_some_and(|value| !value.is_empty()))
}

fn keep(store: &mut Store, snapshot: Snapshot) -> String {
    let token = format!("token-{}-{}", snapshot.revision, store.snapshots.len());
    store.snapshots.insert(token.clone(), snapshot);
    token
}

/// Whether the requested version is available.
fn version(store: &Store, asked: &str, how: &str) -> Result<(), Box<Response<Body>>> {
    let Ok(asked) = asked.parse::<u64>() else { return Ok(()) };
    if asked > store.revision {
        let mut response = answer::json(504, &version_too_large(asked, store.revision));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return Err(Box::new(response));
    }
    if how == "Exact" && asked < store.compacted {
        let message = "The resourceVersion for the provided list is too old.";
        return Err(Box::new(answer::json(410, &status(410, "Expired", message))));
    }
    Ok(())
}

fn text(
    (kind, version): (&str, &str),
    revision: u64,
    token: &str,
    remaining: usize,
    selects: bool,
    objects: &[Arc<Object>],
) -> String {
    let size: usize = objects.iter().map(|object| object.text.len() + 1).sum();
    let mut list = String::with_capacity(size + 256);
    let _ =
        write!(list, r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{{"resourceVersion":"{revision}""#);
    if !token.is_empty() {
        let _ = write!(list, r#","continue":"{token}""#);
        if !selects {
            let _ = write!(list, r#","remainingItemCount":{remaining}"#);
        }
    }
    list.push_str(r#"},"items":["#);
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            list.push(',');
        }
        list.push_str(&object.text);
    }
    list.push_str("]}\n");
    list
}
