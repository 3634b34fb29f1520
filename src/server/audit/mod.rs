//! The audit log: every write, refusal and use of a credential, and what happens to keys and settings, with who, what, when
//! and from where.
//!
//! A write is recorded in the transaction that keeps its change. Everything else waits in a bounded queue for the next tick
//! of the writer. What does not fit, or comes faster than [`REFUSALS_PER_SECOND`], is counted, and the log says how much it
//! lacks.

mod command;
mod origin;
mod pending;
mod recent_uses;
mod retention;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::recent_uses::RecentUses;
use super::access::Caller;
use super::limits::{Rate, TokenBucket};
use super::request_context::RequestContext;
use super::settings::AuditSettings;
use crate::clean::clean;
use crate::engine::Clock;
use crate::model::{AuditAnchor, AuditEntry, RegisteredInstance};
use crate::store::{AuditPage, AuditRange, Store, StoreError};

pub(super) use self::command::PlannedCommand;
use self::command::named;
pub(super) use self::origin::Origin;
pub(super) use self::pending::PendingAudit;
pub(super) use self::start::note_start;

/// The most entries of each kind that wait for the writer.
const MAX_WAITING: usize = 1_024;
/// How many entries a second clients can cause without writing anything. A flood of refusals would otherwise push older
/// records out: at this rate, a million records last for more than a day.
const REFUSALS_PER_SECOND: u32 = 10;
/// For how long a burst may be faster.
const REFUSAL_BURST: Duration = Duration::from_mins(1);
/// Who is named for what the server does by itself.
const SERVER: &str = "server";

/// What requests and the parts of the server record.
pub(super) struct AuditLog {
    settings: AuditSettings,
    store: Arc<dyn Store>,
    /// What the server does by itself.
    own: mpsc::Sender<AuditEntry>,
    /// What clients cause without a write.
    caused: mpsc::Sender<AuditEntry>,
    caused_rate: Option<Rate>,
    bucket: Mutex<TokenBucket>,
    omitted: AtomicU64,
    uses: Mutex<RecentUses>,
    clock: Clock,
}

/// The writer's end of the queues.
pub(super) struct AuditQueues {
    own: mpsc::Receiver<AuditEntry>,
    caused: mpsc::Receiver<AuditEntry>,
}

impl AuditLog {
    pub(super) fn new(settings: AuditSettings, store: Arc<dyn Store>) -> (Self, AuditQueues) {
        let (own, own_entries) = mpsc::channel(MAX_WAITING);
        let (caused, caused_entries) = mpsc::channel(MAX_WAITING);
        let log = Self {
            settings,
            store,
            own,
            caused,
            caused_rate: Rate::per_second(REFUSALS_PER_SECOND, REFUSAL_BURST),
            bucket: Mutex::default(),
            omitted: AtomicU64::new(0),
            uses: Mutex::default(),
            clock: Clock::coarse(),
        };

        (log, AuditQueues { own: own_entries, caused: caused_entries })
    }

    /// Whether anything is recorded.
    pub(super) fn is_on(&self) -> bool {
        self.settings.enabled
    }

