//! A shared client of the API server: created once for all its users, and again when the server rejects its credentials.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::Request;
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::K8s;
use super::api::client;
use super::failure::ApiFailure;
use crate::net::Deadline;

/// A client, or why there is none.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) client: Result<Client, Arc<str>>,
    since: Instant,
}

/// Connecting continues even if the caller that started it is dropped.
type Connecting = Shared<BoxFuture<'static, Access>>;

pub(super) struct AccessCache {
    options: Arc<K8s>,
    current: Mutex<Option<CachedAccess>>,
}

struct CachedAccess {
    connecting: Connecting,
    /// The minimum age before it is replaced.
    pause: Duration,
}

/// The interval between two runs of a credential program, which may contact a server of its own: while the credentials do not
/// work, it doubles up to the maximum.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(5);

impl AccessCache {
    pub(super) fn new(options: K8s) -> Self {
        Self { options: Arc::new(options), current: Mutex::new(None) }
    }

    /// The access, once it is known. This takes at most the deadline of the options.
    pub(super) async fn get(&self) -> Access {
        let connecting = {
            let mut current = self.current.lock();
            let current = current
                .get_or_insert_with(|| CachedAccess { connecting: start_connecting(&self.options), pause: PAUSE });
            if let Some(failed) = current.connecting.peek().filter(|access| access.client.is_err()).cloned() {
                current.renew(&failed, &self.options);
            }
            current.connecting.clone()
        };
        connecting.await
    }

    /// Renews the access after the server has rejected its credentials.
    pub(super) fn reject(&self, access: &Access) {
        let mut current = self.current.lock();
        if let Some(current) = current.as_mut()
            && current.connecting.peek().is_some_and(|latest| latest.since == access.since)
        {
            current.renew(access, &self.options);
        }
    }
}

impl CachedAccess {
    /// Replaces an access that does not work, unless it is too recent.
    fn renew(&mut self, failed: &Access, options: &Arc<K8s>) {
        let age = failed.since.elapsed();
        if age >= self.pause {
            let has_worked = age >= MAX_PAUSE * 2;
            let pause = if has_worked { PAUSE } else { (self.pause * 2).min(MAX_PAUSE) };
            *self = Self { connecting: start_connecting(options), pause };
        }
    }
}

fn start_connecting(options: &Arc<K8s>) -> Connecting {
    let options = Arc::clone(options);
    async move {
        let client = connect(&options).await.map_err(Arc::from);
        Access { client, since: Instant::now() }
    }
    .boxed()
    .shared()
}

/// A client whose server has replied, with any status.
async fn connect(options: &K8s) -> Result<Client, String> {
    let deadline = Deadline::after(options.whole());
    let config = options.config(deadline).await.map_err(|error| error.to_string())?;
    // Each request has its own deadline, which gives the better error.
    let client = client(config, options.whole()).map_err(|error| error.to_string())?;
    check_server(&client, deadline.within(options.timeout)).await.map(|()| client)
}

/// Requests `/version`, which needs no permission, to learn whether the server replies.
///
/// # Errors
/// Why there is no reply.
pub(super) async fn check_server(client: &Client, deadline: Deadline) -> Result<(), String> {
    let request = Request::get("/version").body(Body::empty()).map_err(|error| error.to_string())?;
    match deadline.bound(client.send(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ApiFailure::of_client(&error).why()),
        Err(_) => Err(NO_REPLY.to_owned()),
    }
}

pub(super) const NO_REPLY: &str = "no reply in time";
