//! Watches a cluster: the full set first, then changes, by the server's watch API.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;

use futures_util::FutureExt;
use futures_util::stream::{SelectAll, StreamExt};
use kube::Config;
use tokio::time::{Instant, sleep, sleep_until};

use super::K8s;
use super::api::Api;
use super::failure::ApiFailure;
use super::names::look_up;
use super::object_key::key;
use super::outage::{Outage, OutageChange};
use super::reader::{ClusterObjects, ListScope, NamespaceFault, ReadMode, gather};
use super::streams::{StreamOpener, StreamUpdate, Streams};
use super::watch_scope::{Object, ObjectKind, StreamId};
use super::watch_state::WatchState;
use super::watcher::StreamEvent;
use crate::engine::{Cancel, Retry};
use crate::error::{Error, Result};
use crate::model::{Listing, PartialError, Update, UpdateSink};
use crate::net::Deadline;
use crate::source::RECONNECT;

/// Events that are ready at once form one update, up to this number.
const MAX_BATCH: usize = 1000;

pub(super) async fn watch(options: &K8s, feed: &mut dyn UpdateSink) -> Result<()> {
    check_options(options)?;
    let deadline = Deadline::after(options.whole());
    let config = options.config(deadline).await?;
    let home = config.default_namespace.clone();
    let api = Api::new(config.clone(), options, deadline, Cancel::new())?;

    // One list with a deadline shows the permissions and whether the server has slices, and reports a refusal.
    let permissions = (home.as_str(), ReadMode::Permissions);
    let gathered = gather(&api, options, permissions, deadline, (feed.detail_level(), &mut Listing::default())).await?;
    ClusterWatch::new(options, config, gathered).await.run(feed).await
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

/// A watch in progress. Its streams retry for ever, and what they brought stays known meanwhile.
struct ClusterWatch<'o> {
    options: &'o K8s,
    opener: StreamOpener<'o>,
    streams: Streams,
    state: WatchState,
    outage: Outage,
    /// The server has no EndpointSlices.
    is_old: bool,
    /// Whether namespaces that are created later become scopes.
    follows_namespaces: bool,
    /// Whether the namespaces were listed, where each is a scope.
    has_namespaces: bool,
    /// Parts that cannot be read, to be reported with each complete set.
    faults: Vec<PartialError>,
    /// Those of them that are over as soon as the services of the namespace are read.
    namespace_faults: BTreeMap<String, NamespaceFault>,
    /// Whether the initial listing was reported.
    is_synced: bool,
    /// The server rejected the credentials; the number of times in a row.
    rejections: u32,
    is_rejected: bool,
    seed: u64,
}

impl<'o> ClusterWatch<'o> {
    /// Opens the streams that the permissions allow; those of endpoints and pods that are refused are requested again.
    async fn new(options: &'o K8s, config: Config, gathered: ClusterObjects) -> Self {
        let ClusterObjects { faults, namespace_faults, limits, scopes, unread, .. } = gathered;
        let ClusterObjects { with_endpoints, with_pods, without_slices, is_old, .. } = gathered;
        let follows_namespaces = options.has_pattern() || (options.all_namespaces && scopes != [None]);

        let mut watch = Self {
            options,
            opener: StreamOpener::new(options, config).await,
            streams: SelectAll::new(),
            state: WatchState::default(),
            outage: Outage::default(),
            is_old,
            follows_namespaces,
            has_namespaces: false,
            faults: faults.into_iter().chain(limits).collect(),
            namespace_faults,
            is_synced: false,
            rejections: 0,
            is_rejected: false,
            seed: Retry::random_seed(),
        };
        for scope in scopes {
            let mut awaited = vec![ObjectKind::Services];
            awaited.extend(with_endpoints.contains(&scope).then_some(ObjectKind::Endpoints));
            awaited.extend(with_pods.contains(&scope).then_some(ObjectKind::Pods));
            let is_without_slices = without_slices.contains(&scope);
            watch.state.add_scope(scope, is_without_slices, &awaited);
        }
        // What was reported as missing holds nothing up. It appears when it can be read.
        for namespace in unread {
            watch.state.add_scope(Some(namespace), is_old, &[]);
        }

        if watch.follows_namespaces {
            watch.streams.push(watch.opener.open_namespaces());
        }
        watch.open_objects(0);
        watch
    }

    /// Opens the streams of the scopes from this index on.
    fn open_objects(&mut self, first: usize) {
        let scopes: Vec<ListScope> = self.state.scopes().skip(first).cloned().collect();
        for (index, scope) in (first..).zip(&scopes) {
            for kind in ObjectKind::ALL {
                let is_without_slices = self.state.is_without_slices(index);
                self.streams.push(self.opener.open((index, kind), scope.as_deref(), is_without_slices));
            }
        }
    }

    async fn run(mut self, feed: &mut dyn UpdateSink) -> Result<()> {
        let end = Instant::now() + self.options.whole();
        loop {
            let next_change = self.outage.next_change();
            tokio::select! {
                update = self.streams.next() => match update {
                    Some(update) => self.take_batch(update),
                    None => return Ok(()),
                },
                () = sleep_until_some(next_change) => {}
                () = sleep_until(end), if !self.is_synced => {
                    let cause = self.outage.cause().unwrap_or(ApiFailure::Deadline(self.options.whole()));
                    return Err(cause.into_error("list the watched services"));
                }
            }

            self.report(feed).await;
            if self.is_rejected {
                self.renew_credentials(feed).await?;
            }
        }
    }

    /// Applies an event, and those that already wait.
    fn take_batch(&mut self, first: StreamUpdate) {
        self.take(first);
        for _ in 0..MAX_BATCH {
            let Some(Some(next)) = self.streams.next().now_or_never() else { break };
            self.take(next);
        }
    }

