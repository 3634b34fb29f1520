//! How current an answer is: a client says what it needs, and reads what it got.
//!
//! With several servers, `X-Portolan-Min-Index` makes a read see a write that another server acknowledged. An answer that
//! may be out of date has `X-Portolan-Stale` with its age in seconds.

use std::time::Duration;

use axum::response::Response;
use http::header::AGE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::timeout;

use super::api_error::{ApiError, ApiResult};
use super::ring::Filter;
use super::shared::App;

/// The index that an answer must have reached.
const MIN_INDEX: HeaderName = HeaderName::from_static("x-portolan-min-index");
/// The seconds since the server last knew everything.
pub(super) const STALE: HeaderName = HeaderName::from_static("x-portolan-stale");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
/// How long a read waits for its index.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The age of what an answer is made of, if it may be out of date. It travels with the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Freshness(Option<Duration>);

impl Freshness {
    /// The age of what is in memory, for a client that asks for no index.
    pub(super) fn of(app: &App) -> Self {
        Self(app.contact.staleness())
    }

    /// Waits for the index that the headers of a request ask for.
    ///
    /// # Errors
    /// 400: they ask for something else.
    pub(super) async fn wanted(app: &App, headers: &HeaderMap) -> ApiResult<Self> {
        let is_behind = match min_index(headers)? {
            Some(index) => !has_reached(app, index).await,
            None => false,
        };
        Ok(Self(app.contact.staleness().or_else(|| is_behind.then(|| app.contact.age()))))
    }

    /// Marks an answer that may be out of date.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        if let Some(age) = self.0 {
            headers.insert(STALE, HeaderValue::from(age.as_secs()));
        }
    }

    /// What an answer says in its body: nothing if it is current. Begins with a comma.
    pub(super) fn to_json(self) -> String {
        self.0.map_or_else(String::new, |age| format!(",\"stale\":true,\"age_seconds\":{:.1}", age.as_secs_f64()))
    }
}

/// Marks an answer of Consul's API, whose clients have no index to wait for.
pub(super) fn mark_consul(app: &App, response: &mut Response) {
    let Some(age) = app.contact.staleness() else { return };
    let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let headers = response.headers_mut();

    headers.insert(STALE, HeaderValue::from(age.as_secs()));
    if headers.contains_key(AGE) {
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
    }
    if headers.contains_key(&LAST_CONTACT) {
        headers.insert(LAST_CONTACT, HeaderValue::from(millis));
        headers.insert(KNOWN_LEADER, HeaderValue::from_static("false"));
    }
}

fn min_index(headers: &HeaderMap) -> ApiResult<Option<u64>> {
    let Some(value) = headers.get(&MIN_INDEX) else { return Ok(None) };
    let index = value.to_str().ok().and_then(|text| text.parse().ok());
    index.map(Some).ok_or_else(|| {
        let error = ApiError::bad_request("invalid_header", "X-Portolan-Min-Index is not a whole number");
        error.field("X-Portolan-Min-Index").hint("send the X-Portolan-Index of the write that the reply must show")
    })
}

/// Waits until this server has reached an index. Returns whether it has.
async fn has_reached(app: &App, index: u64) -> bool {
    let mut changes = app.ring.subscribe(&Filter::default());
    let reached = async {
        while app.index() < index {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = app.shutdown.stopping() => {}
        _ = timeout(MAX_WAIT, reached) => {}
    }

    app.index() >= index
}
