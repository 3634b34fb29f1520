//! Requests to the API server: limited in time and bytes, retried where that helps; lists arrive page by page.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Limited;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tower::timeout::TimeoutLayer;
use tower::util::MapResponseLayer;
use tower::{BoxError, Service};

use super::exchange::{MAX_BYTES, exchange};
use super::failure::ApiFailure;
use super::page::{ListPage, next_token};
use super::{K8s, certificate};
use crate::clean::clean;
use crate::engine::{Breaker, BreakerOptions, CallOutcome, Cancel, Clock, Retry, RetryDecision, RetryError};
use crate::error::{Error, Result};
use crate::net::Deadline;

/// Objects per page: few enough to be freed soon, many enough that round trips do not dominate.
pub(super) const PAGE: u32 = 250;
/// A page that is too large is requested again with this many times fewer objects.
const REDUCED_PAGE: u32 = 16;
/// The maximum size of any response, watches included. It is slightly larger, so that the reader above reports its own limit.
const MAX_RECEIVED: usize = MAX_BYTES + (1 << 20);
/// Attempts per request.
const MAX_ATTEMPTS: u32 = 5;
/// After this many server failures in a row no more requests are sent.
const MAX_FAILURES: u32 = 3;

/// What the audit log of the server shows.
const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));

/// An API server with a deadline.
pub(super) struct Api {
    client: Client,
    /// Its address, for messages.
    server: String,
    takes_gzip: bool,
    /// The day on which the client's certificate expired.
    expired: Option<String>,
    timeout: Duration,
    whole: Duration,
    deadline: Deadline,
    breaker: Breaker,
    cancel: Cancel,
}

/// The next page of a list, requested before the current one is parsed.
struct NextPage {
    token: String,
    reply: AbortOnDropHandle<Result<Vec<u8>, ApiFailure>>,
}

impl Api {
    /// Does not connect yet. `cancel` ends all requests.
    ///
    /// # Errors
    /// The credentials are unusable.
    pub(super) fn new(config: Config, options: &K8s, deadline: Deadline, cancel: Cancel) -> Result<Self> {
        let takes_gzip = !config.disable_compression;
        let expired = certificate::expired(&config.auth_info, Timestamp::now());
        let server = display_url(&config);
        let client = client(config, options.timeout)?;

        // Once open, the circuit stays open: a listing ends before a server recovers.
        let failures =
            BreakerOptions { window: MAX_FAILURES, failures: MAX_FAILURES, recovery: options.whole(), trials: 1 };
        let breaker = Breaker::new(failures, Clock::runtime());
        let (timeout, whole) = (options.timeout, options.whole());

        Ok(Self { client, server, takes_gzip, expired, timeout, whole, deadline, breaker, cancel })
    }

