//! Questions to the API server: each bounded in time and bytes, tried again where that helps, lists page by page.

use std::io::Read;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::ListParams;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tower::timeout::TimeoutLayer;
use tower::util::MapResponseLayer;

use super::failure::ApiFailure;
use super::{K8s, certificate};
use crate::clean::clean;
use crate::engine::{Breaker, BreakerOptions, CallOutcome, Cancel, Clock, Retry, RetryError};
use crate::error::{Error, Result};
use crate::net::Deadline;

/// So many objects a page: few enough to be let go again soon, and not so few that the way there and back counts.
pub(super) const PAGE: u32 = 250;
/// A page that is too large is asked for again with so many times fewer of them.
const REDUCED_PAGE: u32 = 16;
/// The most bytes of an answer, unpacked and packed. A page of slices with a thousand endpoints each, the most that
/// Kubernetes allows, has 90 MB.
const MAX_BYTES: usize = 128 << 20;
const MAX_COMPRESSED: usize = 64 << 20;
/// The most of any answer, a watch among them. A little more: of what is too large, who reads it has more to tell.
const MAX_RECEIVED: usize = MAX_BYTES + (1 << 20);
/// A question is asked so often at most.
const TRIES: u32 = 5;
/// So many questions in a row that the server's trouble kept from an answer, and it is left alone.
const MAX_FAILURES: u32 = 3;

/// An API server that is asked with a deadline.
pub(super) struct Api {
    client: Client,
    /// Where it is, for people.
    server: String,
    takes_gzip: bool,
    /// The day on which the client's certificate ended.
    expired: Option<String>,
    timeout: Duration,
    whole: Duration,
    deadline: Deadline,
    breaker: Breaker,
    cancel: Cancel,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<K> {
    #[serde(default)]
    metadata: ListMeta,
    /// Some servers write null for none.
    items: Option<Vec<K>>,
}

impl Api {
    /// Connects to nothing yet. `cancel` is set when the listing is no longer wanted.
    ///
    /// # Errors
    /// Where the credentials cannot be used.
    pub(super) fn new(config: Config, options: &K8s, deadline: Deadline, cancel: Cancel) -> Result<Self> {
        let takes_gzip = !config.disable_compression;
        let expired = certificate::expired(&config.auth_info, Timestamp::now());
        let server = shown(&config);
        let client = client(config, options.timeout)?;
        // Once left alone it stays so: a listing is over before anything recovers.
        let patience =
            BreakerOptions { window: MAX_FAILURES, failures: MAX_FAILURES, recovery: options.whole(), trials: 1 };
        let breaker = Breaker::new(patience, Clock::runtime());
        let (timeout, whole) = (options.timeout, options.whole());
        Ok(Self { client, server, takes_gzip, expired, timeout, whole, deadline, breaker, cancel })
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// What there is at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiFailure> {
        let request = || Request::get(path).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest);
        self.ask(request).await
    }

    /// As [`list_at`](Self::list_at), of a kind that the library knows.
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

