//! Requests to the API server: limited in time and bytes, retried where that helps; lists arrive page by page.

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::ListParams;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tokio::time::timeout;
use tower::timeout::TimeoutLayer;
use tower::util::MapResponseLayer;
use tower::{BoxError, Service};

use super::failure::ApiFailure;
use super::{K8s, certificate};
use crate::clean::clean;
use crate::engine::{Breaker, BreakerOptions, CallOutcome, Cancel, Clock, Retry, RetryDecision, RetryError};
use crate::error::{Error, Result};
use crate::net::Deadline;

/// Objects per page: few enough to be freed soon, many enough that round trips do not dominate.
pub(super) const PAGE: u32 = 250;
/// A page that is too large is requested again with this many times fewer objects.
const REDUCED_PAGE: u32 = 16;
/// The maximum size of a reply, uncompressed and compressed. A page of slices with a thousand endpoints each, the maximum of
/// Kubernetes, has 90 MB.
const MAX_BYTES: usize = 128 << 20;
const MAX_COMPRESSED: usize = 64 << 20;
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

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de>"))]
struct Page<K> {
    #[serde(default)]
    metadata: ListMeta,
    /// Some servers write null for an empty list. None of a list leaves it out.
    #[serde(default = "Option::default", deserialize_with = "present")]
    items: Option<Option<Vec<K>>>,
    #[serde(default)]
    kind: String,
    /// Of a `Status` in place of a list: its code and its message.
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// A field that is there, whatever its value.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

impl<K> Page<K> {
    /// The objects. A gateway may send a failure with the status 200, as kubectl knows.
    fn objects(self) -> Result<(Vec<K>, ListMeta), ApiFailure> {
        match self.items {
            Some(items) if self.kind != "Status" => Ok((items.unwrap_or_default(), self.metadata)),
            None if self.kind != "Status" => Err(ApiFailure::Malformed("the list has no items".to_owned())),
            _ => {
                let message = clean(&self.message);
                Err(ApiFailure::Answer { code: self.code, message, after: None, token: None })
            }
        }
    }
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
        self.ask(|| Request::get(path).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest)).await
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

        loop {
            let token = match self.ask::<Page<K>>(|| request.list(&params)).await.and_then(Page::objects) {
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

    /// Sends a request until a reply arrives or a retry is useless.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, ApiFailure> {
        let Ok(permit) = self.breaker.permit() else { return Err(ApiFailure::CircuitOpen) };

        let total = self.deadline.left();
        let retry =
            Retry { attempts: MAX_ATTEMPTS, base: Duration::from_millis(200), cap: Duration::from_secs(5), total };
        let timeouts = AtomicU32::new(0);
        let attempts = retry.run(
            Retry::random_seed(),
            |_| self.try_once(request(), self.patience(timeouts.load(Ordering::Relaxed))),
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
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
        patience: Duration,
    ) -> Result<T, ApiFailure> {
        let request = request.map_err(|error| ApiFailure::Malformed(error.to_string()))?;
        let body = match timeout(patience, self.exchange(request)).await {
            Ok(body) => body?,
            Err(_) => return Err(ApiFailure::TimedOut(self.timeout)),
        };

        serde_json::from_slice(&body).map_err(|error| ApiFailure::Malformed(error.to_string()))
    }

    async fn exchange(&self, mut request: Request<Vec<u8>>) -> Result<Vec<u8>, ApiFailure> {
        if self.takes_gzip {
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let response =
            self.client.send(request.map(Body::from)).await.map_err(|error| ApiFailure::of_client(&error))?;

        let (parts, body) = response.into_parts();
        let is_compressed = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let body = read(body, if is_compressed { MAX_COMPRESSED } else { MAX_BYTES }).await?;
        let body = if is_compressed { decompress(&body)? } else { body };

        if parts.status.is_success() {
            return Ok(body);
        }
        Err(ApiFailure::of_answer(parts.status.as_u16(), &body, retry_after(&parts.headers)))
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

/// The time after which the server wants to be asked again.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) async fn read(mut body: Body, max: usize) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiFailure::of_client(&kube::Error::Service(error.into())))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > max {
                return Err(ApiFailure::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn decompress(compressed: &[u8]) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(compressed).take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() > MAX_BYTES => Err(ApiFailure::TooLarge),
        Ok(_) => Ok(bytes),
        Err(error) => Err(ApiFailure::Malformed(error.to_string())),
    }
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