    /// Reads the object at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiFailure> {
        self.ask(
            || Request::get(path).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest),
            None,
            &|_| (),
        )
        .await
    }

    /// As [`list_at`](Self::list_at), for a kind that the library defines.
    pub(super) async fn list<K>(
        &self,
        namespace: Option<&str>,
        params: &ListParams,
        each: &mut (dyn FnMut(Vec<K>, u64) + Send),
    ) -> Result<(), ApiFailure>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        self.list_at(&K::url_path(&(), namespace), params, each).await
    }

    /// Hands every object of a list to `each`, page by page, with the number of objects left. An object may come twice if the
    /// list restarts; the later one counts. With a limit in `params`, only that many objects are read.
    pub(super) async fn list_at<K: DeserializeOwned>(
        &self,
        path: &str,
        params: &ListParams,
        each: &mut (dyn FnMut(Vec<K>, u64) + Send),
    ) -> Result<(), ApiFailure> {
        let request = kube::core::Request::new(path);
        let first_page_only = params.limit.is_some();
        let mut params = ListParams { limit: params.limit.or(Some(PAGE)), ..params.clone() };
        let mut expired = 0;
        let next = Mutex::new(None);

        loop {
            let started =
                next.lock().take().filter(|next: &NextPage| Some(&next.token) == params.continue_token.as_ref());
            // The server and the network work on the next page while this one is parsed.
            let request_next = |page: &[u8]| {
                let token = next_token(page).filter(|token| Some(token) != params.continue_token.as_ref());
                if let Some(token) = token.filter(|_| !first_page_only) {
                    *next.lock() = self.start(&request, &params, token);
                }
            };

            let page = self.ask::<ListPage<K>>(|| request.list(&params), started, &request_next).await;
            let token = match page.and_then(ListPage::objects) {
                Ok((items, metadata)) => {
                    let left = metadata.remaining_item_count.and_then(|left| u64::try_from(left).ok());
                    each(items, left.unwrap_or(0));
                    let token = metadata.continue_.filter(|token| !token.is_empty() && !first_page_only);
                    if token.is_some() && token == params.continue_token {
                        return Err(ApiFailure::Malformed("the list names the same next page again".to_owned()));
                    }
                    token
                }
                // The list's snapshot expired on the server. Its token continues with the current state; without one the
                // list restarts.
                Err(ApiFailure::Answer { code: 410, token, .. }) if expired < MAX_ATTEMPTS => {
                    expired += 1;
                    params.continue_token = token;
                    continue;
                }
                // Large objects: request fewer of them.
                Err(ApiFailure::TooLarge) if params.limit > Some(1) => {
                    params.limit = params.limit.map(|limit| (limit / REDUCED_PAGE).max(1));
                    continue;
                }
                Err(failure) => return Err(failure),
            };

            match token {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(()),
            }
        }
    }

    /// Sends the request for the page of a list with this token.
    fn start(&self, list: &kube::core::Request, params: &ListParams, token: String) -> Option<NextPage> {
        let params = ListParams { continue_token: Some(token.clone()), ..params.clone() };
        let request = list.list(&params).ok()?;
        let reply = tokio::spawn(exchange(self.client.clone(), request, self.takes_gzip));
        Some(NextPage { token, reply: AbortOnDropHandle::new(reply) })
    }

    /// Sends a request until a reply arrives or a retry is useless. The first attempt may be `started` already. `each_reply`
    /// gets every reply before it is parsed.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> Result<Request<Vec<u8>>, kube::core::request::Error>,
        started: Option<NextPage>,
        each_reply: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<T, ApiFailure> {
        let Ok(permit) = self.breaker.permit() else { return Err(ApiFailure::CircuitOpen) };

        let total = self.deadline.left();
        let retry =
            Retry { attempts: MAX_ATTEMPTS, base: Duration::from_millis(200), cap: Duration::from_secs(5), total };
        let timeouts = AtomicU32::new(0);
        let mut started = started.map(|next| next.reply);
        let attempts = retry.run(
            Retry::random_seed(),
            |_| {
                let reply = self.reply(request(), started.take());
                self.try_once(reply, self.patience(timeouts.load(Ordering::Relaxed)), each_reply)
            },
            |failure| decide(failure, &timeouts),
        );
        let reply = tokio::select! {
            reply = attempts => reply,
            () = self.cancel.cancelled() => Err(RetryError::Final { error: ApiFailure::Stopped }),
        };

        let reply = reply.map_err(|error| match (error.into_error(), &self.expired) {
            (None, _) => ApiFailure::Deadline(self.whole),
            (Some(failure), _) if failure.code() == Some(401) && self.server.starts_with("http:") => {
                ApiFailure::Unencrypted
            }
            (Some(failure), Some(day)) if failure.code() == Some(401) => ApiFailure::Expired(day.clone()),
            (Some(failure), _) => failure.at(&self.server),
        });

        permit.record(match &reply {
            Err(failure) if failure.is_server_failure() => CallOutcome::Failure,
            Err(ApiFailure::Stopped | ApiFailure::Deadline(_)) => CallOutcome::Local,
            _ => CallOutcome::Success,
        });
        reply
    }

    /// The time for an attempt: a silent server is given up within twice the timeout.
    fn patience(&self, timeouts: u32) -> Duration {
        if timeouts == 0 { self.timeout } else { self.timeout * 3 / 4 }
    }

    async fn try_once<T: DeserializeOwned>(
        &self,
        reply: impl Future<Output = Result<Vec<u8>, ApiFailure>>,
        patience: Duration,
        each_reply: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<T, ApiFailure> {
        let body = match timeout(patience, reply).await {
            Ok(body) => body?,
            Err(_) => return Err(ApiFailure::TimedOut(self.timeout)),
        };

        each_reply(&body);
        serde_json::from_slice(&body).map_err(|error| ApiFailure::Malformed(error.to_string()))
    }

    /// The reply to a request, which may be `started` already.
    async fn reply(
        &self,
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
        started: Option<AbortOnDropHandle<Result<Vec<u8>, ApiFailure>>>,
    ) -> Result<Vec<u8>, ApiFailure> {
        if let Some(started) = started {
            // Only the end of the runtime cancels it.
            return started.await.unwrap_or(Err(ApiFailure::Stopped));
        }
        let request = request.map_err(|error| ApiFailure::Malformed(error.to_string()))?;
        exchange(self.client.clone(), request, self.takes_gzip).await
    }
}

/// Whether another attempt may succeed. After a timeout there is one, at once.
fn decide(failure: &ApiFailure, timeouts: &AtomicU32) -> RetryDecision {
    match failure {
        ApiFailure::TimedOut(_) if timeouts.fetch_add(1, Ordering::Relaxed) > 0 => RetryDecision::No,
        ApiFailure::TimedOut(_) => RetryDecision::After(Duration::ZERO),
        other => other.retry_decision(),
    }
}

/// The server's address, without possible secrets.
fn display_url(config: &Config) -> String {
    let url = &config.cluster_url;
    let authority = url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    clean(&format!("{}://{host}", url.scheme_str().unwrap_or_default()))
}

/// kube's client without its own retries, which have no deadline.
pub(super) fn client(config: Config, timeout: Duration) -> Result<Client> {
    let config = prepared(config, timeout);
    let is_version_1 = certificate::is_version_1(&config.auth_info);
    let builder = ClientBuilder::try_from(config);
    let builder = builder.map_err(|error| {
        let failure = ApiFailure::of_credentials(&error, is_version_1);
        Error::usage("these credentials", failure.why(), failure.hint())
    })?;
    Ok(guarded(builder, timeout))
}

/// The configuration of every client.
pub(super) fn prepared(mut config: Config, timeout: Duration) -> Config {
    // kube uses the process's default provider of cryptography, and cannot choose between several.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.default_retry = false;

    (config.connect_timeout, config.write_timeout) = (Some(longer(timeout)), Some(longer(timeout)));
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    config
}

/// The limit for watches, whose requests have no other; attempts with their own timeout end first and report more.
fn longer(timeout: Duration) -> Duration {
    timeout.saturating_add(Duration::from_secs(1))
}

/// Adds the limits of every client.
pub(super) fn guarded<S, B>(builder: ClientBuilder<S>, timeout: Duration) -> Client
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // A response must begin in time; a watch may then last.
    let builder = builder.with_layer(&TimeoutLayer::new(longer(timeout)));
    // kube buffers a whole list, and a whole line of a watch, of any length. A watch that is cut off resumes.
    let limit = MapResponseLayer::new(|response: Response<B>| response.map(|body| Limited::new(body, MAX_RECEIVED)));
    builder.with_layer(&limit).build()
}