    /// Hands every object of a list to `each`, page by page, and says of each page how many are still to come. An object
    /// may come twice, where the list had to be begun anew; the last word counts. Where `params` has a limit, that many are
    /// all that is wanted.
    pub(super) async fn list_at<K: DeserializeOwned>(
        &self,
        path: &str,
        params: &ListParams,
        each: &mut (dyn FnMut(Vec<K>, u64) + Send),
    ) -> Result<(), ApiFailure> {
        let request = kube::core::Request::new(path);
        let glances = params.limit.is_some();
        let mut params = ListParams { limit: params.limit.or(Some(PAGE)), ..params.clone() };
        let mut expired = 0;
        loop {
            let token = match self.ask::<Page<K>>(|| request.list(&params)).await {
                Ok(page) => {
                    let left = page.metadata.remaining_item_count.and_then(|left| u64::try_from(left).ok());
                    each(page.items.unwrap_or_default(), left.unwrap_or(0));
                    page.metadata.continue_.filter(|token| !token.is_empty() && !glances)
                }
                // The server forgot what it looked like when the list began. It says how to go on with what is there
                // now; if not, from the beginning.
                Err(ApiFailure::Answer { code: 410, token, .. }) if expired < TRIES => {
                    expired += 1;
                    params.continue_token = token;
                    continue;
                }
                // A server of large objects is asked for fewer of them.
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

    /// Asks until there is an answer, or no use in asking.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, ApiFailure> {
        let Ok(permit) = self.breaker.permit() else { return Err(ApiFailure::LeftAlone) };
        let total = self.deadline.left();
        let retry = Retry { attempts: TRIES, base: Duration::from_millis(200), cap: Duration::from_secs(5), total };
        let tries = retry.run(Retry::random_seed(), |_| self.try_once(request()), ApiFailure::again);
        let answer = tokio::select! {
            answer = tries => answer,
            () = self.cancel.cancelled() => Err(RetryError::Final { error: ApiFailure::Stopped }),
        };
        let answer = answer.map_err(|gave_up| match (gave_up.into_error(), &self.expired) {
            (None, _) => ApiFailure::Deadline(self.whole),
            (Some(failure), Some(day)) if failure.code() == Some(401) => ApiFailure::Expired(day.clone()),
            (Some(failure), _) => failure.at(&self.server),
        });
        permit.record(match &answer {
            Err(failure) if failure.is_trouble() => CallOutcome::Failure,
            Err(ApiFailure::Stopped | ApiFailure::Deadline(_)) => CallOutcome::Local,
            _ => CallOutcome::Success,
        });
        answer
    }

    async fn try_once<T: DeserializeOwned>(
        &self,
        request: Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, ApiFailure> {
        let request = request.map_err(|error| ApiFailure::Malformed(error.to_string()))?;
        let body = match timeout(self.timeout, self.exchange(request)).await {
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
        let is_packed = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        let body = read(body, if is_packed { MAX_COMPRESSED } else { MAX_BYTES }).await?;
        let body = if is_packed { unpack(&body)? } else { body };
        if parts.status.is_success() {
            return Ok(body);
        }
        let after = parts.headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        Err(ApiFailure::of_answer(parts.status.as_u16(), &body, after.map(Duration::from_secs)))
    }
}

/// The server's address, without what may be secret in it.
fn shown(config: &Config) -> String {
    let url = &config.cluster_url;
    let authority = url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    clean(&format!("{}://{place}", url.scheme_str().unwrap_or_default()))
}

async fn read(mut body: Body, most: usize) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiFailure::of_client(&kube::Error::Service(error.into())))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > most {
                return Err(ApiFailure::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed).take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() > MAX_BYTES => Err(ApiFailure::TooLarge),
        Ok(_) => Ok(bytes),
        Err(error) => Err(ApiFailure::Malformed(error.to_string())),
    }
}

/// kube's client without its own retries, which know no deadline.
pub(super) fn client(mut config: Config, timeout: Duration) -> Result<Client> {
    // It takes the process's provider of cryptography, and would find it hard to choose where a program brings several.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.default_retry = false;
    // For watches, whose questions nobody else bounds; a try that has a timeout of its own ends by that, which says more.
    let longer = timeout.saturating_add(Duration::from_secs(1));
    (config.connect_timeout, config.write_timeout) = (Some(longer), Some(longer));
    let builder = ClientBuilder::try_from(config);
    let builder = builder.map_err(|error| {
        let failure = ApiFailure::of_client(&error);
        Error::usage("these credentials", failure.why(), failure.hint())
    })?;
    // An answer has to begin in time; a watch goes on for as long as it likes.
    let builder = builder.with_layer(&TimeoutLayer::new(longer));
    // The library keeps all of a list, and all of a watch's line, however long that is. A watch that is cut off goes on from
    // where it was.
    let bound = |answer: Response<Box<DynBody>>| answer.map(|body| Limited::new(body, MAX_RECEIVED));
    Ok(builder.with_layer(&MapResponseLayer::new(bound)).build())
}
