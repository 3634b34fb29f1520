//! Writes: in memory if no other server has to know, otherwise in this server's turn.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::follow::unreadable;
use super::outbox;
use super::writer::{ClusterWriter, MAX_DUE};
use crate::registry::{CatalogCommand, Command, DriftCommand, Now, ReplicatedChange, TrafficCommand};
use crate::server::write_queue::{WriteJob, Written};
use crate::server::writer::{CarriedOut, spans};
use crate::store::{Batch, StoreError, StoredLease};

/// How long a lease is left alone that is being renewed at this moment.
const RENEWAL_TIME: Duration = Duration::from_secs(2);

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
        let at = self.writer.clock.now();
        let due = if is_tick { self.writer.state.due_leases(at, Duration::ZERO, MAX_DUE) } else { Vec::new() };
        let due = due.into_iter().map(outbox::key).collect();
        let turn = match self.store.take_turn(self.position(), due).await {
            Ok(turn) => turn,
            Err(error) => {
                self.lose_contact(&error);
                return self.write_without_store(jobs, &error);
            }
        };

        self.take_news(turn.news);
        if self.has_diverged {
            let error = unreadable();
            drop(self.store.append(Batch { after: self.writer.state.index(), ..Batch::default() }));
            return self.write_without_store(jobs, &error);
        }
        self.confirm(&turn.leases);
        self.writer.fill(&mut jobs);
        let now = self.writer.now();
        if is_tick {
            self.leave_alone(&turn.leases, now);
        }
        self.append(jobs, is_tick, now).await;
    }

    /// A lease that the store did not speak of is being renewed, or came due only now: it is asked for again.
    fn leave_alone(&mut self, leases: &[StoredLease], now: Now) {
        let spoken: HashSet<(&str, i16)> = leases.iter().map(|lease| (&*lease.id, lease.slot)).collect();
        for lease in self.writer.state.due_leases(now.elapsed, Duration::ZERO, usize::MAX) {
            let key = outbox::key(lease.clone());
            if !spoken.contains(&(&*key.id, key.slot)) {
                self.writer.state.hold_lease(&lease, now.elapsed + RENEWAL_TIME);
            }
        }
    }

    /// Applies the rules, and ends the turn with what they changed.
    async fn append(&mut self, jobs: Vec<WriteJob>, is_tick: bool, now: Now) {
        let before = self.writer.state.clone();
        let mut step = self.writer.carry_out(&jobs, is_tick, now);
        let mut batch = self.writer.batch(before.index(), &mut step);
        add_replicas(&mut batch, &step);
        let (leases, renewed) = self.leases(&jobs, &step);
        batch.leases = leases;
        batch.is_announced = self.hints.is_connected();

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
                self.writer.state = before;
                self.lose_contact(&error);
                self.write_without_store(jobs, &error);
            }
        }
    }

    /// The leases that these commands began or renewed, and the ids of instances whose renewal changed nothing else: those
    /// are stored with all others.
    fn leases(&self, jobs: &[WriteJob], step: &CarriedOut) -> (Vec<StoredLease>, Vec<Arc<str>>) {
        let changed: HashSet<&str> = step.changes.iter().map(|change| &*change.instance.id).collect();
        let (mut granted, mut renewed) = (HashSet::new(), Vec::new());
        for command in jobs.iter().flat_map(|job| &job.commands) {
            match command {
                Command::Renew { id, .. } if !changed.contains(&**id) => renewed.push(Arc::clone(id)),
                Command::Register(_)
                | Command::Renew { .. }
                | Command::CheckResult { .. }
                | Command::Catalog(_)
                | Command::Drift(DriftCommand::Report(_)) => granted.extend(command.lease_id()),
                _ => {}
            }
        }

        let now = self.writer.clock.now();
        let leases = granted.iter().flat_map(|id| self.writer.state.leases_of(id, now)).map(outbox::stored).collect();
        (leases, renewed)
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
            written.push(Ok(Written { instance, ..Written::default() }));
        }
        let _ = job.answer.send(Ok(written));
    }
}

/// Adds each change as the other servers take it over.
fn add_replicas(batch: &mut Batch, step: &CarriedOut) {
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
