//! The thread that copies the log into the database, so that no commit has to wait for that.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use rusqlite::Connection;

use super::checkpoints::Checkpoints;
use super::connection::connect_beside;
use super::database::Database;
use super::fault::{self, inaccessible};
use super::log_size::{CheckpointNeed, LogSize};
use crate::store::StoreError;

/// Keeps the log short: most of it is copied by a thread of its own, and the rest by the writer, between two commits.
pub(super) struct Checkpointer {
    checkpoints: Arc<Mutex<Checkpoints>>,
    /// `None` once it is stopped.
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, with a connection of its own.
    pub(super) fn start(database: &Database) -> Result<Self, StoreError> {
        let checkpoints = Arc::new(Mutex::new(Checkpoints::new(database.path())));
        let mut started = Self { checkpoints, wake: None, thread: None };
        started.start_thread(database)?;
        Ok(started)
    }

    fn start_thread(&mut self, database: &Database) -> Result<(), StoreError> {
        let (path, file) = (database.path(), database.file());
        let connection = connect_beside(path)?;
        let (wake, wakes) = crossbeam_channel::bounded(1);
        let checkpoints = Arc::clone(&self.checkpoints);

        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || run(&connection, &file, &checkpoints, &wakes))
            .map_err(|error| inaccessible(path, &error))?;
        (self.wake, self.thread) = (Some(wake), Some(thread));
        Ok(())
    }

    /// Ends the thread, and closes its connection.
    fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // Its panics are its own: the writer goes on without it.
            let _ = thread.join();
        }
    }

    /// Keeps the log short. The writer calls it before each commit.
    ///
    /// # Errors
    /// The log has its greatest size, and cannot be copied.
    pub(super) fn tend(&self, connection: &Connection) -> Result<(), StoreError> {
        let size = LogSize::read(connection).map_err(|error| StoreError::Failed { cause: fault::plain(&error) })?;

        match size.need() {
            CheckpointNeed::None => Ok(()),
            CheckpointNeed::Background => {
                if let Some(mut checkpoints) = self.checkpoints.try_lock().filter(|last| last.is_disk_full()) {
                    // At once: the log must not take the room that the database needs.
                    let _ = checkpoints.copy(connection, Instant::now());
                    return Ok(());
                }
                // If the thread is woken already, that is enough.
                let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
                Ok(())
            }
            CheckpointNeed::Rest => {
                // The thread may still wait for the disk. After a failure the log goes on growing, up to its greatest size.
                let _ = self.checkpoints.try_lock().map(|mut checkpoints| checkpoints.copy(connection, Instant::now()));
                Ok(())
            }
            CheckpointNeed::Now => self.checkpoints.lock().copy(connection, Instant::now()),
        }
    }

    /// Copies the whole log into the database, and gives its room back to the disk.
    ///
    /// # Errors
    /// It cannot be copied.
    pub(super) fn truncate(&self, connection: &Connection) -> Result<(), StoreError> {
        self.checkpoints.lock().truncate(connection, Instant::now())
    }

    /// Whether the whole log has to be copied again, and may be now.
    pub(super) fn is_recovery_due(&self) -> bool {
        // While the thread copies, it is not.
        let Some(checkpoints) = self.checkpoints.try_lock() else { return false };
        checkpoints.is_suspect() && checkpoints.may_retry(Instant::now())
    }

    /// Opens the database anew, so that the whole log is copied again.
    ///
    /// # Errors
    /// It cannot be opened. Nothing can be stored until it can be.
    pub(super) fn recover(&mut self, database: &mut Database) -> Result<(), StoreError> {
        self.stop();
        database.reopen()?;
        self.start_thread(database)?;

        self.checkpoints.lock().begin_anew();
        Ok(())
    }

    /// Ends the thread, before the database is closed. After a failure of the disk, closing leaves the log as it is, and the next
    /// start reads all of it.
    pub(super) fn end(mut self, database: &Database) {
        self.stop();
        if self.checkpoints.lock().is_suspect() {
            database.keep_log();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(connection: &Connection, file: &File, checkpoints: &Mutex<Checkpoints>, wakes: &Receiver<()>) {
    while wakes.recv().is_ok() {
        checkpoints.lock().catch_up(connection, file, Instant::now());
    }
}
