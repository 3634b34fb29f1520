//! The audit log: every write, refusal and use of a credential, and what happens to keys and settings, with who, what, when
//! and from where.
//!
//! A write is recorded in the transaction that keeps its change. Everything else waits in a bounded queue for the next tick
//! of the writer. What does not fit, or comes faster than [`RECORDS_PER_SECOND`], is counted, and the log says how much it
//! lacks. Strangers and callers, and each of them, have limits of their own: none can keep a record of another out.

mod command;
mod origin;
mod pending;
mod recent_uses;
mod retention;
mod start;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::origin::STRANGER;
use self::recent_uses::{RecentUses, Use};
use self::retention::AuditRemoval;
use super::access::Caller;
use super::limits::{Buckets, Rate};
use super::request_context::RequestContext;
use super::settings::AuditSettings;
use crate::clean::{clean, redacted};
use crate::engine::Clock;
use crate::model::{AuditEntry, RegisteredInstance};
use crate::store::{AuditPage, AuditRange, Store, StoreError};

pub(super) use self::command::PlannedCommand;
use self::command::named;
pub(super) use self::origin::Origin;
pub(super) use self::pending::PendingAudit;
pub(super) use self::start::note_start;

/// The most entries of each kind that wait for the writer.
const MAX_WAITING: usize = 1_024;
/// How many entries of a kind a second a client can cause without changing anything. A flood of refusals would otherwise push
/// older records out: at this rate, a million records last for more than a day.
const RECORDS_PER_SECOND: u32 = 10;
/// For how long a burst may be faster.
const BURST: Duration = Duration::from_mins(1);
/// The callers whose entries are counted at least.
const MAX_COUNTED: usize = 2_048;
/// A credential that is used from the same address is recorded again after this time.
const USE_INTERVAL: Duration = Duration::from_hours(1);
/// A write that changes nothing is recorded again after this time.
const REPEAT_INTERVAL: Duration = Duration::from_mins(1);
/// What the log says of entries that it lacks, behind their number.
const OMITTED: &str = "refusals, uses of credentials and writes without a change came too fast to be recorded";
/// The result of a write that changed nothing.
const UNCHANGED: &str = "unchanged";
/// Who is named for what the server does by itself.
const SERVER: &str = "server";

/// What requests and the parts of the server record.
pub(super) struct AuditLog {
    settings: AuditSettings,
    store: Arc<dyn Store>,
    /// What the server does by itself.
    own: mpsc::Sender<AuditEntry>,
    /// What callers cause without a write.
    by_callers: mpsc::Sender<AuditEntry>,
    /// What clients cause that did not prove who they are.
    by_strangers: mpsc::Sender<AuditEntry>,
    rate: Option<Rate>,
    /// What is left of the rate, by who and which kind of entry.
    buckets: Mutex<Buckets>,
    hasher: RandomState,
    omitted: AtomicU64,
    uses: Mutex<RecentUses>,
    /// Writes that changed nothing, by who, what and to what.
    repeats: Mutex<RecentUses>,
    clock: Clock,
}

/// What is limited apart, for each caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum EntryKind {
    Refused,
    Used,
    Unchanged,
}

/// The writer's end of the queues.
pub(super) struct AuditQueues {
    own: mpsc::Receiver<AuditEntry>,
    by_callers: mpsc::Receiver<AuditEntry>,
    by_strangers: mpsc::Receiver<AuditEntry>,
}

impl AuditLog {
    pub(super) fn new(settings: AuditSettings, store: Arc<dyn Store>) -> (Self, AuditQueues) {
        let (own, own_entries) = mpsc::channel(MAX_WAITING);
        let (by_callers, entries_of_callers) = mpsc::channel(MAX_WAITING);
        let (by_strangers, entries_of_strangers) = mpsc::channel(MAX_WAITING);
        let log = Self {
            settings,
            store,
            own,
            by_callers,
            by_strangers,
            rate: Rate::per_second(RECORDS_PER_SECOND, BURST),
            buckets: Mutex::new(Buckets::new(MAX_COUNTED)),
            hasher: RandomState::new(),
            omitted: AtomicU64::new(0),
            uses: Mutex::new(RecentUses::new(USE_INTERVAL)),
            repeats: Mutex::new(RecentUses::new(REPEAT_INTERVAL)),
            clock: Clock::coarse(),
        };

        (log, AuditQueues { own: own_entries, by_callers: entries_of_callers, by_strangers: entries_of_strangers })
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
            self.omit(1);
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
        // A client may have put its key anywhere.
        entry.target = Some(clean(&redacted(what)));
        entry.detail = Some(clean(&redacted(why))).filter(|why| !why.is_empty());
        self.cause(entry);
    }

