//! The connection that writes: turns, and the batches that end them.

use std::time::Duration;

use futures_util::future::join3;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use super::audit;
use super::batch::write;
use super::changes::{MAX_READ, Meta, begin_history, changes_since, contents, events, is_loss, signed};
use super::connect::{ConnectionSlot, Session, connect};
use super::failure::{self, PostgresFailure};
use super::renewals;
use super::statements::WriteStatements;
use super::url::PostgresUrl;
use crate::store::audit::AuditHead;
use crate::store::{Batch, Position, RenewalMarks, StoreChanges, StoreError, Turn};

/// How long a step may take. PostgreSQL itself gives up a statement after the same time.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a result goes.
type ReplyTo<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(super) enum WriteRequest {
    TakeTurn(Position, Option<RenewalMarks>, ReplyTo<Turn>),
    Append(Batch, ReplyTo<u64>),
}

/// The owner of the connection.
pub(super) struct TurnWriter {
    url: PostgresUrl,
    /// What is new and not prepared yet.
    session: Option<Session>,
    prepared: Option<(Session, WriteStatements)>,
    slot: ConnectionSlot,
    turn: Option<OpenTurn>,
    max_events: u64,
}

/// The turn to write, as it began.
#[derive(Clone, Debug)]
struct OpenTurn {
    meta: Meta,
    /// The end of the audit log, which the lock of `meta` keeps where it is.
    audit: AuditHead,
}

impl TurnWriter {
    pub(super) fn new(url: PostgresUrl, session: Session, slot: ConnectionSlot, max_events: u64) -> Self {
        Self { url, session: Some(session), prepared: None, slot, turn: None, max_events }
    }

    /// Serves requests until the store is dropped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<WriteRequest>) {
        while let Some(request) = requests.recv().await {
            match request {
                WriteRequest::TakeTurn(position, marks, reply_to) => {
                    let turn = self.take_turn(&position, marks).await;
                    let _ = reply_to.send(turn);
                }
                WriteRequest::Append(batch, reply_to) => {
                    let appended = self.append(&batch).await;
                    let _ = reply_to.send(appended);
                }
            }
        }
    }

    async fn take_turn(&mut self, position: &Position, marks: Option<RenewalMarks>) -> Result<Turn, StoreError> {
        if self.turn.take().is_some() {
            // It was not ended: its taker is gone.
            self.prepared = None;
        }
        let (session, statements) = self.connected().await?;
        let began = begin(session, statements, position, marks);
        let began = timeout(STEP_TIMEOUT, began).await.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));

        let (open, turn) = self.checked(began).await?;
        self.turn = Some(open);
        Ok(turn)
    }

    async fn append(&mut self, batch: &Batch) -> Result<u64, StoreError> {
        let turn = self.turn.take();
        // A connection that was lost took the turn with it.
        let is_open = self.prepared.as_ref().is_some_and(|(session, _)| !session.client.is_closed());
        if turn.is_some() && !is_open {
            self.prepared = None;
            return Err(StoreError::Away { cause: "the connection was lost".to_owned() });
        }

        let max = self.max_events;
        let (session, statements) = self.connected().await?;
        let stored = store(session, statements, (turn, max), batch);
        let stored = timeout(STEP_TIMEOUT, stored).await.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
        self.checked(stored).await?
    }

    /// The connection, which is made anew if it was lost.
    async fn connected(&mut self) -> Result<&(Session, WriteStatements), StoreError> {
        if self.prepared.as_ref().is_some_and(|(session, _)| session.client.is_closed()) {
            self.prepared = None;
        }
        if self.prepared.is_none() {
            let session = match self.session.take().filter(|session| !session.client.is_closed()) {
                Some(session) => session,
                None => connect(&self.url, None).await.map_err(failure::away)?,
            };
            self.slot.set(&session);
            let prepared = timeout(STEP_TIMEOUT, WriteStatements::prepare(&session.client)).await;
            let prepared = prepared.unwrap_or_else(|_| Err(PostgresFailure::silent(STEP_TIMEOUT)));
            let statements = prepared.map_err(|fault| failure::running(&fault))?;
            self.prepared = Some((session, statements));
        }

        self.prepared.as_ref().ok_or(StoreError::Closed)
    }

    /// After a failure the transaction is ended, and a connection that may still be in it is dropped.
    async fn checked<T>(&mut self, result: Result<T, PostgresFailure>) -> Result<T, StoreError> {
        let fault = match result {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        let rolled_back = match &self.prepared {
            Some((session, _)) if fault.is_refusal() => {
                let rollback = timeout(STEP_TIMEOUT, session.client.batch_execute("ROLLBACK")).await;
                rollback.is_ok_and(|rollback| rollback.is_ok())
            }
            _ => false,
        };
        if !rolled_back {
            self.prepared = None;
        }

        Err(failure::running(&fault))
    }
}

/// Takes the turn. All statements are sent at once: the server carries them out one after another, so that what is read is
/// read under the lock.
async fn begin(
    session: &Session,
    statements: &WriteStatements,
    position: &Position,
    marks: Option<RenewalMarks>,
) -> Result<(OpenTurn, Turn), PostgresFailure> {
    let client = &session.client;
    let (after, limit) = (signed(position.index), signed(MAX_READ as u64));
    let parameters: [&(dyn ToSql + Sync); 2] = [&after, &limit];
    let (open, rows, renewed) = join3(
        open(session, statements),
        client.query(&statements.events, &parameters),
        renewals::rows(client, &statements.renewals, marks.as_ref()),
    )
    .await;
    let mut open = open?;
    if is_loss(position, &open.meta) {
        // A new history begins, whatever becomes of the turn.
        begin_history(client, position).await?;
        client.batch_execute("COMMIT").await?;
        open = self::open(session, statements).await?;
    }
    let changes = match changes_since(position, &open.meta, events(&rows?)?) {
        Some(changes) => changes,
        None => StoreChanges::Reset(Box::new(contents(client).await?)),
    };

    let (clock, renewed) = (open.meta.clock, renewed?);
    let renewals = marks.map(|marks| renewals::renewals(&renewed, marks, clock, None)).transpose()?;
    let last_index = open.meta.last_index;
    Ok((open, Turn { changes, last_index, renewals }))
}

/// Opens the transaction, and waits for the lock.
async fn open(session: &Session, statements: &WriteStatements) -> Result<OpenTurn, PostgresFailure> {
    let client = &session.client;
    let (began, meta, head) = join3(
        client.batch_execute("BEGIN"),
        client.query_one(&statements.lock, &[]),
        client.query_opt(&statements.audit_head, &[]),
    )
    .await;
    began?;
    Ok(OpenTurn { meta: Meta::of(&meta?)?, audit: audit::head(head?.as_ref())? })
}

/// Stores a batch and ends the transaction. The outer result is that of the database, the inner one that of the batch.
async fn store(
    session: &Session,
    statements: &WriteStatements,
    (turn, max_events): (Option<OpenTurn>, u64),
    batch: &Batch,
) -> Result<Result<u64, StoreError>, PostgresFailure> {
    let client = &session.client;
    let OpenTurn { meta, audit } = match turn {
        Some(turn) => turn,
        None => open(session, statements).await?,
    };
    let last = meta.last_index;
    if !batch.follows(last) {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Err(StoreError::OutOfOrder { after: batch.after, last }));
    }
    if batch.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Ok(last));
    }

    write(session, statements, batch, (audit, max_events)).await?;
    Ok(Ok(batch.index()))
}
