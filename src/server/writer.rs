//! The one writer: takes commands from a queue, applies the rules, has the store keep the changes, publishes them, and
//! only then answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{Instrument, Span, debug, info, warn};

use super::api_error::ApiError;
use super::audit::{Origin, PendingAudit, PlannedCommand};
use super::call_rules::{RefusedRegistrations, reason_to_undo};
use super::document_event::{document_event, log_document};
use super::event::Event;
use super::instance_view::{InstanceView, USUAL_JSON_BYTES};
use super::noticed_instances::refresh_noticed;
use super::service_key::ServiceKey;
use super::shared::App;
use super::times;
use super::trace;
use super::view::{View, ViewDraft};
use super::write_queue::{WriteJob, WriteResult, next_awaited};
use crate::engine::{Clock, Shutdown};
use crate::model::AuditEntry;
use crate::registry::{
    CatalogCommand, Change, ChangeKind, Command, CommandRejection, DocumentChange, DriftCommand, Notice, Now, Outcome,
    State, TrafficCommand,
};
use crate::store::{Batch, Store, StoreError, StoredEvent, Write};

/// The most commands of one commit; a bulk request is never split.
pub(super) const MAX_BATCH: usize = 256;
/// The interval at which time passes for the rules.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// The writer's own things.
pub(super) struct CommandWriter {
    pub(super) app: App,
    pub(super) state: State,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) jobs: mpsc::Receiver<WriteJob>,
    pub(super) audit: PendingAudit,
}

impl CommandWriter {
    /// Writes until it is asked to stop and the queue is empty.
    pub(super) async fn run(mut self, shutdown: Shutdown) {
        let mut ticks = interval(TICK);
        // After a pause of this process the rules see one long step, and take it for what it was.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        let mut is_behind = false;

        loop {
            // After a mass failure a tick does a part, and the commands that wait meanwhile come with the next one.
            let is_tick = if is_behind {
                true
            } else {
                tokio::select! {
                    _ = ticks.tick() => {
                        self.gather_audit().await;
                        true
                    }
                    job = self.jobs.recv() => match job {
                        Some(job) => {
                            batch.extend(Some(job).filter(WriteJob::is_awaited));
                            false
                        }
                        None => break,
                    },
                    () = shutdown.stopping(), if !self.jobs.is_closed() => {
                        self.jobs.close();
                        continue;
                    }
                }
            };
            self.fill(&mut batch, MAX_BATCH);
            // More than the commands can add, so that a part brings the end nearer.
            self.state.limit_tick(MAX_BATCH + batch.iter().map(|job| job.commands.len()).sum::<usize>());
            let is_kept = self.write(std::mem::take(&mut batch), is_tick).await;
            is_behind = is_kept && self.state.is_behind();
        }
        // What was recorded since the last tick.
        self.gather_audit().await;
        self.write(Vec::new(), true).await;
    }

    /// Takes what is in the queue, up to a number of commands, without the jobs of callers that left.
    pub(super) fn fill(&mut self, batch: &mut Vec<WriteJob>, max: usize) {
        let mut count: usize = batch.iter().map(|job| job.commands.len()).sum();
        while count < max {
            let Some(job) = next_awaited(&mut self.jobs) else { break };
            count += job.commands.len();
            batch.push(job);
        }
    }

    /// Writes commands. Returns whether they were kept.
    async fn write(&mut self, jobs: Vec<WriteJob>, is_tick: bool) -> bool {
        let before = self.state.clone();
        let mut step = self.carry_out(&jobs, is_tick, self.now());
        let batch = self.batch(before.index(), &mut step);

        if let Err(error) = self.keep(batch, &spans(&jobs)).await {
            self.state = before;
            self.fail(jobs, &error);
            return false;
        }
        self.finish(jobs, step);
        true
    }

    /// Takes what is to be recorded beside the commands, for the next batch.
    pub(super) async fn gather_audit(&mut self) {
        self.audit.gather(&self.app.audit, Timestamp::now()).await;
    }

