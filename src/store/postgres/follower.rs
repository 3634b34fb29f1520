//! The connection that follows: what others wrote, renewals, and notifications.

use std::time::Duration;

use futures_util::future::{join, join5};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::audit;
use super::changes::{MAX_READ, Meta, begin_history, changes_since, contents, events, is_loss, members, signed};
use super::connect::{CHANNEL, ConnectionSlot, Session, connect};
use super::failure::{self, PostgresFailure};
use super::renewals;
use super::statements::FollowStatements;
use super::url::PostgresUrl;
use crate::store::{
    AuditPage, AuditRange, ClusterServer, Contents, MEMBER_LEASE, Renewals, StoreChanges, StoreError, SyncReport,
    SyncRequest,
};

/// How long a step may take: a server whose database is silent says so within five seconds.
const STEP_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long reading everything may take.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// What the follower is asked to do.
pub(super) enum FollowRequest {
    Sync(SyncRequest, oneshot::Sender<Result<SyncReport, StoreError>>),
    Audit(AuditRange, oneshot::Sender<Result<AuditPage, StoreError>>),
    Check(oneshot::Sender<Result<(), StoreError>>),
    Probe(oneshot::Sender<Result<u64, StoreError>>),
}

/// The owner of the connection.
pub(super) struct Follower {
    url: PostgresUrl,
    wake: watch::Sender<u64>,
    session: Option<(Session, FollowStatements)>,
    slot: ConnectionSlot,
    /// Whether nothing was stored over this connection yet.
    is_new: bool,
}

impl Follower {
    pub(super) fn new(url: PostgresUrl, wake: watch::Sender<u64>, slot: ConnectionSlot) -> Self {
        Self { url, wake, session: None, slot, is_new: true }
    }

    /// Serves requests until the store is dropped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<FollowRequest>) {
        while let Some(request) = requests.recv().await {
            match request {
                FollowRequest::Sync(request, reply_to) => {
                    let report = self.sync(&request).await;
                    let _ = reply_to.send(report);
                }
                FollowRequest::Audit(range, reply_to) => {
                    let page = self.audit(range).await;
                    let _ = reply_to.send(page);
                }
                FollowRequest::Probe(reply_to) => {
                    let probed = self.probe().await;
                    let _ = reply_to.send(probed);
                }
                FollowRequest::Check(reply_to) => {
                    let checked = self.contents().await.map(drop);
                    let _ = reply_to.send(checked);
                }
            }
        }
    }

    /// Everything that is stored.
    pub(super) async fn contents(&mut self) -> Result<Contents, StoreError> {
        let (session, _) = self.connected().await?;
        let read = timeout(READ_TIMEOUT, read_all(session)).await;
        let read = read.unwrap_or_else(|_| Err(PostgresFailure::silent(READ_TIMEOUT)));
        self.checked(read)
    }

    async fn audit(&mut self, range: AuditRange) -> Result<AuditPage, StoreError> {
        let (session, _) = self.connected().await?;
        let read = timeout(STEP_TIMEOUT, audit::read(&session.client, range)).await;
        let read = read.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
        self.checked(read)
    }

    /// Whether the database replies and takes writes, with the index of the last change.
    async fn probe(&mut self) -> Result<u64, StoreError> {
        let (session, statements) = self.connected().await?;
        let probed = timeout(STEP_TIMEOUT, probe(session, statements)).await;
        let probed = probed.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
        self.checked(probed)
    }

    async fn sync(&mut self, request: &SyncRequest) -> Result<SyncReport, StoreError> {
        let (session, statements) = self.connected().await?;
        let synced = timeout(STEP_TIMEOUT, sync(session, statements, request)).await;
        let synced = synced.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));

        let SyncResult { changes, last_index, renewals, members: (members, first_expiry) } = self.checked(synced)?;
        let changes = match changes {
            Some(changes) => changes,
            None => StoreChanges::Reset(Box::new(self.contents().await?)),
        };
        let is_reconnected = std::mem::take(&mut self.is_new);
        Ok(SyncReport { changes, last_index, renewals, members, first_expiry, is_reconnected })
    }

    /// The connection, which is made anew if it was lost.
    async fn connected(&mut self) -> Result<&(Session, FollowStatements), StoreError> {
        if self.session.as_ref().is_some_and(|(session, _)| session.client.is_closed()) {
            self.session = None;
        }
        if self.session.is_none() {
            let session = connect(&self.url, Some(&self.wake)).await.map_err(failure::away)?;
            self.slot.set(&session);
            let prepared = timeout(STEP_TIMEOUT, prepare(&session)).await;
            let prepared = prepared.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
            let statements = prepared.map_err(|fault| failure::running(&fault))?;
            self.session = Some((session, statements));
            self.is_new = true;
        }

        self.session.as_ref().ok_or(StoreError::Closed)
    }

    /// A connection on which a step failed is not used again: a late reply may still come on it.
    fn checked<T>(&mut self, result: Result<T, PostgresFailure>) -> Result<T, StoreError> {
        result.map_err(|fault| {
            self.session = None;
            failure::running(&fault)
        })
    }
}

