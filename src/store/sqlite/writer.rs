//! The thread that writes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::backup::{self, Backup};
use super::committer::{Committer, QueuedBatch, ReplyTo};
use super::database::Database;
use super::rows::Rows;
use super::{audit, fault, open};
use crate::store::{AuditPage, AuditRange, Batch, StoreError};

/// The most batches of one transaction.
const MAX_GROUP: usize = 256;
/// How long a group is gathered from what is queued already. It is never waited for.
const MAX_GATHERING: Duration = Duration::from_millis(1);

/// What the thread is asked to do.
pub(super) enum StoreRequest {
    Append(Batch, ReplyTo<u64>),
    Audit(AuditRange, ReplyTo<AuditPage>),
    Probe(ReplyTo<u64>),
    Backup(PathBuf, ReplyTo<Backup>),
    Check(ReplyTo<()>),
}

impl StoreRequest {
    fn refuse(self, error: StoreError) {
        // A caller that does not wait any more needs no reply.
        match self {
            Self::Append(_, reply_to) | Self::Probe(reply_to) => drop(reply_to.send(Err(error))),
            Self::Audit(_, reply_to) => drop(reply_to.send(Err(error))),
            Self::Backup(_, reply_to) => drop(reply_to.send(Err(error))),
            Self::Check(reply_to) => drop(reply_to.send(Err(error))),
        }
    }
}

/// The thread's own. The committer goes first: its checkpoints end before the database is closed.
pub(super) struct Writer {
    committer: Committer,
    database: Database,
}

impl Writer {
    /// The writer of a database whose last change and rows these are.
    pub(super) fn new(database: Database, stored: (u64, Rows), max_events: u64) -> Result<Self, StoreError> {
        Ok(Self { committer: Committer::new(&database, stored, max_events)?, database })
    }

    /// Serves requests until the store is dropped.
    pub(super) fn run(mut self, requests: &Receiver<StoreRequest>) {
        while let Ok(first) = requests.recv() {
            match self.committer.recover(&mut self.database) {
                Ok(()) => self.serve(first, requests),
                Err(error) => first.refuse(error),
            }
        }
        self.committer.end(&self.database);
        self.database.close();
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
                    self.commit(std::mem::take(&mut group));
                    self.serve_other(other, requests);
                }
            }
        }
        self.commit(group);
    }

    fn serve_other(&mut self, request: StoreRequest, requests: &Receiver<StoreRequest>) {
        let (connection, path) = (&self.database.connection, self.database.path());
        match request {
            StoreRequest::Append(batch, reply_to) => self.commit(vec![(batch, reply_to)]),
            StoreRequest::Audit(range, reply_to) => {
                let read = audit::read(connection, range);
                let _ = reply_to.send(read.map_err(|error| fault::storing(path, &error)));
            }
            StoreRequest::Probe(reply_to) => {
                let _ = reply_to.send(self.committer.probe(connection));
            }
            StoreRequest::Backup(to, reply_to) => {
                let _ = reply_to.send(self.backup(&to, requests));
            }
            StoreRequest::Check(reply_to) => {
                let _ = reply_to.send(open::verify(path, connection, "integrity_check"));
            }
        }
    }

    fn commit(&mut self, group: Vec<QueuedBatch>) {
        self.committer.commit(&self.database.connection, group);
    }

    /// Copies the database in small steps, and stores what comes meanwhile between them.
    fn backup(&mut self, to: &Path, requests: &Receiver<StoreRequest>) -> Result<Backup, StoreError> {
        let (connection, committer) = (&self.database.connection, &mut self.committer);
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
            committer.commit(connection, group);
        });

        for request in postponed {
            self.serve_other(request, requests);
        }
        result
    }
}