    /// Applies the rules. Nothing is visible yet, and the state before can be restored.
    pub(super) fn carry_out(&mut self, jobs: &[WriteJob], is_tick: bool, now: Now) -> ExecutedCommands {
        let mut step = ExecutedCommands::of(&self.app.unscoped.load());

        for job in jobs {
            let is_client = job.origin.is_some();
            step.counts = is_client;
            let origin = job.origin.as_ref().filter(|_| self.app.audit.is_on());
            let mut refused = RefusedRegistrations::default();
            let before = job.is_whole.then(|| (self.state.clone(), step.mark()));
            let commands = job.commands.iter().cloned();
            let written = commands.map(|command| {
                let (id, is_registration) = (command.subject(), command.is_registration());
                let allowed = if is_client { self.state.check_client(&command) } else { Ok(()) };
                let written = match allowed.and_then(|()| refused.check(&command)) {
                    Ok(()) => step.carry_out(&mut self.state, command, now, origin),
                    Err(rejected) => Err(step.refuse(&self.state, &command, rejected, origin)),
                };
                refused.note(id.filter(|_| is_registration), &written);
                written
            });
            let mut written: Vec<Result<WriteResult, CommandRejection>> = written.collect();
            if let Some((state, mark)) = before
                && let Some(rejected) = reason_to_undo(&written)
            {
                self.state = state;
                step.undo(mark);
                written.fill(Err(rejected));
            }
            step.results.push(written);
        }
        if is_tick {
            // Time cannot be rejected.
            let _ = step.carry_out(&mut self.state, Command::Tick, now, None);
        }
        step
    }

    /// The time of a command.
    pub(super) fn now(&self) -> Now {
        Now { elapsed: self.clock.now(), wall: Timestamp::now() }
    }

    /// What the store has to keep.
    pub(super) fn batch(&self, after: u64, step: &mut ExecutedCommands) -> Batch {
        step.write_events(&self.app.unscoped.load());
        step.audit.retain(|entry| self.app.audit.takes_write(entry));
        let documents = step.documents.iter().flat_map(writes_of_document);
        let writes = step.changes.iter().map(write_of).chain(documents).collect();
        let events = step.events.iter().map(|event| StoredEvent::new(event.index, event.json.to_vec())).collect();
        let audit = step.audit.iter().chain(&self.audit.entries).map(AuditEntry::canonical).collect();
        Batch { after, events, writes, audit, forget_audit: self.audit.forget(), ..Batch::default() }
    }

    /// Has the store keep the changes. Returns when they are on disk.
    pub(super) async fn keep(&mut self, batch: Batch, requests: &[Span]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let span = trace::commit(requests, batch.events.len());
        let stored = self.store.append(batch).instrument(span.clone()).await;
        stored.inspect_err(|_| trace::failed(&span))?;
        self.audit.kept();
        self.app.metrics.commits.add(start.elapsed());

        self.app.note_store_kept();
        Ok(())
    }

    /// Answers that nothing was kept.
    pub(super) fn fail(&self, jobs: Vec<WriteJob>, error: &StoreError) {
        self.app.metrics.failed_commits.fetch_add(1, Ordering::Relaxed);
        self.app.note_store_failed(&error.to_string());
        for job in jobs {
            let _ = job.answer.send(Err(failure(error)));
        }
    }

    /// Makes what was kept visible, and then answers.
    pub(super) fn finish(&self, jobs: Vec<WriteJob>, mut step: ExecutedCommands) {
        self.app.metrics.rejected_writes.fetch_add(step.rejected, Ordering::Relaxed);
        self.app.metrics.writes.fetch_add(step.written, Ordering::Relaxed);
        self.app.metrics.heartbeats.fetch_add(step.renewed, Ordering::Relaxed);
        let results = std::mem::take(&mut step.results);
        self.publish(step);
        for (job, written) in jobs.into_iter().zip(results) {
            // A caller that left has no answer to read.
            let _ = job.answer.send(Ok(written));
        }
    }

    /// Makes the changes visible: first the view, then the events, so that a client that reads an event finds it done.
    fn publish(&self, carried: ExecutedCommands) {
        let ExecutedCommands { mut draft, changes, documents, events, notices, refreshed, has_reports, .. } = carried;
        for notice in &notices {
            warn!("{notice}");
        }
        changes.iter().for_each(log);
        documents.iter().for_each(log_document);

        let snapshot = self.state.snapshot();
        for id in refreshed {
            if let Some(instance) = snapshot.get(&id) {
                draft.refresh(instance);
            }
        }
        refresh_noticed(&notices, &snapshot, &mut draft);

        // A tick or a renewal without a change is nothing to see: the times of the leases are shared.
        // Of a report, the time when it came is.
        if draft.is_touched() || !notices.is_empty() || !documents.is_empty() || has_reports {
            self.app.unscoped.store(Arc::new(draft.finish(snapshot)));
        }
        self.app.metrics.changes.add(&changes);
        self.app.ring.push(&events);
        self.app.checks.changed.note(&changes);
        self.app.eureka_changes.note(&changes);
    }
}

/// How much was carried out at a time.
#[derive(Clone, Copy)]
struct StepMark {
    changes: usize,
    documents: usize,
    notices: usize,
    refreshed: usize,
    audit: usize,
    written: u64,
    renewed: u64,
}

