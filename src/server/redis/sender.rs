//! Sends what other servers should know: indexes, counts of requests, and revoked keys.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::KeyNames;
use super::connection::{RedisConnector, plain};
use super::rates::{SharedRates, exchange};
use super::revocations::{self, PublishedRevocations};
use super::stream::{self, INDEX_FIELD, RETRY_INTERVAL};
use crate::engine::Shutdown;
use crate::server::redis_link::{RedisLink, Side};
use crate::server::shared::App;

/// How long Redis may take for a reply.
const REPLY_TIMEOUT: Duration = Duration::from_millis(500);
/// The interval at which newly revoked keys are published.
const REVOCATION_INTERVAL: Duration = Duration::from_secs(1);
/// All revoked keys are published and read after so many of them: Redis may have been emptied.
const INTERVALS_OF_ALL: u32 = 30;
/// The shortest time between two exchanges of counts.
const RATE_INTERVAL: Duration = Duration::from_millis(20);

/// The task that sends.
pub(super) struct Sender {
    app: App,
    link: Arc<RedisLink>,
    connector: Arc<RedisConnector>,
    names: Arc<KeyNames>,
    written: watch::Receiver<u64>,
    published: PublishedRevocations,
    rates: SharedRates,
}

/// What is to be sent.
enum Next {
    Index,
    Rates,
    Revocations,
    End,
}

impl Sender {
    pub(super) fn new(
        app: App,
        link: Arc<RedisLink>,
        connector: Arc<RedisConnector>,
        names: Arc<KeyNames>,
        written: watch::Receiver<u64>,
    ) -> Self {
        Self {
            app,
            link,
            connector,
            names,
            written,
            published: PublishedRevocations::default(),
            rates: SharedRates::new(),
        }
    }

    /// Sends until the server stops.
    pub(super) async fn run(mut self, shutdown: Shutdown) {
        loop {
            let failed = tokio::select! {
                () = shutdown.stopping() => return,
                failed = self.send() => failed,
            };
            let Some(failed) = failed else { return };
            self.link.note(Side::Sender, false, &failed);
            tokio::select! {
                () = shutdown.stopping() => return,
                () = sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Sends until something fails, and returns what; `None` if the writer has ended.
    async fn send(&mut self) -> Option<String> {
        let mut connection = match self.connector.connect(REPLY_TIMEOUT).await {
            Ok(connection) => connection,
            Err(why) => return Some(why),
        };
        let mut ticks = interval(REVOCATION_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tick = 0_u32;

        loop {
            let sent = match self.next(&mut ticks).await {
                Next::Index => self.send_index(&mut connection).await,
                Next::Rates => self.exchange_rates(&mut connection).await,
                Next::Revocations => {
                    let with_all = tick.is_multiple_of(INTERVALS_OF_ALL);
                    tick = tick.wrapping_add(1);
                    self.exchange_revocations(&mut connection, with_all).await
                }
                Next::End => return None,
            };
            match sent {
                Ok(()) => self.link.note(Side::Sender, true, ""),
                Err(error) => return Some(plain(&error)),
            }
        }
    }

    async fn next(&mut self, ticks: &mut Interval) -> Next {
        tokio::select! {
            biased;
            changed = self.written.changed() => if changed.is_ok() { Next::Index } else { Next::End },
            _ = ticks.tick() => Next::Revocations,
            () = self.app.rates.wait_for_counts() => Next::Rates,
        }
    }

    /// Sends the last index. What was written meanwhile is in it.
    async fn send_index(&mut self, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
        let index = *self.written.borrow_and_update();
        stream::add(&self.names.changes, INDEX_FIELD, index).query_async(connection).await
    }

    async fn exchange_rates(&mut self, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
        exchange(&self.app.rates, &self.rates, connection, &self.names.rate).await?;
        // What comes within this time travels together; an index does not wait for it.
        tokio::select! {
            () = sleep(RATE_INTERVAL) => {}
            _ = self.written.changed() => self.written.mark_changed(),
        }
        Ok(())
    }

    async fn exchange_revocations(
        &mut self,
        connection: &mut MultiplexedConnection,
        with_all: bool,
    ) -> redis::RedisResult<()> {
        if with_all {
            self.published.forget();
        }
        match self.published.news(&self.app, &self.names) {
            Some((commands, known)) => {
                commands.query_async::<()>(connection).await?;
                self.published.note(known);
            }
            // Whether it replies is worth knowing also while there is nothing to say.
            None => redis::cmd("PING").query_async::<()>(connection).await?,
        }

        if with_all {
            let ids: Vec<String> = revocations::read(&self.names).query_async(connection).await?;
            revocations::take(&self.app, ids);
        }
        Ok(())
    }
}
