//! Follows one kind of object in one scope: lists it, then watches it, and asks again for ever.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use kube::api::{ListParams, WatchParams};
use kube::core::WatchEvent;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::api::PAGE;
use super::failure::ApiFailure;
use super::watch_lines::WatchLines;
use super::watch_scope::Object;
use crate::engine::{Retry, RetryDecision};
use crate::source::RECONNECT;

/// What a stream reports.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A list begins. Objects that it does not contain are gone at its end.
    ListBegun,
    Listed(Object),
    ListEnded,
    Applied(Object),
    Deleted(Object),
    /// The server sends events again: nothing is missing.
    Following,
    /// An attempt failed; another one follows.
    Failed(ApiFailure),
}

/// The events of one kind of object. They never end.
pub(super) type StreamEvents = Pin<Box<dyn Stream<Item = StreamEvent> + Send>>;

/// Which objects to follow, and how.
#[derive(Clone, Debug)]
pub(super) struct WatchOptions {
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    /// The time limit for a page of a list.
    pub(super) timeout: Duration,
}

/// Seconds after which the server ends a watch; the client resumes it.
const RENEWAL: u32 = 60;
/// A server that stays silent for so long after that is dead.
const MARGIN: Duration = Duration::from_secs(5);
/// A watch that lasted so long works.
const SETTLED: Duration = Duration::from_secs(1);
/// Retries of objects that were never listed and are refused: the permission is missing, and seldom granted later.
const RETRY_REFUSED: Retry = Retry { cap: Duration::from_mins(1), ..RECONNECT };

/// The events of the objects of type `K`; `object` makes them objects of the watch.
pub(super) fn follow<K>(api: Api<K>, options: WatchOptions, object: fn(K) -> Object) -> StreamEvents
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let watcher = Watcher {
        client: api.clone().into_client(),
        api,
        options,
        object,
        phase: Phase::List(None),
        queue: VecDeque::new(),
        failures: 0,
        was_listed: false,
        pause: Duration::ZERO,
        seed: Retry::random_seed(),
    };
    Box::pin(stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await, watcher)) }))
}

struct Watcher<K> {
    client: Client,
    api: Api<K>,
    options: WatchOptions,
    object: fn(K) -> Object,
    phase: Phase<K>,
    /// Events to report before the next request.
    queue: VecDeque<StreamEvent>,
    /// Failures since the stream last worked.
    failures: u32,
    was_listed: bool,
    /// The pause before the next request.
    pause: Duration,
    seed: u64,
}

enum Phase<K> {
    /// Request the page with this token, or the first one.
    List(Option<String>),
    /// Request the events after this version.
    Start(String),
    Follow(WatchConnection<K>),
}

struct WatchConnection<K> {
    version: String,
    since: Instant,
    /// Whether it was reported as following.
    is_settled: bool,
    lines: WatchLines<K>,
}