/// Commands that were carried out, and are not yet kept.
pub(super) struct ExecutedCommands {
    draft: ViewDraft,
    pub(super) changes: Vec<Change>,
    pub(super) documents: Vec<DocumentChange>,
    events: Vec<Arc<Event>>,
    notices: Vec<Notice>,
    /// Instances of which something beside their changes is new.
    refreshed: Vec<Arc<str>>,
    /// Whether an agent reported.
    has_reports: bool,
    /// What became of the commands of each job.
    results: Vec<Vec<Result<WriteResult, CommandRejection>>>,
    pub(super) rejected: u64,
    /// Commands of clients that were carried out, without heartbeats.
    written: u64,
    renewed: u64,
    /// Whether the commands come from a client: those of the server itself are not counted.
    counts: bool,
    /// What the audit log says of them.
    audit: Vec<AuditEntry>,
}

impl ExecutedCommands {
    fn of(view: &View) -> Self {
        let draft = ViewDraft::of(view);

        Self {
            draft,
            changes: Vec::new(),
            documents: Vec::new(),
            events: Vec::new(),
            notices: Vec::new(),
            refreshed: Vec::new(),
            has_reports: false,
            results: Vec::new(),
            rejected: 0,
            written: 0,
            renewed: 0,
            counts: false,
            audit: Vec::new(),
        }
    }

    /// Whether there is anything to keep.
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty() || !self.documents.is_empty()
    }

    fn carry_out(
        &mut self,
        state: &mut State,
        command: Command,
        now: Now,
        origin: Option<&Origin>,
    ) -> Result<WriteResult, CommandRejection> {
        let id = command.subject();
        self.has_reports |= matches!(command, Command::Drift(_));
        let planned = origin.and_then(|origin| Some((origin, PlannedCommand::new(&command)?)));
        let config = match &command {
            Command::Config(command) => Some(Arc::clone(command.name())),
            _ => None,
        };
        let counts = self.counts;
        let counter = match &command {
            // Time passes, and the monitor and agents report, without an operator.
            Command::Tick
            | Command::CheckResult { .. }
            | Command::CheckUnavailable { .. }
            | Command::Drift(DriftCommand::Report(_))
            | Command::Traffic { command: TrafficCommand::Score(_), .. } => None,
            Command::Renew { .. } | Command::Catalog(CatalogCommand::Report { .. }) => Some(&mut self.renewed),
            _ => Some(&mut self.written),
        };
        let outcome = state.step(command, now).inspect_err(|_| self.rejected += 1);
        self.audit.extend(planned.and_then(|(origin, planned)| planned.entry(origin, outcome.as_ref(), state)));

        let Outcome { changes, documents, warnings, notices } = outcome?;
        if let Some(counter) = counter.filter(|_| counts) {
            *counter += 1;
        }

        let is_new = changes.iter().any(|change| change.kind == ChangeKind::Added);
        let instance = id.as_deref().and_then(|id| state.view().get(id));
        self.refreshed.extend(id.filter(|_| changes.is_empty()));
        self.changes.extend(changes);
        self.documents.extend(documents);
        self.notices.extend(notices);
        let config = config.and_then(|name| state.view().config(&name)?.newest().cloned());
        Ok(WriteResult { is_new, warnings, instance, config })
    }

    fn mark(&self) -> StepMark {
        StepMark {
            changes: self.changes.len(),
            documents: self.documents.len(),
            notices: self.notices.len(),
            refreshed: self.refreshed.len(),
            audit: self.audit.len(),
            written: self.written,
            renewed: self.renewed,
        }
    }

    /// Forgets what was carried out since. What the audit log says of commands that were rejected stays.
    fn undo(&mut self, mark: StepMark) {
        self.changes.truncate(mark.changes);
        self.documents.truncate(mark.documents);
        self.notices.truncate(mark.notices);
        self.refreshed.truncate(mark.refreshed);
        (self.written, self.renewed) = (mark.written, mark.renewed);

        let since = self.audit.split_off(mark.audit);
        self.audit.extend(since.into_iter().filter(|entry| entry.index.is_none()));
    }

    /// Counts and records the command of a client that may not be given.
    fn refuse(
        &mut self,
        state: &State,
        command: &Command,
        rejected: CommandRejection,
        origin: Option<&Origin>,
    ) -> CommandRejection {
        self.rejected += 1;
        let planned = origin.and_then(|origin| Some((origin, PlannedCommand::new(command)?)));
        self.audit.extend(planned.and_then(|(origin, planned)| planned.entry(origin, Err(&rejected), state)));
        rejected
    }

    /// Applies the changes to the draft, and writes their events. `base` is the view before.
    fn write_events(&mut self, base: &View) {
        let mut last_of: HashMap<ServiceKey, u64> = HashMap::new();
        for change in &self.changes {
            let view = match change.kind {
                ChangeKind::Removed => {
                    self.draft.remove(&change.instance);
                    Arc::new(InstanceView::new(change.instance.clone(), None))
                }
                ChangeKind::Added | ChangeKind::Updated => self.draft.put(change.instance.clone()),
            };

            self.draft.note(change);

            let key = base.key_of(&change.instance);
            let previous = last_of.insert(key.clone(), change.index);
            let previous = previous.unwrap_or_else(|| base.snapshot.service_index(&key.namespace, &key.name));
            self.events.push(Arc::new(event(change, &view, key, previous)));
        }
        self.events.extend(self.documents.iter().map(|change| Arc::new(document_event(change))));
        self.events.sort_by_key(|event| event.index);
    }
}

