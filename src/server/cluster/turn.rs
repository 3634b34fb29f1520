//! Writes: in memory if no other server has to know, otherwise in this server's turn.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::follow::unreadable;
use super::writer::ClusterWriter;
use crate::registry::{CatalogCommand, Cause, Command, DriftCommand, Now, ReplicatedChange, TrafficCommand};
use crate::server::write_queue::{WriteJob, WriteResult};
use crate::server::writer::{ExecutedCommands, spans};
use crate::store::{Batch, StoreError};

impl ClusterWriter {
    /// Carries out commands, and answers.
    pub(super) async fn write(&mut self, jobs: Vec<WriteJob>) {
        if let Some(jobs) = self.write_in_memory(jobs) {
            if self.writer.app.contact.is_lost() {
                self.write_without_store(jobs, &StoreError::Away { cause: "it did not reply last time".to_owned() });
            } else {
                self.write_in_turn(jobs, false).await;
            }
        }
    }

    /// Carries out what changes nothing that others see. Returns the jobs if that is not so.
    fn write_in_memory(&mut self, jobs: Vec<WriteJob>) -> Option<Vec<WriteJob>> {
        if !jobs.iter().flat_map(|job| &job.commands).all(may_stay_in_memory) {
            return Some(jobs);
        }
        let before = self.writer.state.clone();
        let step = self.writer.carry_out(&jobs, false, self.writer.now());
        if step.has_changes() || step.rejected > 0 {
            self.writer.state = before;
            return Some(jobs);
        }

        let renewed = jobs.iter().flat_map(|job| &job.commands).filter_map(Command::lease_id);
        renewed.for_each(|id| self.outbox.renew(id));
        self.writer.finish(jobs, step);
        None
    }

    /// Takes the turn, takes over what was written before, and writes. What was queued meanwhile is written with it.
    pub(super) async fn write_in_turn(&mut self, mut jobs: Vec<WriteJob>, is_tick: bool) {
        if let Err(error) = self.take_turn(is_tick).await {
            self.is_expiring = false;
            self.lose_contact(&error);
            return self.write_without_store(jobs, &error);
        }
        if self.has_diverged {
            let error = unreadable();
            self.end_turn();
            return self.write_without_store(jobs, &error);
        }

        self.writer.fill(&mut jobs, self.turn_size.get());
        let now = self.writer.now();
        if is_tick {
            self.spread_expiry(now);
        }
        self.append(jobs, is_tick, now).await;
    }

    /// Takes the turn with everything that was written before. What is more than is read at once takes further turns, in
    /// between which others write. `is_tick`: leases are to be judged.
    async fn take_turn(&mut self, is_tick: bool) -> Result<(), StoreError> {
        loop {
            let at = self.writer.clock.now();
            let marks = is_tick.then(|| self.renewals.marks());
            let turn = self.store.take_turn(self.position(), marks).await?;

            self.take_changes(turn.changes);
            if let Some(renewals) = &turn.renewals {
                self.confirm(renewals, at);
            }
            if self.has_diverged || self.writer.state.index() >= turn.last_index {
                return Ok(());
            }
            self.end_turn();
        }
    }

    /// Ends the turn without a change.
    fn end_turn(&self) {
        drop(self.store.append(Batch { after: self.writer.state.index(), ..Batch::default() }));
    }

    /// Applies the rules, and ends the turn with what they changed.
    async fn append(&mut self, jobs: Vec<WriteJob>, is_tick: bool, now: Now) {
        let before = self.writer.state.clone();
        let mut step = self.writer.carry_out(&jobs, is_tick, now);
        let mut batch = self.writer.batch(before.index(), &mut step);
        add_replicas(&mut batch, &step);
        let renewed = self.renewed(&jobs, &step);
        batch.is_announced = self.hints.is_connected();
        let commands: usize = jobs.iter().map(|job| job.commands.len()).sum();
        self.turn_size.note(commands.max(step.changes.len()), self.writer.now().elapsed.saturating_sub(now.elapsed));

        let is_empty = batch.is_empty();
        let kept = if is_empty {
            // It only ends the turn.
            drop(self.store.append(batch));
            Ok(())
        } else {
            self.writer.keep(batch, &spans(&jobs)).await
        };
        match kept {
            Ok(()) => {
                for id in renewed {
                    self.outbox.renew(id);
                }
                self.writer.finish(jobs, step);
                if self.writer.state.index() > before.index() {
                    self.hints.tell(self.writer.state.index());
                }
            }
            Err(error) => {
                self.turn_size.note_failure();
                self.is_expiring = false;
                self.writer.state = before;
                self.lose_contact(&error);
                self.write_without_store(jobs, &error);
            }
        }
    }

