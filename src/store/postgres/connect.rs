//! A connection: the first host that can be written to, with limits for everything that may wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use super::failure::{self, PostgresFailure};
use super::tls::Tls;
use super::url::{PostgresUrl, may_use_tls};
use crate::store::StoreError;

/// How long a host may take from the connect to the end of the login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(3);
/// The channel on which servers wake each other.
pub(super) const CHANNEL: &str = "portolan";

/// What each connection sets. A statement takes milliseconds. A server that stops in the middle of its turn must not stop
/// the others: its transaction ends. An acknowledged write survives a crash of the database. Every statement finds its few
/// rows by their keys: planned while the tables are empty, it would read them whole later. Compiling such a statement takes
/// longer than running it.
const SESSION: &str = "
    SET statement_timeout = '3s';
    SET idle_in_transaction_session_timeout = '2s';
    SET client_min_messages = 'warning';
    SET plan_cache_mode = 'force_generic_plan';
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_bitmapscan = off;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local');
";

/// An open connection. It is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<()>,
}

/// The last connection of an owner, for those that only count.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionSlot(Arc<ArcSwapOption<AbortHandle>>);

impl ConnectionSlot {
    /// Takes the place of the connection before.
    pub(super) fn set(&self, session: &Session) {
        self.0.store(Some(Arc::new(session.driver.abort_handle())));
    }

    /// Whether the connection is open.
    pub(super) fn is_open(&self) -> bool {
        self.0.load().as_ref().is_some_and(|driver| !driver.is_finished())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects to the first host that can be written to. `wake`: notifications go there.
///
/// # Errors
/// There is none; the error of the last one that could tell more than that it does not reply.
pub(super) async fn connect(url: &PostgresUrl, wake: Option<&watch::Sender<u64>>) -> Result<Session, StoreError> {
    let mut reason: Option<PostgresFailure> = None;
    for host in &url.hosts {
        match connect_host(url, host, wake).await {
            Ok(session) => return Ok(session),
            // A standby that refuses writes says less than a primary that cannot be reached.
            Err(fault) => reason = Some(failure::more_telling(reason, fault)),
        }
    }
    Err(failure::opening(url, reason))
}

async fn connect_host(
    url: &PostgresUrl,
    host: &Config,
    wake: Option<&watch::Sender<u64>>,
) -> Result<Session, PostgresFailure> {
    let login = timeout(LOGIN_TIMEOUT, log_in(url, host, wake));
    login.await.unwrap_or_else(|_| Err(PostgresFailure::silent(LOGIN_TIMEOUT)))
}

async fn log_in(
    url: &PostgresUrl,
    host: &Config,
    wake: Option<&watch::Sender<u64>>,
) -> Result<Session, PostgresFailure> {
    let wake = wake.cloned();
    let (client, driver) = if may_use_tls(host) {
        let tls = Tls::new(url.root_certificates.as_deref()).map_err(PostgresFailure::tls)?;
        let (client, connection) = host.connect(tls).await?;
        (client, tokio::spawn(drive(connection, wake)))
    } else {
        let (client, connection) = host.connect(NoTls).await?;
        (client, tokio::spawn(drive(connection, wake)))
    };

    let session = Session { client, driver };
    session.client.batch_execute(SESSION).await?;
    Ok(session)
}

/// Reads from a connection until it ends, and passes notifications on.
async fn drive<S, T>(mut connection: Connection<S, T>, wake: Option<watch::Sender<u64>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        let AsyncMessage::Notification(notification) = message else { continue };
        if let (Some(wake), Ok(index)) = (&wake, notification.payload().parse()) {
            wake.send_replace(index);
        }
    }
}
