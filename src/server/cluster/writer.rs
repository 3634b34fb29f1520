//! The writer of a server that shares its store.
//!
//! Renewals and results of checks that change nothing stay in memory. Everything else is written in this server's turn: it
//! first takes over what the others wrote, and then applies the rules. So it decides as if it were the only one.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};
use uuid::Uuid;

use super::follow::{Divergence, follow, unreadable};
use super::hints::Hints;
use super::outbox::Outbox;
use super::renewals::RenewalReader;
use super::turn_size::TurnSize;
use crate::engine::Shutdown;
use crate::server::write_queue::WriteJob;
use crate::server::writer::{CommandWriter, MAX_BATCH, TICK};
use crate::store::{ClusterServer, Pending, Position, SharedStore, StoreChanges, StoreError, SyncReport, SyncRequest};

/// The writer of a server that shares its store.
pub(in crate::server) struct ClusterWriter {
    pub(super) writer: CommandWriter,
    pub(super) store: Arc<dyn SharedStore>,
    pub(super) outbox: Outbox,
    pub(super) renewals: RenewalReader,
    wakeups: watch::Receiver<u64>,
    pub(super) hints: Hints,
    /// The request that is on its way.
    sync: Option<PendingSync>,
    /// What the next one is to be about, if another one is to follow it.
    wanted: Option<Extent>,
    /// Whether others wrote something that this server has not read, because it was about to take its turn.
    is_behind: bool,
    /// Whether everything has to be read again.
    pub(super) has_diverged: bool,
    pub(super) turn_size: TurnSize,
    /// Whether more leases wait to expire.
    pub(super) is_expiring: bool,
    /// How long the next tick may take at most: another server is left out then, unless it says that it is there.
    first_expiry: Option<Duration>,
    /// Tells this running server from all others, also from the same one before a restart.
    id: String,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    /// What others wrote.
    Changes,
    /// That, renewals, and which servers there are: each second.
    Everything,
}

/// A request that is on its way.
struct PendingSync {
    /// When it was sent.
    at: Duration,
    extent: Extent,
    reply: Pending<SyncReport>,
}

/// What the writer does next.
enum Next {
    Tick,
    Wakeup,
    Hint,
    Synced(Duration, Extent, Result<SyncReport, StoreError>),
    Job(WriteJob),
    Stop,
    End,
}

impl ClusterWriter {
    pub(in crate::server) fn new(writer: CommandWriter, store: Arc<dyn SharedStore>, hints: Hints) -> Self {
        let wakeups = store.wakeups();
        let id = Uuid::new_v4().to_string();

        Self {
            writer,
            store,
            outbox: Outbox::default(),
            renewals: RenewalReader::new(&id),
            wakeups,
            hints,
            sync: None,
            wanted: None,
            is_behind: false,
            has_diverged: false,
            turn_size: TurnSize::default(),
            is_expiring: false,
            first_expiry: None,
            id,
        }
    }

    /// Writes and follows until it is asked to stop and the queue is empty.
    pub(in crate::server) async fn run(mut self, shutdown: Shutdown) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

