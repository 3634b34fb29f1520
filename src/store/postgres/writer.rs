//! The connection that writes: turns, and the batches that end them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join, join3, join4, join5};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::audit;
use super::connect::{CHANNEL, Session, connect};
use super::fault::{self, Fault};
use super::news::{LeaseColumns, Meta, begin_history, contents, events, is_loss, leases, news, signed};
use super::statements::WriteStatements;
use super::url::PostgresUrl;
use crate::store::{Batch, News, Position, StoreError, StoredLease, Turn, Write};

/// How long a step may take. PostgreSQL itself gives up a statement after the same time.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a result goes.
type ReplyTo<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(super) enum WriteRequest {
    TakeTurn(Position, Vec<StoredLease>, ReplyTo<Turn>),
    Append(Batch, ReplyTo<u64>),
}

/// The owner of the connection.
pub(super) struct TurnWriter {
    url: PostgresUrl,
    /// What is new and not prepared yet.
    session: Option<Session>,
    prepared: Option<(Session, WriteStatements)>,
    /// The index that the turn began with.
    turn: Option<u64>,
    max_events: u64,
}

impl TurnWriter {
    pub(super) fn new(url: PostgresUrl, session: Session, max_events: u64) -> Self {
        Self { url, session: Some(session), prepared: None, turn: None, max_events }
    }

    /// Serves requests until the store is dropped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<WriteRequest>) {
        while let Some(request) = requests.recv().await {
            match request {
                WriteRequest::TakeTurn(position, due, reply_to) => {
                    let turn = self.take_turn(&position, &due).await;
                    let _ = reply_to.send(turn);
                }
                WriteRequest::Append(batch, reply_to) => {
                    let appended = self.append(&batch).await;
                    let _ = reply_to.send(appended);
                }
            }
        }
    }

    async fn take_turn(&mut self, position: &Position, due: &[StoredLease]) -> Result<Turn, StoreError> {
        if self.turn.take().is_some() {
            // It was not ended: its taker is gone.
            self.prepared = None;
        }
        let max = self.max_events;
        let (session, statements) = self.connected().await?;
        let began = begin(session, statements, (position, max), due);
        let began = timeout(STEP_TIMEOUT, began).await.unwrap_or_else(|_| Err(Fault::silent(STEP_TIMEOUT)));

        let (meta, turn) = self.checked(began).await?;
        self.turn = Some(meta.last_index);
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
        let stored = timeout(STEP_TIMEOUT, stored).await.unwrap_or_else(|_| Err(Fault::silent(STEP_TIMEOUT)));
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
                None => connect(&self.url, None).await.map_err(fault::away)?,
            };
            let prepared = timeout(STEP_TIMEOUT, WriteStatements::prepare(&session.client)).await;
            let prepared = prepared.unwrap_or_else(|_| Err(Fault::silent(STEP_TIMEOUT)));
            let statements = prepared.map_err(|fault| fault::running(&fault))?;
            self.prepared = Some((session, statements));
        }

        self.prepared.as_ref().ok_or(StoreError::Closed)
    }

    /// After a failure the transaction is ended, and a connection that may still be in it is dropped.
    async fn checked<T>(&mut self, result: Result<T, Fault>) -> Result<T, StoreError> {
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

        Err(fault::running(&fault))
    }
}

/// Takes the turn. All statements are sent at once: the server carries them out one after another, so that what is read is
/// read under the lock.
async fn begin(
    session: &Session,
    statements: &WriteStatements,
    (position, max_events): (&Position, u64),
    due: &[StoredLease],
) -> Result<(Meta, Turn), Fault> {
    let client = &session.client;
    let (after, limit) = (signed(position.index), signed(max_events));
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&after, &limit];
    let (began, meta, rows) = join3(
        client.batch_execute("BEGIN"),
        client.query_one(&statements.lock, &[]),
        client.query(&statements.events, &parameters),
    )
    .await;
    began?;
    let mut meta = Meta::of(&meta?)?;
    if is_loss(position, &meta) {
        meta = begin_history_in_turn(session, statements, position).await?;
    }
    let news = match news(position, &meta, events(&rows?)?) {
        Some(news) => news,
        None => News::Reset(Box::new(contents(client).await?)),
    };

    let mut known = Vec::new();
    if !due.is_empty() {
        let columns = LeaseColumns::of(due);
        known = leases(&client.query(&statements.leases, &[&columns.ids, &columns.slots]).await?)?;
    }
    Ok((meta, Turn { news, leases: known }))
}