/// The spans of the requests that wait, as far as there are any.
pub(super) fn spans(jobs: &[WriteJob]) -> Vec<Span> {
    jobs.iter().map(|job| job.span.clone()).filter(|span| !span.is_none()).collect()
}

/// What becomes of the record of a changed instance.
fn write_of(change: &Change) -> Write {
    let id = Arc::clone(&change.instance.id);
    match change.kind {
        ChangeKind::Removed => Write::Remove { id },
        _ => {
            let mut body = Vec::with_capacity(USUAL_JSON_BYTES);
            // A record of texts and numbers always serialises.
            let _ = serde_json::to_writer(&mut body, &*change.record);
            Write::Put { id, body }
        }
    }
}

/// What becomes of the records of a changed document.
fn writes_of_document(change: &DocumentChange) -> impl Iterator<Item = Write> {
    change.writes.iter().map(|write| match &write.body {
        Some(body) => Write::Put { id: Arc::clone(&write.key), body: body.clone().into_bytes() },
        None => Write::Remove { id: Arc::clone(&write.key) },
    })
}

fn failure(error: &StoreError) -> ApiError {
    let api_error = match error {
        StoreError::Full => ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", error.to_string()),
        StoreError::Overloaded => ApiError::unavailable("busy", error.to_string()),
        StoreError::Away { .. } => ApiError::unavailable("database_unavailable", error.to_string()),
        _ => ApiError::unavailable("store_failed", error.to_string()),
    };
    api_error.hint(error.hint())
}

/// An event without its instance, which follows it.
#[derive(Serialize)]
struct EventHead<'c> {
    index: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    time: &'c str,
    source: &'static str,
    namespace: &'c str,
    service: &'c str,
    id: &'c str,
    cause: &'static str,
    changed: &'c [&'static str],
    previous: u64,
}

/// Room for most heads of events.
const USUAL_HEAD_BYTES: usize = 384;
/// What stands between the head of an event and its instance.
const ITEM_KEY: &[u8] = b",\"item\":";

/// A change as clients read it.
fn event(change: &Change, view: &InstanceView, service: ServiceKey, previous: u64) -> Event {
    let head = EventHead {
        index: change.index,
        kind: change.kind.as_str(),
        time: &times::written(change.at),
        source: "portolan",
        namespace: &service.namespace,
        service: &service.name,
        id: &change.instance.id,
        cause: change.cause.as_str(),
        changed: &change.changed,
        previous,
    };
    let mut line = Vec::with_capacity(USUAL_HEAD_BYTES);
    // Texts and numbers always serialise.
    let _ = serde_json::to_writer(&mut line, &head);
    line.pop();
    // Thousands of events are kept: none of them has room to grow.
    let item = view.to_json();
    line.reserve_exact(ITEM_KEY.len() + item.len() + 1);

    line.extend_from_slice(ITEM_KEY);
    line.extend_from_slice(&item);
    line.push(b'}');
    Event { index: change.index, kind: change.kind.as_str(), service, previous, json: Bytes::from(line) }
}

/// Logs a change.
fn log(change: &Change) {
    let instance = &change.instance;
    let service = format!("{}/{}", instance.namespace(), instance.name());
    let (id, index, cause) = (&*instance.id, change.index, change.cause.as_str());
    match change.kind {
        ChangeKind::Added => info!(service, id, index, "instance registered"),
        ChangeKind::Removed => info!(service, id, index, cause, "instance removed"),
        ChangeKind::Updated if change.changed.contains(&"health") => {
            info!(service, id, index, cause, health = instance.health.as_str(), "health changed");
        }
        ChangeKind::Updated => debug!(service, id, index, cause, "instance changed"),
    }
}