        loop {
            let jobs = &mut self.writer.jobs;
            let is_closed = jobs.is_closed();
            let next = tokio::select! {
                _ = ticks.tick() => Next::Tick,
                (at, extent, report) = finished(&mut self.sync) => Next::Synced(at, extent, report),
                changed = self.wakeups.changed(), if self.wakeups.has_changed().is_ok() => {
                    if changed.is_ok() { Next::Wakeup } else { Next::Tick }
                }
                changed = self.hints.wakeups.changed(), if self.hints.wakeups.has_changed().is_ok() => {
                    if changed.is_ok() { Next::Hint } else { Next::Tick }
                }
                job = jobs.recv() => job.map_or(Next::End, Next::Job),
                () = shutdown.stopping(), if !is_closed => Next::Stop,
            };

            match next {
                Next::Tick => {
                    self.writer.gather_audit().await;
                    self.begin_sync(Extent::Everything);
                }
                // This server's own writes wake it too.
                Next::Wakeup | Next::Hint => self.read_news(),
                Next::Synced(at, extent, report) => {
                    self.take_report(at, extent, report).await;
                    // What a server that died checked must not wait for the tick after the end of its membership.
                    if let Some(expiry) = self.first_expiry.take().filter(|expiry| *expiry < TICK) {
                        ticks.reset_after(expiry);
                    }
                }
                Next::Job(job) => {
                    let mut jobs: Vec<WriteJob> = Some(job).filter(WriteJob::is_awaited).into_iter().collect();
                    self.writer.fill(&mut jobs, MAX_BATCH);
                    if !jobs.is_empty() {
                        self.write(jobs).await;
                    }
                    self.read_missed_news();
                }
                Next::Stop => self.writer.jobs.close(),
                Next::End => break,
            }
        }
        self.writer.gather_audit().await;
        if !self.writer.audit.entries.is_empty() && !self.writer.app.contact.is_lost() {
            self.write_in_turn(Vec::new(), true).await;
        }
        self.flush().await;
    }

    /// Stores the last renewals, and says that this server ends.
    async fn flush(&mut self) {
        if let Some(sync) = self.sync.take() {
            match sync.reply.await {
                Ok(_) => self.outbox.sent(),
                Err(_) => self.outbox.failed(),
            }
        }

        // The others take over its checks at once. Without its last renewals leases would last less.
        self.outbox.forget_stored();
        loop {
            let request = self.request(Extent::Everything);
            let is_last = request.renewals.1.is_empty();
            let request = SyncRequest { leaves: is_last, ..request };
            if self.store.sync(request).await.is_err() || is_last {
                return;
            }
        }
    }

    /// What this server knows.
    pub(super) fn position(&self) -> Position {
        if self.has_diverged {
            return Position::default();
        }
        Position { epoch: self.writer.app.epoch().as_ref().clone(), index: self.writer.state.index() }
    }

    fn request(&mut self, extent: Extent) -> SyncRequest {
        if extent == Extent::Changes {
            return SyncRequest { position: self.position(), ..SyncRequest::default() };
        }
        let renewals = self.outbox.send(&self.writer.state, self.writer.clock.now());
        let (marks, member) = (Some(self.renewals.marks()), Some(self.as_member()));
        SyncRequest { position: self.position(), renewals, marks, member, leaves: false }
    }

    fn as_member(&self) -> ClusterServer {
        let app = &self.writer.app;
        let scheduled = app.metrics.checks.scheduled.load(Ordering::Relaxed);
        let checks = app.checks.off().is_none().then(|| u32::try_from(scheduled).unwrap_or(u32::MAX));
        ClusterServer { id: self.id.clone(), name: app.settings.node.clone(), index: self.writer.state.index(), checks }
    }

    /// Divides the checks anew if a server came or went.
    fn meet(&self, members: Vec<ClusterServer>) {
        let checks = &self.writer.app.checks;
        if checks.division.set(&self.id, members) {
            let view = self.writer.app.unscoped.load();
            let instances = view.services().flat_map(|service| service.list());
            checks.changed.add(instances.map(|instance| Arc::clone(&instance.instance.id)));
        }
    }

    fn begin_sync(&mut self, extent: Extent) {
        if self.sync.is_some() {
            self.wanted = self.wanted.max(Some(extent));
            return;
        }
        // After a silence the store learns of renewals first.
        let extent = if self.writer.app.contact.is_lost() { Extent::Everything } else { extent };
        let at = self.writer.clock.now();
        let request = self.request(extent);
        self.sync = Some(PendingSync { at, extent, reply: self.store.sync(request) });
    }

    /// Others wrote. The turn for what waits in the queue brings the changes, too.
    fn read_news(&mut self) {
        self.is_behind = self.lacks_news();
        if self.is_behind && self.writer.jobs.is_empty() {
            self.read_missed_news();
        }
    }

    /// Reads what no turn brought: what was in the queue needed none.
    fn read_missed_news(&mut self) {
        if std::mem::take(&mut self.is_behind) && self.lacks_news() {
            self.begin_sync(Extent::Changes);
        }
    }

    /// Whether others wrote what this server does not know, as far as it heard.
    fn lacks_news(&self) -> bool {
        let known = self.writer.state.index();
        *self.wakeups.borrow() > known || *self.hints.wakeups.borrow() > known
    }

    /// Takes over what others wrote, and lets time pass.
    async fn take_report(&mut self, at: Duration, extent: Extent, report: Result<SyncReport, StoreError>) {
        match report {
            Ok(report) => self.take_reply(at, extent, report).await,
            Err(error) => {
                self.outbox.failed();
                self.lose_contact(&error);
            }
        }

        let is_urgent = self.outbox.is_behind() || std::mem::take(&mut self.is_expiring);
        if is_urgent && !self.writer.app.contact.is_lost() {
            self.wanted = Some(Extent::Everything);
        }
        if let Some(extent) = self.wanted.take() {
            self.begin_sync(extent);
        }
    }

    async fn take_reply(&mut self, at: Duration, extent: Extent, report: SyncReport) {
        if report.is_reconnected {
            self.outbox.forget_stored();
        }
        self.outbox.sent();
        // The next events are on their way while these are taken over.
        let is_partial = read_until(&report.changes).is_some_and(|index| index < report.last_index);
        if is_partial {
            self.read_on(&report.changes);
        }
        self.take_changes(report.changes);
        if let Some(renewals) = &report.renewals {
            self.confirm(renewals, at);
        }
        if extent == Extent::Everything {
            self.meet(report.members);
            self.first_expiry = report.first_expiry;
        }

        if self.has_diverged {
            self.lose_contact(&unreadable());
        } else if !is_partial {
            self.found_contact(at).await;
            if extent == Extent::Everything {
                self.pass_time().await;
            }
        }
    }

    /// Reads what comes after events that are not taken over yet.
    fn read_on(&mut self, changes: &StoreChanges) {
        let Some(index) = read_until(changes) else { return };
        let position = Position { index, ..self.position() };
        let at = self.writer.clock.now();
        let request = SyncRequest { position, ..SyncRequest::default() };
        self.sync = Some(PendingSync { at, extent: Extent::Changes, reply: self.store.sync(request) });
    }

    pub(super) fn take_changes(&mut self, changes: StoreChanges) {
        let is_older = match &changes {
            StoreChanges::Reset(contents) => {
                *contents.epoch == *self.writer.app.epoch() && contents.index < self.writer.state.index()
            }
            StoreChanges::Events(_) => false,
        };
        // It was read before this server's last turn.
        if is_older && !self.has_diverged {
            return;
        }
        self.has_diverged = matches!(follow(&mut self.writer, changes), Err(Divergence));
    }

    async fn found_contact(&mut self, at: Duration) {
        let app = Arc::clone(&self.writer.app);
        let gap = app.contact.age();
        if !app.contact.note(at) {
            return;
        }

        // Clients could not renew what this server could not store.
        let now = self.writer.now();
        self.writer.state.extend_leases(gap, now);
        self.writer.state.view().instances().for_each(|instance| self.show_lease(&instance.id));
        app.note_store_kept();
        info!(seconds = gap.as_secs(), "the store replies again: every lease gets one full ttl");
        let mut commands = self.outbox.take_postponed();
        while !commands.is_empty() {
            let rest = commands.split_off(self.turn_size.get().min(commands.len()));
            self.write(vec![WriteJob::of_server(commands)]).await;
            commands = rest;
        }
    }

    pub(super) fn lose_contact(&self, error: &StoreError) {
        // A full disk, for example, is not silence.
        if matches!(error, StoreError::Away { .. } | StoreError::Closed) && self.writer.app.contact.lose() {
            warn!(error = %error, "the store does not reply: reads continue from memory, and say so");
        }
    }
}

/// The index of the last of these events; `None` if there is none, or everything was read.
fn read_until(changes: &StoreChanges) -> Option<u64> {
    match changes {
        StoreChanges::Events(events) => events.last().map(|event| event.index),
        StoreChanges::Reset(_) => None,
    }
}

/// The reply to the request that is on its way; forever without one.
async fn finished(sync: &mut Option<PendingSync>) -> (Duration, Extent, Result<SyncReport, StoreError>) {
    match sync {
        Some(PendingSync { at, extent, reply }) => {
            let finished = (*at, *extent, reply.await);
            *sync = None;
            finished
        }
        None => pending().await,
    }
}