    /// The ids of what these commands renewed without a change that says so.
    fn renewed(&self, jobs: &[WriteJob], step: &ExecutedCommands) -> HashSet<Arc<str>> {
        let said = step.changes.iter().filter(|change| matches!(change.cause, Cause::Registered | Cause::Renewed));
        let said: HashSet<&str> = said.map(|change| &*change.instance.id).collect();
        let now = self.writer.clock.now();
        // The others take over when a report is due only from its renewal.
        let has_reports =
            |id: &str| self.writer.state.leases_of(id, now).iter().any(|known| known.lease.check.is_some());

        let renewing = jobs.iter().flat_map(|job| &job.commands).filter(|command| renews(command));
        let renewed = renewing.filter_map(Command::lease_id);
        renewed.filter(|id| !said.contains(&**id) || has_reports(id)).collect()
    }

    /// Heartbeats of known instances are taken as long as there is room, and stored later; all other writes are refused.
    fn write_without_store(&mut self, jobs: Vec<WriteJob>, error: &StoreError) {
        let mut failed = Vec::new();
        for job in jobs {
            let are_renewals = job.commands.iter().all(|command| self.is_known_renewal(command));
            if are_renewals && self.outbox.has_room_for(&job.commands) {
                self.take_renewals(job);
            } else {
                failed.push(job);
            }
        }

        if !failed.is_empty() {
            self.writer.fail(failed, error);
        }
    }

    fn is_known_renewal(&self, command: &Command) -> bool {
        let Command::Renew { id, generation, .. } = command else { return false };
        let known = self.writer.state.view().record(id);
        known.is_some_and(|known| generation.is_none_or(|given| given == known.generation))
    }

    fn take_renewals(&mut self, job: WriteJob) {
        let mut written = Vec::with_capacity(job.commands.len());
        for command in job.commands {
            let Some(id) = command.subject() else { continue };
            self.outbox.postpone(Arc::clone(&id), command);
            let instance = self.writer.state.view().get(&id);
            written.push(Ok(WriteResult { instance, ..WriteResult::default() }));
        }
        let _ = job.answer.send(Ok(written));
    }
}

/// Adds each change as the other servers take it over.
fn add_replicas(batch: &mut Batch, step: &ExecutedCommands) {
    // Changes of texts and numbers always serialise.
    let instances = step
        .changes
        .iter()
        .map(|change| (change.index, serde_json::to_vec(&ReplicatedChange::from(change)).unwrap_or_default()));
    let documents = step.documents.iter().map(|change| (change.index, serde_json::to_vec(change).unwrap_or_default()));
    let mut replicas: HashMap<u64, Vec<u8>> = instances.chain(documents).collect();
    for event in &mut batch.events {
        event.replica = replicas.remove(&event.index).unwrap_or_default();
    }
}

/// Whether a command renews a lease.
fn renews(command: &Command) -> bool {
    matches!(
        command,
        Command::Register(_)
            | Command::Renew { .. }
            | Command::CheckResult { .. }
            | Command::Catalog(_)
            | Command::Drift(DriftCommand::Report(_))
    )
}

/// Whether a command can be carried out without the others, if it changes nothing.
fn may_stay_in_memory(command: &Command) -> bool {
    matches!(
        command,
        Command::Renew { .. }
            | Command::CheckResult { .. }
            | Command::CheckUnavailable { .. }
            | Command::Catalog(CatalogCommand::Report { .. })
            | Command::Drift(DriftCommand::Report(_))
            | Command::Traffic { command: TrafficCommand::Score(_), .. }
    )
}