/// Begins a new history, whatever becomes of the turn, and takes the turn again.
async fn begin_history_in_turn(
    session: &Session,
    statements: &WriteStatements,
    position: &Position,
) -> Result<Meta, Fault> {
    let client = &session.client;
    begin_history(client, position).await?;
    client.batch_execute("COMMIT; BEGIN").await?;
    Meta::of(&client.query_one(&statements.lock, &[]).await?)
}

/// Stores a batch and ends the transaction. The outer result is that of the database, the inner one that of the batch.
async fn store(
    session: &Session,
    statements: &WriteStatements,
    (turn, max_events): (Option<u64>, u64),
    batch: &Batch,
) -> Result<Result<u64, StoreError>, Fault> {
    let client = &session.client;
    let last = match turn {
        Some(last) => last,
        None => {
            let (began, meta) = join(client.batch_execute("BEGIN"), client.query_one(&statements.lock, &[])).await;
            began?;
            Meta::of(&meta?)?.last_index
        }
    };
    if !batch.follows(last) {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Err(StoreError::OutOfOrder { after: batch.after, last }));
    }
    if batch.is_empty() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Ok(last));
    }

    audit::store(client, batch).await?;
    write(session, statements, batch, max_events).await?;
    Ok(Ok(batch.index()))
}

/// Sends the whole batch with its COMMIT at once. If a statement fails, those behind it do too, and the COMMIT is a rollback.
async fn write(session: &Session, statements: &WriteStatements, batch: &Batch, max_events: u64) -> Result<(), Fault> {
    let client = &session.client;
    let (puts, bodies, removed) = final_writes(batch);
    let granted: BTreeMap<(&str, i16), &StoredLease> = batch
        .leases
        .iter()
        .filter(|lease| !removed.contains(&&*lease.id))
        .map(|lease| ((&*lease.id, lease.slot), lease))
        .collect();
    let granted = LeaseColumns::of(granted.into_values());
    let numbers: Vec<i64> = batch.events.iter().map(|event| signed(event.index)).collect();
    let lines: Vec<&[u8]> = batch.events.iter().map(|event| event.body.as_slice()).collect();
    let replicas: Vec<&[u8]> = batch.events.iter().map(|event| event.replica.as_slice()).collect();
    let index = signed(batch.index());
    let pruned = index.saturating_sub(signed(max_events));
    let payload = index.to_string();

    let ((events, puts, removes, lease_removes, grants), (index, prune, notify, commit)) = join(
        join5(
            client.execute(&statements.insert_events, &[&numbers, &lines, &replicas]),
            client.execute(&statements.put_records, &[&puts, &bodies]),
            client.execute(&statements.remove_records, &[&removed]),
            client.execute(&statements.remove_leases, &[&removed]),
            client.execute(
                &statements.grant_leases,
                &[&granted.ids, &granted.slots, &granted.generations, &granted.seconds],
            ),
        ),
        join4(
            client.execute(&statements.set_index, &[&index]),
            client.execute(&statements.prune, &[&pruned]),
            notify(session, statements, batch.is_announced, &payload),
            client.batch_execute("COMMIT"),
        ),
    )
    .await;
    for done in [events, puts, removes, lease_removes, grants, index, prune, notify] {
        done?;
    }
    commit?;
    Ok(())
}

/// Wakes the other servers with the commit, unless they are woken in another way.
async fn notify(
    session: &Session,
    statements: &WriteStatements,
    is_announced: bool,
    payload: &str,
) -> Result<u64, tokio_postgres::Error> {
    if is_announced {
        return Ok(0);
    }
    session.client.execute(&statements.notify, &[&CHANNEL, &payload]).await
}

/// What becomes of each record in the end: a statement may touch a row only once. Returns the ids and bodies of those that
/// are stored, and the ids of those that are removed.
fn final_writes(batch: &Batch) -> (Vec<&str>, Vec<&[u8]>, Vec<&str>) {
    let mut last: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
    for write in &batch.writes {
        match write {
            Write::Put { id, body } => last.insert(id, Some(body)),
            Write::Remove { id } => last.insert(id, None),
        };
    }

    let removed = last.iter().filter(|(_, body)| body.is_none()).map(|(id, _)| *id).collect();
    let (puts, bodies) = last.iter().filter_map(|(id, body)| Some((*id, (*body)?))).unzip();
    (puts, bodies, removed)
}
