//! A cluster watched: the full set first, then what becomes of it, by the server's own word.

use std::pin::Pin;

use futures_util::FutureExt;
use futures_util::stream::{SelectAll, Stream, StreamExt};
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::Api as KubeApi;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Error as WatchError, Event, watcher};
use tokio::time::{Instant, timeout_at};

use super::K8s;
use super::api::{Api, PAGE};
use super::failure::ApiFailure;
use super::names::look_up;
use super::pods::Pod;
use super::reader::{ClusterObjects, Namespaced, ReadMode, gather};
use super::watch_scope::{Object, ObjectKind, WatchScope};
use super::watched::WatchedParts;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Listing, Update, UpdateSink};
use crate::net::Deadline;

/// What belongs together is told together, but not for ever.
const TOGETHER: usize = 1000;
/// The seconds after which the server ends a watch, which is then begun anew from where it was. Where nothing is heard of it
/// five seconds later (kube's margin), the server is dead.
const RENEWAL: u32 = 60;
/// So many failures in a row of one stream, and the watch is begun anew, from whether it may be at all.
const MAX_FAILURES: u32 = 3;

/// The number of a part, and what was said of it.
type PartUpdate = (usize, Result<Event<Object>, WatchError>);
type Streams = SelectAll<Pin<Box<dyn Stream<Item = PartUpdate> + Send>>>;

pub(super) async fn watch(options: &K8s, feed: &mut dyn UpdateSink) -> Result<()> {
    agree(options)?;
    let deadline = Deadline::after(options.whole());
    let config = options.config(deadline).await?;
    let home = config.default_namespace.clone();
    let api = Api::new(config, options, deadline, Cancel::new())?;
    // What may be read, and whether the server has slices: asked with a deadline, and refused with a reason.
    let rights = (home.as_str(), ReadMode::Rights);
    let gathered = gather(&api, options, rights, deadline, (feed.detail_level(), &mut Listing::default())).await?;
    let ClusterObjects { faults, limits, places, with_endpoints, with_pods, is_old, .. } = gathered;
    let heard = WatchScope { with_endpoints, with_pods, is_old };
    let mut streams = open(&api, options, &places, &heard);
    let mut watched = WatchedParts::new(&places, heard);
    let mut failures = vec![0; places.len() * ObjectKind::ALL.len()];
    let mut faults: Vec<Update> = faults.into_iter().chain(limits).map(Update::PartialError).collect();
    let mut end = Instant::now() + options.whole();
    loop {
        let next = if watched.is_listing() {
            let given_up = |_| ApiFailure::Deadline(options.whole()).into_error("list what is to be watched");
            timeout_at(end, streams.next()).await.map_err(given_up)?
        } else {
            streams.next().await
        };
        let Some(first) = next else { return Ok(()) };
        hear(first, &mut watched, &mut failures)?;
        for _ in 0..TOGETHER {
            let Some(Some(next)) = streams.next().now_or_never() else { break };
            hear(next, &mut watched, &mut failures)?;
        }
        if watched.is_listing() {
            continue;
        }
        end = Instant::now() + options.whole();
        let names = watched.new_names();
        if !names.is_empty() {
            let looked = look_up(options, names.clone(), Deadline::after(options.whole())).await;
            watched.name(names, &looked.names);
        }
        let mut updates = watched.updates();
        updates.append(&mut faults);
        if !updates.is_empty() {
            feed.apply(updates);
        }
    }
}

/// # Errors
/// Options that a watch cannot heed.
fn agree(options: &K8s) -> Result<()> {
    options.check()?;
    let hint = "leave one of them out; without --watch both are listed";
    match (options.pods, options.ingress) {
        (true, _) => Err(Error::usage("--pods", "a watch tells of services and their endpoints only", hint)),
        (_, true) => Err(Error::usage("--ingress", "a watch tells of services and their endpoints only", hint)),
        _ => Ok(()),
    }
}

/// Takes in what was heard. A stream that fails goes on by itself, from where it was or with all of it anew.
///
/// # Errors
/// Where it failed too often in a row.
fn hear((part, heard): PartUpdate, watched: &mut WatchedParts, failures: &mut [u32]) -> Result<()> {
    match heard {
        Ok(event) => {
            failures[part] = 0;
            watched.take(part, event);
        }
        Err(error) => {
            failures[part] += 1;
            if failures[part] >= MAX_FAILURES {
                return Err(failure(error).into_error("watch the services"));
            }
        }
    }
    Ok(())
}

fn failure(error: WatchError) -> ApiFailure {
    let error = match error {
        WatchError::InitialListFailed(error) | WatchError::WatchStartFailed(error) | WatchError::WatchFailed(error) => {
            error
        }
        WatchError::WatchError(status) => kube::Error::Api(status),
        WatchError::NoResourceVersion => return ApiFailure::Malformed("it has no resourceVersion".to_owned()),
    };
    match error {
        kube::Error::Api(status) => ApiFailure::of_status(&status),
        error => ApiFailure::of_client(&error),
    }
}

/// A stream for every kind of object in every place, where it may be read.
fn open(api: &Api, options: &K8s, places: &[Namespaced], heard: &WatchScope) -> Streams {
    let all = Config::default().timeout(RENEWAL).page_size(PAGE);
    let chosen = Config {
        label_selector: options.selector.clone(),
        field_selector: options.field_selector.clone(),
        ..all.clone()
    };
    let mut streams = SelectAll::new();
    for (at, place) in places.iter().enumerate() {
        let namespace = place.as_deref();
        let of_services = watcher(scoped::<Service>(api, namespace), chosen.clone());
        streams
            .push(numbered(ObjectKind::Services.part(at), of_services, |service| Object::Service(Box::new(service))));
        let part = ObjectKind::Endpoints.part(at);
        let is_heard = |kind| heard.hears(kind, place);
        streams.extend(is_heard(ObjectKind::Endpoints).then(|| {
            if heard.is_old {
                numbered(part, watcher(scoped::<Endpoints>(api, namespace), all.clone()), Object::Endpoints)
            } else {
                numbered(part, watcher(scoped::<EndpointSlice>(api, namespace), all.clone()), Object::Slice)
            }
        }));
        if is_heard(ObjectKind::Pods) {
            let of_pods = watcher(scoped::<Pod>(api, namespace), all.clone());
            streams.push(numbered(ObjectKind::Pods.part(at), of_pods, |pod| Object::Pod(Box::new(pod))));
        }
    }
    streams
}

fn scoped<K>(api: &Api, namespace: Option<&str>) -> KubeApi<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => KubeApi::namespaced(api.client(), namespace),
        None => KubeApi::all(api.client()),
    }
}

fn numbered<K: Send + 'static>(
    part: usize,
    events: impl Stream<Item = Result<Event<K>, WatchError>> + Send + 'static,
    object: fn(K) -> Object,
) -> Pin<Box<dyn Stream<Item = PartUpdate> + Send>> {
    let one = move |event| match event {
        Event::Apply(one) => Event::Apply(object(one)),
        Event::Delete(one) => Event::Delete(object(one)),
        Event::Init => Event::Init,
        Event::InitApply(one) => Event::InitApply(object(one)),
        Event::InitDone => Event::InitDone,
    };
    Box::pin(events.default_backoff().map(move |heard| (part, heard.map(one))))
}