    fn take(&mut self, (stream, event): StreamUpdate) {
        match (stream, event) {
            (_, StreamEvent::Failed(failure)) if failure.code() == Some(401) => {
                self.outage.record_failure(stream, failure, Instant::now());
                self.is_rejected = true;
            }
            (_, StreamEvent::Failed(failure)) => self.take_failure(stream, failure),
            (_, StreamEvent::Following) => {
                self.outage.record_success(stream);
                self.rejections = 0;
            }
            (StreamId::Objects(scope, kind), event) => self.state.take(scope, kind, event),
            (StreamId::Namespaces, StreamEvent::Listed(object) | StreamEvent::Applied(object)) => {
                self.add_namespace(&object);
            }
            (StreamId::Namespaces, StreamEvent::ListEnded) => self.has_namespaces = true,
            (StreamId::Namespaces, _) => {}
        }
    }

    /// What is known stays, and the stream is requested again. What was refused from the start, or reported as missing, is
    /// not out of date.
    fn take_failure(&mut self, stream: StreamId, failure: ApiFailure) {
        let is_refused = failure.code() == Some(403);
        let (was_listed, is_reported) = match stream {
            StreamId::Objects(scope, kind) => {
                self.state.abandon_list(scope, kind, !self.is_synced && !is_refused);
                let namespace = self.state.scopes().nth(scope).and_then(Option::as_ref);
                let is_reported = namespace.is_some_and(|namespace| self.namespace_faults.contains_key(namespace));
                (self.state.is_complete(scope, kind), is_reported)
            }
            StreamId::Namespaces => (self.has_namespaces, false),
        };
        if was_listed || !(is_refused || is_reported) {
            self.outage.record_failure(stream, failure, Instant::now());
        }
    }

    /// Watches a namespace too, if the options select it.
    fn add_namespace(&mut self, object: &Object) {
        let (_, name) = key(object.metadata());
        let scope = Some(name.clone());
        if !self.options.selects(&name) || self.state.scopes().any(|known| *known == scope) {
            return;
        }
        let is_reported = self.namespace_faults.contains_key(&name);
        let awaited: &[ObjectKind] = if is_reported { &[] } else { &ObjectKind::ALL };
        let index = self.state.add_scope(scope, self.is_old, awaited);
        self.open_objects(index);
    }

    /// Reports what changed: of the services, and of the outage.
    async fn report(&mut self, feed: &mut dyn UpdateSink) {
        let change = self.outage.change(Instant::now());
        let is_over = matches!(change, Some(OutageChange::Over));
        if let Some(OutageChange::Begun(cause)) = change {
            feed.mark_stale(cause.into_fault("watch the services"));
        }

        let updates = if self.state.is_listing() { Vec::new() } else { self.updates().await };
        self.is_synced |= !updates.is_empty();
        if self.outage.is_reported() {
            // The rest is still out of date.
            if !updates.is_empty() {
                feed.apply_derived(updates);
            }
        } else if !updates.is_empty() || (is_over && self.is_synced) {
            feed.apply(updates);
        }
    }

    async fn updates(&mut self) -> Vec<Update> {
        let names: BTreeSet<String> = self.state.take_new_names();
        if !names.is_empty() {
            let resolved = look_up(self.options, names.clone(), Deadline::after(self.options.whole())).await;
            self.state.set_names(names, &resolved.names);
        }

        let mut updates = self.state.updates();
        updates.extend(self.recovered());
        if updates.iter().any(|update| matches!(update, Update::Reset(_))) {
            updates.extend(self.faults.iter().cloned().map(Update::PartialError));
        }
        updates
    }

    /// The ends of the errors of namespaces whose services are known now.
    fn recovered(&mut self) -> Vec<Update> {
        let state = &self.state;
        let over = self.namespace_faults.extract_if(.., |namespace, fault| {
            if fault.is_absent { state.has_services_in(namespace) } else { state.has_listed(namespace) }
        });
        let mut over: BTreeSet<String> = over.map(|(_, fault)| fault.operation).collect();

        // An error of several namespaces is over with the last of them.
        over.retain(|operation| self.namespace_faults.values().all(|fault| fault.operation != *operation));
        self.faults.retain(|fault| !over.contains(&fault.operation));
        over.into_iter().map(Update::Recovered).collect()
    }

    /// Reads the credentials again, and opens every stream anew.
    ///
    /// # Errors
    /// The credentials never worked.
    async fn renew_credentials(&mut self, feed: &mut dyn UpdateSink) -> Result<()> {
        self.is_rejected = false;
        let cause = self.outage.cause().unwrap_or(ApiFailure::Deadline(self.options.whole()));
        if !self.is_synced {
            return Err(cause.into_error("list the watched services"));
        }

        self.streams = SelectAll::new();
        let scopes = self.state.scopes().count();
        for (scope, kind) in (0..scopes).flat_map(|scope| ObjectKind::ALL.map(|kind| (scope, kind))) {
            self.state.abandon_list(scope, kind, false);
        }
        if let Some(OutageChange::Begun(cause)) = self.outage.begin() {
            feed.mark_stale(cause.into_fault("watch the services"));
        }

        let config = loop {
            self.rejections = self.rejections.saturating_add(1);
            sleep(RECONNECT.wait(&mut self.seed, self.rejections)).await;
            // The outage is reported already.
            if let Ok(config) = self.options.config(Deadline::after(self.options.whole())).await {
                break config;
            }
        };
        self.opener = StreamOpener::new(self.options, config).await;
        if self.follows_namespaces {
            self.streams.push(self.opener.open_namespaces());
        }
        self.open_objects(0);
        Ok(())
    }
}

/// Waits until this time; forever without one.
async fn sleep_until_some(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
