//! Watches a cluster: the full set first, then changes, by the server's watch API.

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
use super::reader::{ClusterObjects, ListScope, ReadMode, gather};
use super::watch_scope::{Object, ObjectKind, WatchScope};
use super::watch_state::WatchState;
use crate::engine::Cancel;
use crate::error::{Error, Result};
use crate::model::{Listing, Update, UpdateSink};
use crate::net::Deadline;

/// Events that are ready at once form one update, up to this number.
const MAX_BATCH: usize = 1000;
/// Seconds after which the server ends a watch; the client resumes it. A server that stays silent for five more seconds (kube's
/// margin) is dead.
const RENEWAL: u32 = 60;
/// After this many failures of one stream in a row the whole watch restarts, and tests the permissions again.
const MAX_FAILURES: u32 = 3;

/// The index of a part, and its event.
type PartUpdate = (usize, Result<Event<Object>, WatchError>);
type Streams = SelectAll<Pin<Box<dyn Stream<Item = PartUpdate> + Send>>>;

pub(super) async fn watch(options: &K8s, feed: &mut dyn UpdateSink) -> Result<()> {
    check_options(options)?;
    let deadline = Deadline::after(options.whole());
    let config = options.config(deadline).await?;
    let home = config.default_namespace.clone();
    let api = Api::new(config, options, deadline, Cancel::new())?;

    // One list with a deadline shows the permissions and whether the server has slices, and reports a refusal.
    let permissions = (home.as_str(), ReadMode::Permissions);
    let gathered = gather(&api, options, permissions, deadline, (feed.detail_level(), &mut Listing::default())).await?;
    let ClusterObjects { faults, limits, scopes, with_endpoints, with_pods, without_slices, .. } = gathered;
    let watch_scope = WatchScope { with_endpoints, with_pods, without_slices };
    let mut streams = open(&api, options, &scopes, &watch_scope);
    let mut state = WatchState::new(&scopes, watch_scope);
    let mut failures = vec![0; scopes.len() * ObjectKind::ALL.len()];
    let mut faults: Vec<Update> = faults.into_iter().chain(limits).map(Update::PartialError).collect();
    let mut end = Instant::now() + options.whole();

    loop {
        let next = if state.is_listing() {
            let listed = timeout_at(end, streams.next()).await;
            listed.map_err(|_| ApiFailure::Deadline(options.whole()).into_error("list the watched services"))?
        } else {
            streams.next().await
        };
        let Some(first) = next else { return Ok(()) };
        take(first, &mut state, &mut failures)?;
        for _ in 0..MAX_BATCH {
            let Some(Some(next)) = streams.next().now_or_never() else { break };
            take(next, &mut state, &mut failures)?;
        }
        if state.is_listing() {
            continue;
        }

        end = Instant::now() + options.whole();
        let names = state.new_names();
        if !names.is_empty() {
            let resolved = look_up(options, names.clone(), Deadline::after(options.whole())).await;
            state.set_names(names, &resolved.names);
        }

        let mut updates = state.updates();
        updates.append(&mut faults);
        if !updates.is_empty() {
            feed.apply(updates);
        }
    }
}

/// # Errors
/// Options that a watch does not support.
fn check_options(options: &K8s) -> Result<()> {
    options.check()?;
    let hint = "leave one of them out; without --watch both are listed";
    match (options.pods, options.ingress) {
        (true, _) => Err(Error::usage("--pods", "a watch reports only services and their endpoints", hint)),
        (_, true) => Err(Error::usage("--ingress", "a watch reports only services and their endpoints", hint)),
        _ => Ok(()),
    }
}

/// Applies an event. A failed stream resumes by itself, or lists all objects again.
///
/// # Errors
/// Too many failures in a row.
fn take((part, event): PartUpdate, state: &mut WatchState, failures: &mut [u32]) -> Result<()> {
    match event {
        Ok(event) => {
            failures[part] = 0;
            state.take(part, event);
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

/// A stream for every readable kind of object in every scope.
fn open(api: &Api, options: &K8s, scopes: &[ListScope], watch_scope: &WatchScope) -> Streams {
    let all =
        Config { field_selector: options.selector_of_all(), ..Config::default().timeout(RENEWAL).page_size(PAGE) };
    let selected = Config {
        label_selector: options.selector.clone(),
        field_selector: options.selector_of_services(),
        ..all.clone()
    };

    let mut streams = SelectAll::new();
    for (index, scope) in scopes.iter().enumerate() {
        let namespace = scope.as_deref();
        let services = watcher(scoped::<Service>(api, namespace), selected.clone());
        let part = ObjectKind::Services.part(index);
        streams.push(numbered(part, services, |service| Object::Service(Box::new(service))));

        if watch_scope.includes(ObjectKind::Endpoints, scope) {
            let part = ObjectKind::Endpoints.part(index);
            streams.push(if watch_scope.without_slices.contains(scope) {
                numbered(part, watcher(scoped::<Endpoints>(api, namespace), all.clone()), Object::Endpoints)
            } else {
                numbered(part, watcher(scoped::<EndpointSlice>(api, namespace), all.clone()), Object::Slice)
            });
        }
        if watch_scope.includes(ObjectKind::Pods, scope) {
            let pods = watcher(scoped::<Pod>(api, namespace), all.clone());
            streams.push(numbered(ObjectKind::Pods.part(index), pods, |pod| Object::Pod(Box::new(pod))));
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
    Box::pin(events.default_backoff().map(move |event| (part, event.map(|event| map_event(event, object)))))
}

fn map_event<K>(event: Event<K>, object: fn(K) -> Object) -> Event<Object> {
    match event {
        Event::Apply(one) => Event::Apply(object(one)),
        Event::Delete(one) => Event::Delete(object(one)),
        Event::Init => Event::Init,
        Event::InitApply(one) => Event::InitApply(object(one)),
        Event::InitDone => Event::InitDone,
    }
}