    /// Records a key, token or certificate that let a request through: once an hour for each address.
    pub(super) fn used(&self, caller: &Arc<Caller>, context: &RequestContext) {
        if !self.is_on() {
            return;
        }
        let (who, now) = ((&*caller.name, context.peer.ip()), self.clock.now());
        let mut uses = self.uses.lock();
        let found = uses.find(&who, now);
        if found == Use::Known {
            return;
        }

        let entry = Origin::new(Some(Arc::clone(caller)), context).entry("authenticated", "ok");
        if self.has_room(EntryKind::Used, &entry.who) && self.by_callers.try_send(entry).is_ok() {
            uses.note(&who, now);
        } else if found == Use::New {
            // The next use is recorded in its place; this one is counted once.
            uses.postpone(&who, now);
            self.omit(1);
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
        let queue = if entry.who == STRANGER { &self.by_strangers } else { &self.by_callers };
        if !self.has_room(EntryKind::Refused, &entry.who) || queue.try_send(entry).is_err() {
            self.omit(1);
        }
    }

    /// Whether there is room for another entry of a kind by a caller.
    fn has_room(&self, kind: EntryKind, who: &str) -> bool {
        let Some(rate) = self.rate else { return true };
        let subject = self.hasher.hash_one((kind, who));
        self.buckets.lock().take(subject, rate, self.clock.now(), 1).wait.is_none()
    }

    /// Whether the entry of a write is recorded. What changed something always is. The same write that changed nothing is
    /// recorded once a minute, and all that changed nothing only up to the rate: they could be repeated for ever.
    pub(super) fn takes_write(&self, entry: &AuditEntry) -> bool {
        if entry.index.is_some() {
            return true;
        }
        let (what, now) = ((&*entry.who, &*entry.action, &entry.target, &*entry.result), self.clock.now());
        let is_repeated = entry.result == UNCHANGED && self.repeats.lock().find(&what, now) == Use::Known;
        if is_repeated {
            return false;
        }
        if !self.has_room(EntryKind::Unchanged, &entry.who) {
            self.omit(1);
            return false;
        }
        if entry.result == UNCHANGED {
            self.repeats.lock().note(&what, now);
        }
        true
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
    pub(super) async fn surplus(&self, now: Timestamp) -> Result<Option<AuditRemoval>, StoreError> {
        retention::due(&*self.store, self.settings, now).await
    }

    /// What the log says of records that were removed.
    pub(super) fn removal(removal: AuditRemoval, now: Timestamp) -> AuditEntry {
        let AuditRemoval { anchor, young, .. } = removal;
        let mut entry = AuditEntry::new(now, SERVER, "remove_old_records", "ok");
        let early = match young {
            0 => String::new(),
            young => format!("; {young} of them were younger than monitoring.audit.min_age"),
        };
        entry.detail =
            Some(format!("records up to {} were removed, as set by monitoring.audit{early}", anchor.through));
        entry.anchor = Some(anchor);
        entry
    }
}

impl AuditQueues {
    /// Takes everything that waits, and how much did not fit.
    pub(super) fn take(&mut self, log: &AuditLog) -> Vec<AuditEntry> {
        let mut entries = Vec::new();
        for queue in [&mut self.own, &mut self.by_callers, &mut self.by_strangers] {
            while let Ok(entry) = queue.try_recv() {
                entries.push(entry);
            }
        }

        let omitted = log.omitted.swap(0, Ordering::Relaxed);
        if omitted > 0 {
            let mut entry = AuditEntry::new(Timestamp::now(), SERVER, "omit_records", "ok");
            entry.detail = Some(format!("{omitted} {OMITTED}"));
            entries.push(entry);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ManualClock;
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

    /// A log, its queues, and the clock by which it counts.
    fn log_by_a_clock() -> (AuditLog, AuditQueues, ManualClock) {
        let (mut log, queues) = AuditLog::new(AuditSettings::default(), Arc::new(Memory::new(0)));
        let clock = ManualClock::new();
        log.clock = clock.clock();
        (log, queues, clock)
    }

    fn caller(name: &str) -> Arc<Caller> {
        Arc::new(Caller { name: name.to_owned(), ..Caller::anyone() })
    }

    fn context() -> RequestContext {
        let id = RequestId::Server { prefix: 0, count: 1 };
        RequestContext { peer: "192.0.2.7:80".parse().unwrap(), certificate: None, id, connection: None }
    }

    fn count(entries: &[AuditEntry], action: &str, who: &str) -> usize {
        entries.iter().filter(|entry| entry.action == action && entry.who == who).count()
    }

    #[test]
    fn neither_a_stranger_nor_another_key_hides_the_use_of_a_key() {
        let (log, mut queues, _) = log_by_a_clock();
        let busy = Origin::new(Some(caller("key 1 (busy)")), &context());
        for _ in 0..5_000 {
            log.refused(&Origin::unknown(), "unauthenticated", "GET /x", "no key and no token");
            log.refused(&busy, "forbidden", "PUT /x", "permission missing");
        }
        log.used(&caller("key 2 (stolen)"), &context());
        log.refused(&Origin::new(Some(caller("key 2 (stolen)")), &context()), "forbidden", "PUT /x", "");

        let entries = queues.take(&log);
        assert_eq!(count(&entries, "authenticated", "key 2 (stolen)"), 1);
        assert_eq!(count(&entries, "refused", "key 2 (stolen)"), 1);
    }

    #[test]
    fn a_use_that_could_not_be_recorded_is_recorded_with_the_next_one() {
        let (log, mut queues, clock) = log_by_a_clock();
        // One key from many addresses.
        for host in 0..2_000_u16 {
            let [high, low] = host.to_be_bytes();
            let peer = format!("10.0.{high}.{low}:80").parse().unwrap();
            log.used(&caller("key 1"), &RequestContext { peer, ..context() });
        }
        log.used(&caller("key 1"), &context());
        log.used(&caller("key 1"), &context());
        let entries = queues.take(&log);
        let recorded = count(&entries, "authenticated", "key 1");
        assert!((600..700).contains(&recorded), "{recorded}");
        let lacking = entries.last().unwrap().detail.clone().unwrap();
        assert!(lacking.starts_with(&format!("{} refusals", 2_001 - recorded)), "each is counted once: {lacking}");

        clock.advance(Duration::from_secs(1));
        log.used(&caller("key 1"), &context());
        log.used(&caller("key 1"), &context());
        let entries = queues.take(&log);
        assert_eq!((entries.len(), entries[0].from.as_deref()), (1, Some("192.0.2.7:80")), "{entries:?}");
    }

    #[test]
    fn writes_that_change_nothing_cannot_fill_the_log() {
        let (log, mut queues, clock) = log_by_a_clock();
        let write = |who: &str, target: usize, result: &str, index: Option<u64>| {
            let mut entry = AuditEntry::new(Timestamp::UNIX_EPOCH, who, "register", result);
            (entry.target, entry.index) = (Some(target.to_string()), index);
            entry
        };
        let repeated = (0..5_000).filter(|_| log.takes_write(&write("key 1", 0, "unchanged", None))).count();
        assert_eq!(repeated, 1);
        let others = (1..5_000).filter(|target| log.takes_write(&write("key 1", *target, "unchanged", None))).count();
        let rejected = (0..5_000).filter(|target| log.takes_write(&write("key 2", *target, "id_taken", None))).count();
        assert!([others, rejected].iter().all(|count| (500..700).contains(count)), "{others} {rejected}");
        assert!(queues.take(&log).last().unwrap().detail.as_ref().unwrap().contains("writes without a change"));

        let changes = (0..5_000).filter(|at| log.takes_write(&write("key 1", *at, "ok", Some(1)))).count();
        assert_eq!(changes, 5_000, "what changed something is always recorded");
        clock.advance(REPEAT_INTERVAL);
        assert!(log.takes_write(&write("key 1", 0, "unchanged", None)), "once a minute");
    }

    #[test]
    fn what_a_client_wrote_is_recorded_without_its_key() {
        let (log, mut queues, _) = log_by_a_clock();
        let key = format!("ptl_e09c50377de2_{}", "a1".repeat(20));
        log.refused(&Origin::unknown(), "unauthenticated", &format!("GET /api/v1/services/{key}"), "");
        let entries = queues.take(&log);
        assert_eq!(entries[0].target.as_deref(), Some("GET /api/v1/services/ptl_e09c50377de2_***"));
    }

    #[test]
    fn a_log_that_is_off_records_nothing() {
        let settings = AuditSettings { enabled: false, ..AuditSettings::default() };
        let (log, mut queues) = AuditLog::new(settings, Arc::new(Memory::new(0)));
        log.note("started", "", "");
        let stranger = Origin::unknown();
        log.refused(&stranger, "unauthenticated", "GET /x", "");
        log.used(&Arc::new(Caller::anyone()), &context());
        assert!(queues.take(&log).is_empty());
    }
}
