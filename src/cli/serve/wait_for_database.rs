//! A database that is away when the server starts: the server says so, and waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::plan::Plan;
use super::service_manager::ServiceManager;
use crate::clean::clean;
use crate::cli::stderr;
use crate::engine::Shutdown;
use crate::error::{Error, Result};
use crate::server::{Listeners, ServerTls, answer_unavailable};
use crate::store::{Contents, Postgres, PostgresUrl, StoreError};

/// The pause before another try.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A server that starts.
pub(super) struct StartingServer<'s> {
    pub(super) plan: &'s Plan,
    pub(super) listeners: &'s Listeners,
    pub(super) tls: Option<&'s Arc<ServerTls>>,
    pub(super) manager: &'s ServiceManager,
    pub(super) shutdown: &'s Shutdown,
    pub(super) quiet: bool,
}

/// An open database with what it holds.
type OpenPostgres = (Postgres, Contents);

impl StartingServer<'_> {
    /// Opens a database. While it does not reply, every request gets 503. `None`: the server was stopped meanwhile.
    ///
    /// # Errors
    /// The database replies, and cannot be used.
    pub(super) async fn open(&self, url: &PostgresUrl, max_events: u64) -> Result<Option<OpenPostgres>> {
        let cause = match self.attempt(url, max_events).await {
            Some(Err(StoreError::Away { cause })) => cause,
            Some(opened) => return opened.map(Some).map_err(|error| unusable(url, &error)),
            None => return Ok(None),
        };
        self.say(url, &cause);

        let waiting = self.shutdown.child();
        let answering =
            answer_unavailable(self.listeners, &self.plan.server, self.tls.map(Arc::clone), waiting.clone());
        let opening = async {
            let opened = self.retry(url, max_events, cause).await;
            waiting.stop();
            opened
        };
        let (opened, ()) = tokio::join!(opening, answering);
        opened
    }

    /// Tries again until the database replies.
    async fn retry(&self, url: &PostgresUrl, max_events: u64, mut said: String) -> Result<Option<OpenPostgres>> {
        loop {
            self.manager.waiting("waiting for the database");
            tokio::select! {
                () = self.shutdown.stopping() => return Ok(None),
                () = sleep(RETRY_INTERVAL) => {}
            }
            match self.attempt(url, max_events).await {
                Some(Err(StoreError::Away { cause })) if cause == said => {}
                Some(Err(StoreError::Away { cause })) => {
                    self.say(url, &cause);
                    said = cause;
                }
                Some(opened) => {
                    info!("the database replies");
                    return opened.map(Some).map_err(|error| unusable(url, &error));
                }
                None => return Ok(None),
            }
        }
    }

    /// Opens it once; `None` if the server was stopped meanwhile.
    async fn attempt(
        &self,
        url: &PostgresUrl,
        max_events: u64,
    ) -> Option<std::result::Result<OpenPostgres, StoreError>> {
        tokio::select! {
            () = self.shutdown.stopping() => None,
            opened = Postgres::open(url.clone(), &self.plan.server.cluster, max_events) => Some(opened),
        }
    }

    fn say(&self, url: &PostgresUrl, cause: &str) {
        let (database, cause) = (clean(&url.to_string()), clean(cause));
        if self.plan.log_json {
            warn!(database, cause, "waiting for the database; requests get 503");
        } else if !self.quiet {
            stderr::note(&format!("waiting for the database {database}: {cause}; requests get 503"));
            stderr::note("hint: check that PostgreSQL runs at this address, and that a firewall lets it through");
        }
    }
}

fn unusable(url: &PostgresUrl, error: &StoreError) -> Error {
    let why = match error {
        StoreError::Unusable { cause, .. } => cause.clone(),
        other => other.to_string(),
    };
    Error::usage(format!("the database {}", clean(&url.to_string())), clean(&why), error.hint())
}
