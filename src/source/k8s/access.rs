//! A client of the API server that all who ask share: made once for all of them, and anew when its credentials are no
//! longer taken.

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

/// What is made goes on being made whoever of those who wait for it leaves.
type Making = Shared<BoxFuture<'static, Access>>;

pub(super) struct Accesses {
    options: Arc<K8s>,
    made: Mutex<Option<Made>>,
}

struct Made {
    making: Making,
    /// Nothing else is made in its place sooner after it is done.
    pause: Duration,
}

/// A program for credentials may ask a server of its own: while what it says is of no use it is run again after so long,
/// doubling up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

impl Accesses {
    pub(super) fn new(options: K8s) -> Self {
        Self { options: Arc::new(options), made: Mutex::new(None) }
    }

    /// What there is to ask with, once that is known. It takes as long as the options allow for the whole.
    pub(super) async fn get(&self) -> Access {
        let making = {
            let mut made = self.made.lock();
            let made = made.get_or_insert_with(|| Made { making: making(&self.options), pause: PAUSE });
            if let Some(failed) = made.making.peek().filter(|access| access.client.is_err()).cloned() {
                made.renew(&failed, &self.options);
            }
            made.making.clone()
        };
        making.await
    }

    /// Takes word that the server does not take these credentials.
    pub(super) fn refused(&self, access: &Access) {
        let mut made = self.made.lock();
        if let Some(made) = made.as_mut()
            && made.making.peek().is_some_and(|current| current.since == access.since)
        {
            made.renew(access, &self.options);
        }
    }
}

impl Made {
    /// Makes another in place of one that is of no use, unless that has hardly been made.
    fn renew(&mut self, current: &Access, options: &Arc<K8s>) {
        let age = current.since.elapsed();
        if age >= self.pause {
            let lasted = age >= LONGEST_PAUSE * 2;
            let pause = if lasted { PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
            *self = Self { making: making(options), pause };
        }
    }
}

fn making(options: &Arc<K8s>) -> Making {
    let options = Arc::clone(options);
    async move {
        let client = connect(&options).await.map_err(Arc::from);
        Access { client, since: Instant::now() }
    }
    .boxed()
    .shared()
}

/// A client that has had an answer from its server, whatever that was.
async fn connect(options: &K8s) -> Result<Client, String> {
    let deadline = Deadline::after(options.whole());
    let config = options.config(deadline).await.map_err(|error| error.to_string())?;
    // Each question has a deadline of its own, which says more.
    let client = client(config, options.whole()).map_err(|error| error.to_string())?;
    answers(&client, deadline.within(options.timeout)).await.map(|()| client)
}

/// Asks the server what everybody may know, only to learn whether it answers, whatever that is.
///
/// # Errors
/// Why no answer came.
pub(super) async fn answers(client: &Client, deadline: Deadline) -> Result<(), String> {
    let question = Request::get("/version").body(Body::empty()).map_err(|error| error.to_string())?;
    match deadline.bound(client.send(question)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ApiFailure::of_client(&error).why()),
        Err(_) => Err(SILENT.to_owned()),
    }
}

pub(super) const SILENT: &str = "no answer came in time";