impl<K> Watcher<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    async fn next(&mut self) -> StreamEvent {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return event;
            }

            sleep(std::mem::take(&mut self.pause)).await;
            if let Err(failure) = self.advance().await {
                self.failures = self.failures.saturating_add(1);
                self.pause = self.pause_after(&failure);
                return StreamEvent::Failed(failure);
            }
        }
    }

    /// Takes one step, which fills the queue or changes the phase.
    async fn advance(&mut self) -> Result<(), ApiFailure> {
        match std::mem::replace(&mut self.phase, Phase::List(None)) {
            Phase::List(token) => self.list(token).await,
            Phase::Start(version) => self.start(version).await,
            Phase::Follow(connection) => self.receive(connection).await,
        }
    }

    /// Requests a page of the list. If that fails, the list starts anew.
    async fn list(&mut self, token: Option<String>) -> Result<(), ApiFailure> {
        let is_first = token.is_none();
        let params = ListParams {
            label_selector: self.options.labels.clone(),
            field_selector: self.options.fields.clone(),
            limit: Some(PAGE),
            continue_token: token,
            ..ListParams::default()
        };

        let page = timeout(self.options.timeout, self.api.list(&params)).await;
        let page = page.map_err(|_| ApiFailure::TimedOut(self.options.timeout))?;
        let page = page.map_err(|error| failure(&error))?;

        if is_first {
            self.queue.push_back(StreamEvent::ListBegun);
        }
        let object = self.object;
        self.queue.extend(page.items.into_iter().map(|one| StreamEvent::Listed(object(one))));

        let version = page.metadata.resource_version.filter(|version| !version.is_empty());
        self.phase = match (page.metadata.continue_.filter(|token| !token.is_empty()), version) {
            (Some(token), _) => Phase::List(Some(token)),
            (None, Some(version)) => {
                self.queue.push_back(StreamEvent::ListEnded);
                self.was_listed = true;
                Phase::Start(version)
            }
            (None, None) => return Err(ApiFailure::Malformed("it has no resourceVersion".to_owned())),
        };
        Ok(())
    }

    async fn start(&mut self, version: String) -> Result<(), ApiFailure> {
        let params = WatchParams {
            label_selector: self.options.labels.clone(),
            field_selector: self.options.fields.clone(),
            timeout: Some(RENEWAL),
            ..WatchParams::default()
        };

        let request = kube::core::Request::new(self.api.resource_url()).watch(&params, &version);
        let request = request.map_err(|error| ApiFailure::Malformed(error.to_string()))?;
        match WatchLines::open(&self.client, request).await {
            Ok(lines) => {
                let since = Instant::now();
                self.phase = Phase::Follow(WatchConnection { version, since, is_settled: false, lines });
                Ok(())
            }
            Err(failure) if failure.code() == Some(410) => self.expired(),
            Err(failure) => {
                self.phase = Phase::Start(version);
                Err(failure)
            }
        }
    }

    /// Waits for the next event of a watch.
    async fn receive(&mut self, mut connection: WatchConnection<K>) -> Result<(), ApiFailure> {
        let limit = if connection.is_settled { Duration::from_secs(RENEWAL.into()) + MARGIN } else { SETTLED };
        let event = match timeout(limit, connection.lines.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return self.ended(connection),
            Err(_) if connection.is_settled => return self.ended(connection),
            Err(_) => {
                self.settle(&mut connection);
                self.phase = Phase::Follow(connection);
                return Ok(());
            }
        };

        let (object, is_deleted) = match event {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => (object, false),
            Ok(WatchEvent::Deleted(object)) => (object, true),
            Ok(WatchEvent::Bookmark(bookmark)) => {
                connection.version = bookmark.metadata.resource_version;
                self.settle(&mut connection);
                self.phase = Phase::Follow(connection);
                return Ok(());
            }
            Ok(WatchEvent::Error(status)) if status.code == 410 => return self.expired(),
            Ok(WatchEvent::Error(status)) => {
                self.phase = Phase::Start(connection.version);
                return Err(ApiFailure::of_status(&status));
            }
            Err(failure) => {
                self.phase = Phase::Start(connection.version);
                return Err(failure);
            }
        };

        if let Some(version) = object.meta().resource_version.clone().filter(|version| !version.is_empty()) {
            connection.version = version;
        }
        self.settle(&mut connection);
        let object = (self.object)(object);
        self.queue.push_back(if is_deleted { StreamEvent::Deleted(object) } else { StreamEvent::Applied(object) });
        self.phase = Phase::Follow(connection);
        Ok(())
    }

    /// Reports once that the watch works.
    fn settle(&mut self, connection: &mut WatchConnection<K>) {
        if !std::mem::replace(&mut connection.is_settled, true) {
            self.failures = 0;
            self.queue.push_back(StreamEvent::Following);
        }
    }

    /// The server ended the watch in good order; the next one follows at once, unless this one was very short.
    fn ended(&mut self, connection: WatchConnection<K>) -> Result<(), ApiFailure> {
        if connection.since.elapsed() < SETTLED {
            self.pause = SETTLED;
        }
        self.phase = Phase::Start(connection.version);
        Ok(())
    }

    /// The server no longer has the events after the last version: the list starts anew.
    fn expired(&mut self) -> Result<(), ApiFailure> {
        self.pause = if self.failures > 0 { SETTLED } else { Duration::ZERO };
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::List(None);
        Ok(())
    }

    fn pause_after(&mut self, failure: &ApiFailure) -> Duration {
        if failure.is_refusal() && !self.was_listed {
            return RETRY_REFUSED.wait(&mut self.seed, self.failures);
        }
        match failure.retry_decision() {
            RetryDecision::After(pause) => pause.min(RECONNECT.cap),
            RetryDecision::Yes | RetryDecision::No => RECONNECT.wait(&mut self.seed, self.failures),
        }
    }
}

fn failure(error: &kube::Error) -> ApiFailure {
    match error {
        kube::Error::Api(status) => ApiFailure::of_status(status),
        error => ApiFailure::of_client(error),
    }
}
