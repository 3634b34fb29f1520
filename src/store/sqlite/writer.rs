//! The thread that owns the connection.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::backup::{self, Backup};
use super::commit::{commit, probe};
use super::rows::Rows;
use super::{audit, fault, open};
use crate::store::{AuditPage, AuditRange, Batch, StoreError};

/// The most batches of one transaction.
const MAX_GROUP: usize = 256;
/// How long a group is gathered from what is queued already. It is never waited for.
const MAX_GATHERING: Duration = Duration::from_millis(1);

/// Where a result goes.
pub(super) type ReplyTo<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked to do.
pub(super) enum StoreRequest {
    Append(Batch, ReplyTo<u64>),
    Audit(AuditRange, ReplyTo<AuditPage>),
    Probe(ReplyTo<u64>),
    Backup(PathBuf, ReplyTo<Backup>),
    Check(ReplyTo<()>),
}

/// The thread's own.
pub(super) struct Writer {
    path: PathBuf,
    connection: Connection,
    /// The index of the last stored change.
    last: u64,
    rows: Rows,
    max_events: u64,
}

impl Writer {
    /// The writer of a database whose last change and rows these are.
    pub(super) fn new(path: &Path, connection: Connection, (last, rows): (u64, Rows), max_events: u64) -> Self {
        Self { path: path.to_owned(), connection, last, rows, max_events }
    }

    /// Serves requests until the store is dropped.
    pub(super) fn run(mut self, requests: &Receiver<StoreRequest>) {
        while let Ok(first) = requests.recv() {
            self.serve(first, requests);
        }
        // Closing folds the log into the database; what is in the log is durable as it is.
        let _ = self.connection.close();
    }

    /// Serves one request, and with a batch all batches that wait behind it.
    fn serve(&mut self, first: StoreRequest, requests: &Receiver<StoreRequest>) {
        let mut group = Vec::new();
        let mut next = Some(first);
        let begin = Instant::now();

        while let Some(request) = next.take() {
            match request {
                StoreRequest::Append(batch, reply_to) => {
                    group.push((batch, reply_to));
                    if group.len() < MAX_GROUP && begin.elapsed() < MAX_GATHERING {
                        next = requests.try_recv().ok();
                    }
                }
                other => {
                    self.commit_group(std::mem::take(&mut group));
                    self.serve_other(other, requests);
                }
            }
        }
        self.commit_group(group);
    }

    fn serve_other(&mut self, request: StoreRequest, requests: &Receiver<StoreRequest>) {
        match request {
            StoreRequest::Append(batch, reply_to) => self.commit_group(vec![(batch, reply_to)]),
            StoreRequest::Audit(range, reply_to) => {
                let read = audit::read(&self.connection, range);
                let _ = reply_to.send(read.map_err(|error| fault::storing(&self.path, &error)));
            }
            StoreRequest::Probe(reply_to) => {
                let probed = probe(&self.connection).map_err(|error| fault::storing(&self.path, &error));
                let _ = reply_to.send(probed.map(|()| self.last));
            }
            StoreRequest::Backup(to, reply_to) => {
                let _ = reply_to.send(self.backup(&to, requests));
            }
            StoreRequest::Check(reply_to) => {
                let _ = reply_to.send(open::verify(&self.path, &self.connection, "integrity_check"));
            }
        }
    }

    /// Stores batches in one transaction and acknowledges each. A batch that does not follow is refused alone.
    fn commit_group(&mut self, group: Vec<(Batch, ReplyTo<u64>)>) {
        let (connection, path) = (&self.connection, &self.path);
        let (last, replies) = commit_group(connection, path, (self.last, &mut self.rows), self.max_events, group);
        self.last = last;
        send(replies);
    }

    /// Copies the database in small steps, and stores what comes meanwhile between them.
    fn backup(&mut self, to: &Path, requests: &Receiver<StoreRequest>) -> Result<Backup, StoreError> {
        let (connection, path, max_events) = (&self.connection, &self.path, self.max_events);
        let (last, rows) = (&mut self.last, &mut self.rows);
        let mut postponed = Vec::new();

        let result = backup::write(connection, to, || {
            let mut group = Vec::new();
            while group.len() < MAX_GROUP
                && let Ok(request) = requests.try_recv()
            {
                match request {
                    StoreRequest::Append(batch, reply_to) => group.push((batch, reply_to)),
                    other => postponed.push(other),
                }
            }
            let (index, replies) = commit_group(connection, path, (*last, rows), max_events, group);
            *last = index;
            send(replies);
        });

        for request in postponed {
            self.serve_other(request, requests);
        }
        result
    }
}

/// A result and where it goes.
type Reply = (ReplyTo<u64>, Result<u64, StoreError>);

fn send(replies: Vec<Reply>) {
    for (reply_to, result) in replies {
        // A caller that does not wait any more needs no reply.
        let _ = reply_to.send(result);
    }
}

/// Stores a group. Returns the index of the last stored change, and what to reply.
fn commit_group(
    connection: &Connection,
    path: &Path,
    (last, rows): (u64, &mut Rows),
    max_events: u64,
    group: Vec<(Batch, ReplyTo<u64>)>,
) -> (u64, Vec<Reply>) {
    let mut index = last;
    let mut replies = Vec::with_capacity(group.len());
    let mut accepted = Vec::with_capacity(group.len());
    for (batch, reply_to) in group {
        if batch.follows(index) {
            index = batch.index();
            accepted.push((batch, reply_to));
        } else {
            replies.push((reply_to, Err(StoreError::OutOfOrder { after: batch.after, last: index })));
        }
    }
    if accepted.is_empty() {
        return (last, replies);
    }

    let batches: Vec<&Batch> = accepted.iter().map(|(batch, _)| batch).collect();
    let stored = commit(connection, &batches, max_events, rows).map_err(|error| fault::storing(path, &error));
    let results = accepted.into_iter().map(|(batch, reply_to)| (reply_to, stored.clone().map(|()| batch.index())));
    replies.extend(results);

    (if stored.is_ok() { index } else { last }, replies)
}
