//! How long records of the audit log are kept.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{AuditAnchor, AuditEntry};
use crate::server::settings::AuditSettings;
use crate::store::{AuditPage, AuditRange, Store, StoreError};

/// The most records that are removed at once.
const MAX_REMOVED: u64 = 10_000;
/// Beyond this many times the number that stays, records go whatever their age: the disk has an end.
const MAX_FACTOR: u64 = 2;

/// Records that are to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct AuditRemoval {
    /// The last of them with its hash, which the log keeps as the place where it begins.
    pub(super) anchor: AuditAnchor,
    /// How many of them are younger than they should be.
    pub(super) young: u64,
    /// Whether more are to be removed after them.
    pub(super) has_more: bool,
}

/// Which records are to be removed now.
///
/// # Errors
/// The log cannot be read.
pub(super) async fn due(
    store: &dyn Store,
    settings: AuditSettings,
    now: Timestamp,
) -> Result<Option<AuditRemoval>, StoreError> {
    let AuditPage { first, last, .. } = store.audit(AuditRange { after: 0, max: 0 }).await?;
    // The last record always stays.
    let reach = first.saturating_add(MAX_REMOVED).saturating_sub(1).min(last.saturating_sub(1));
    let surplus = last.saturating_sub(settings.max_records);
    let forced = last.saturating_sub(settings.max_records.saturating_mul(MAX_FACTOR));

    let by_age = match settings.max_age {
        Some(age) => last_before(store, first, reach, before(now, age)).await?,
        None => 0,
    };
    let by_count = last_before(store, first, surplus.min(reach), before(now, settings.min_age)).await?;
    let old = by_age.max(by_count);
    let through = old.max(forced.min(reach));
    if first == 0 || through < first {
        return Ok(None);
    }

    let page = store.audit(AuditRange { after: through - 1, max: 1 }).await?;
    let end = page.records.first().filter(|record| record.number == through);
    Ok(end.map(|record| AuditRemoval {
        anchor: AuditAnchor { through, hash: record.hash },
        young: through - old.max(first - 1),
        has_more: through == reach && surplus > reach,
    }))
}

/// The time so long before another one.
fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).ok();
    age.and_then(|age| now.checked_sub(age).ok()).unwrap_or(Timestamp::MIN)
}

/// The number of the last record from `first` to `through` that is older than `limit`; less than `first` if none is. Later
/// records have later times, so that few have to be read.
async fn last_before(store: &dyn Store, first: u64, through: u64, limit: Timestamp) -> Result<u64, StoreError> {
    let (mut old, mut end) = (first.saturating_sub(1), through);
    while old < end {
        let middle = old + (end - old).div_ceil(2);
        let page = store.audit(AuditRange { after: middle - 1, max: 1 }).await?;
        let record = page.records.first().and_then(|record| serde_json::from_slice::<AuditEntry>(&record.body).ok());
        // One that cannot be read keeps no other.
        if record.is_none_or(|entry| entry.time < limit) {
            old = middle;
        } else {
            end = middle - 1;
        }
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AuditChain, AuditRecord};
    use crate::server::audit::AuditLog;
    use crate::store::{Batch, Memory, StoredAudit};

    fn at(minute: u64) -> Timestamp {
        let start: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        start + Duration::from_secs(60 * minute)
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    fn line(minute: u64) -> Vec<u8> {
        AuditEntry::new(at(minute), "key 1 (ci)", "register", "ok").canonical()
    }

    /// A log whose records, numbered from 1, are written one a minute.
    async fn log(records: u64) -> Memory {
        let store = Memory::new(0);
        let batch = Batch { audit: (1..=records).map(line).collect(), ..Batch::default() };
        store.append(batch).await.unwrap();
        store
    }

    fn settings(max_records: u64, min_age: u64, max_age: Option<u64>) -> AuditSettings {
        AuditSettings { enabled: true, max_records, min_age: minutes(min_age), max_age: max_age.map(minutes) }
    }

    #[tokio::test]
    async fn records_go_by_number_and_by_age_and_the_last_one_stays() {
        let store = log(100).await;
        for (settings, now, expected) in [
            (settings(100, 0, None), 101, None),
            (settings(97, 0, None), 101, Some((3, 0))),
            (settings(0, 0, None), 101, Some((99, 0))),
            (settings(1_000, 0, Some(95)), 101, Some((5, 0))),
            (settings(1_000, 0, Some(1_000)), 101, None),
            (settings(1_000, 0, Some(1)), 200, Some((99, 0))),
            (settings(90, 0, Some(50)), 101, Some((50, 0))),
            // Too many, but not old enough; then more than there is room for.
            (settings(60, 1_000, None), 101, None),
            (settings(60, 80, None), 101, Some((20, 0))),
            (settings(40, 1_000, None), 101, Some((20, 20))),
            (settings(40, 90, None), 101, Some((20, 10))),
            // The clock went back.
            (settings(60, 0, None), 0, None),
        ] {
            let removal = due(&store, settings, at(now)).await.unwrap();
            let found = removal.map(|removal| (removal.anchor.through, removal.young));
            assert_eq!(found, expected, "{settings:?} {now}");
        }
        assert_eq!(due(&log(0).await, settings(0, 0, None), at(9)).await.unwrap(), None);
    }

    /// A flood of records is removed as fast as it comes.
    #[tokio::test]
    async fn a_part_is_removed_at_once_and_the_rest_at_once_after_it() {
        let store = log(2 * MAX_REMOVED).await;
        let removal = due(&store, settings(1_000, 1_000_000, None), at(0)).await.unwrap().unwrap();
        assert_eq!((removal.anchor.through, removal.young, removal.has_more), (MAX_REMOVED, MAX_REMOVED, true));
        let removal = due(&store, settings(10_000, 0, None), at(100_000)).await.unwrap().unwrap();
        assert_eq!((removal.anchor.through, removal.young, removal.has_more), (MAX_REMOVED, 0, false));
    }

    /// After old records were removed the rest is still a whole log.
    #[tokio::test]
    async fn what_is_left_can_be_verified() {
        let store = log(20).await;
        for expected in [Some(8), None] {
            let removal = due(&store, settings(15, 0, Some(10)), at(19)).await.unwrap();
            assert_eq!(removal.map(|removal| removal.anchor.through), expected);
            let Some(removal) = removal else { break };
            let anchor = removal.anchor;
            let entry = AuditLog::removal(removal, at(19)).canonical();
            let batch = Batch { audit: vec![entry], forget_audit: anchor.through, ..Batch::default() };
            store.append(batch).await.unwrap();
        }

        let page = store.audit(AuditRange { after: 0, max: 100 }).await.unwrap();
        assert_eq!((page.first, page.last), (9, 21));
        let mut chain = AuditChain::default();
        for stored in page.records {
            let entry = serde_json::from_slice(&stored.body).unwrap();
            let StoredAudit { number, previous, hash, .. } = stored;
            chain.take(&AuditRecord { number, entry, previous, hash }).unwrap();
        }
        assert_eq!(chain.finish(false).unwrap().records, 13);
    }
}