    /// Records what the server did by itself: `target` is what it did it to.
    pub(super) fn note(&self, action: &'static str, target: &str, detail: impl Into<String>) {
        let mut entry = AuditEntry::new(Timestamp::now(), SERVER, action, "ok");
        entry.target = Some(clean(target)).filter(|target| !target.is_empty());
        entry.detail = Some(detail.into()).filter(|detail| !detail.is_empty());
        if self.is_on() && self.own.try_send(entry).is_err() {
            self.omitted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records what a client did to the server itself: `target` is what it did it to.
    pub(super) fn did(&self, origin: &Origin, action: &'static str, target: &str, detail: &str) {
        let mut entry = origin.entry(action, "ok");
        entry.target = Some(clean(target)).filter(|target| !target.is_empty());
        entry.detail = Some(clean(detail)).filter(|detail| !detail.is_empty());
        if self.is_on() && self.own.try_send(entry).is_err() {
            self.omit(1);
        }
    }

    /// Records that a request was refused: `what` is its method and path.
    pub(super) fn refused(&self, origin: &Origin, code: &str, what: &str, why: &str) {
        let mut entry = origin.entry("refused", code);
        entry.target = Some(clean(what));
        entry.detail = Some(why.to_owned()).filter(|why| !why.is_empty());
        self.cause(entry);
    }

    /// Records a key, token or certificate that let a request through: once an hour for each address.
    pub(super) fn used(&self, caller: &Arc<Caller>, context: &RequestContext) {
        if !self.is_on() {
            return;
        }
        let is_first = self.uses.lock().is_first(&caller.name, context.peer.ip(), self.clock.now());
        if is_first {
            self.cause(Origin::new(Some(Arc::clone(caller)), context).entry("authenticated", "ok"));
        }
    }

    /// Records that a check was not run because of where it would have led.
    pub(super) fn refused_check(&self, instance: &RegisteredInstance, why: &str) {
        let mut entry = AuditEntry::new(Timestamp::now(), SERVER, "refuse_check", "refused");
        entry.target = Some(named(instance));
        entry.detail = Some(clean(why)).filter(|why| !why.is_empty());
        self.cause(entry);
    }

    /// Records what a client caused without a write, unless there is too much of it.
    pub(super) fn cause(&self, entry: AuditEntry) {
        if !self.is_on() {
            return;
        }
        let is_allowed = self.caused_rate.is_none_or(|rate| {
            let mut bucket = self.bucket.lock();
            let (after, taken) = bucket.take(rate, self.clock.now());
            *bucket = after;
            taken.wait.is_none()
        });

        if !is_allowed || self.caused.try_send(entry).is_err() {
            self.omitted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts entries that could not be kept.
    fn omit(&self, count: u64) {
        self.omitted.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads records.
    ///
    /// # Errors
    /// The store cannot read them.
    pub(super) async fn read(&self, range: AuditRange) -> Result<AuditPage, StoreError> {
        self.store.audit(range).await
    }

    /// Which records the settings remove now.
    pub(super) async fn surplus(&self, now: Timestamp) -> Result<Option<AuditAnchor>, StoreError> {
        retention::due(&*self.store, self.settings, now).await
    }

    /// What the log says of records that were removed.
    pub(super) fn removal(anchor: AuditAnchor, now: Timestamp) -> AuditEntry {
        let mut entry = AuditEntry::new(now, SERVER, "remove_old_records", "ok");
        entry.detail = Some(format!("records up to {} were removed, as set by monitoring.audit", anchor.through));
        entry.anchor = Some(anchor);
        entry
    }
}

impl AuditQueues {
    /// Takes everything that waits, and how much did not fit.
    pub(super) fn take(&mut self, log: &AuditLog) -> Vec<AuditEntry> {
        let mut entries = Vec::new();
        for queue in [&mut self.own, &mut self.caused] {
            while let Ok(entry) = queue.try_recv() {
                entries.push(entry);
            }
        }

        let omitted = log.omitted.swap(0, Ordering::Relaxed);
        if omitted > 0 {
            let mut entry = AuditEntry::new(Timestamp::now(), SERVER, "omit_records", "ok");
            entry.detail = Some(format!("{omitted} refusals and uses of credentials came too fast to be recorded"));
            entries.push(entry);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request_id::RequestId;
    use crate::store::Memory;

    #[test]
    fn a_flood_is_counted_and_does_not_keep_the_servers_own_entries_out() {
        let (log, mut queues) = AuditLog::new(AuditSettings::default(), Arc::new(Memory::new(0)));
        let stranger = Origin::unknown();
        for _ in 0..5_000 {
            log.refused(&stranger, "unauthenticated", "GET /x", "no key and no token");
        }
        log.note("reload_settings", "server.limits.connections", "");

        let entries = queues.take(&log);
        assert_eq!(entries[0].action, "reload_settings");
        let refused = entries.iter().filter(|entry| entry.action == "refused").count();
        assert!((600..700).contains(&refused), "{refused}");
        let omitted = format!("{} refusals", 5_000 - refused);
        assert!(entries.last().unwrap().detail.as_ref().unwrap().starts_with(&omitted), "{entries:?}");
        assert!(queues.take(&log).is_empty());
    }

    #[test]
    fn a_log_that_is_off_records_nothing() {
        let settings = AuditSettings { enabled: false, ..AuditSettings::default() };
        let (log, mut queues) = AuditLog::new(settings, Arc::new(Memory::new(0)));
        log.note("started", "", "");
        let stranger = Origin::unknown();
        log.refused(&stranger, "unauthenticated", "GET /x", "");
        let id = RequestId::Server { prefix: 0, count: 1 };
        let context = RequestContext { peer: "192.0.2.7:80".parse().unwrap(), certificate: None, id, connection: None };
        log.used(&Arc::new(Caller::anyone()), &context);
        assert!(queues.take(&log).is_empty());
    }
}