async fn prepare(session: &Session) -> Result<FollowStatements, PostgresFailure> {
    session.client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    FollowStatements::prepare(&session.client).await
}

async fn probe(session: &Session, statements: &FollowStatements) -> Result<u64, PostgresFailure> {
    let client = &session.client;
    let standby = client.query_one("SELECT pg_is_in_recovery()", &[]).await?;
    if standby.try_get(0)? {
        return Err(PostgresFailure::broken("it is a standby, which takes no writes"));
    }
    let meta = client.query_one(&statements.meta, &[]).await?;
    Ok(Meta::of(&meta)?.last_index)
}

/// Reads everything, as it is at one moment.
async fn read_all(session: &Session) -> Result<Contents, PostgresFailure> {
    let client = &session.client;
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'")
        .await?;
    let contents = contents(client).await?;
    client.batch_execute("COMMIT").await?;
    Ok(contents)
}

/// What was read; without changes if everything has to be read.
struct SyncResult {
    changes: Option<StoreChanges>,
    last_index: u64,
    renewals: Option<Renewals>,
    members: KnownMembers,
}

/// The servers that there are, and how long the first of the others still is one.
type KnownMembers = (Vec<ClusterServer>, Option<Duration>);

/// Stores renewals first, then reads what is new. PostgreSQL carries the statements out one after another: which servers there
/// are is read before the renewals, so that the last ones of a server that ends are not missed.
async fn sync(
    session: &Session,
    statements: &FollowStatements,
    request: &SyncRequest,
) -> Result<SyncResult, PostgresFailure> {
    let client = &session.client;
    let own = request.member.as_ref().map_or("", |member| &member.id);
    let (after, limit) = (signed(request.position.index), signed(MAX_READ as u64));

    let (stored, members, meta, rows, renewed) = join5(
        renewals::store(client, (&statements.store_renewals, &statements.forget_renewals), own, &request.renewals),
        meet(client, statements, request),
        client.query_one(&statements.meta, &[]),
        client.query(&statements.events, &[&after, &limit]),
        renewals::rows(client, &statements.renewals, request.marks.as_ref()),
    )
    .await;
    stored?;
    let meta = Meta::of(&meta?)?;
    if is_loss(&request.position, &meta) {
        begin_history(client, &request.position).await?;
    }

    let changes = changes_since(&request.position, &meta, events(&rows?)?);
    let (members, renewed) = (members?, renewed?);
    let renewals = request.marks.clone().map(|marks| renewals::renewals(&renewed, marks, meta.clock, Some(&members.0)));
    Ok(SyncResult { changes, last_index: meta.last_index, renewals: renewals.transpose()?, members })
}

/// Tells the other servers of this one, and reads which there are.
async fn meet(
    client: &Client,
    statements: &FollowStatements,
    request: &SyncRequest,
) -> Result<KnownMembers, PostgresFailure> {
    let Some(own) = &request.member else { return Ok(KnownMembers::default()) };
    if request.leaves {
        client.execute(&statements.leave, &[&own.id]).await?;
        return Ok(KnownMembers::default());
    }

    let checks = own.checks.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
    let (index, seconds) = (signed(own.index), MEMBER_LEASE.as_secs_f64());
    let joining: [&(dyn ToSql + Sync); 5] = [&own.id, &own.name, &index, &checks, &seconds];
    let (joined, rows) = join(client.execute(&statements.join, &joining), client.query(&statements.members, &[])).await;
    joined?;
    let rows = rows?;
    let members = members(&rows)?;

    let others = rows.iter().zip(&members).filter(|(_, member)| member.id != own.id);
    let remaining: Vec<f64> = others.map(|(row, _)| row.try_get(4)).collect::<Result<_, _>>()?;
    let first = remaining.into_iter().filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok()).min();
    Ok((members, first))
}
