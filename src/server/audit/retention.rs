//! How long records of the audit log are kept.

use jiff::{SignedDuration, Timestamp};

use crate::model::{AuditAnchor, AuditEntry};
use crate::server::settings::AuditSettings;
use crate::store::{AuditPage, AuditRange, Store, StoreError};

/// The most records that are removed at once because of their number.
const MAX_REMOVED: u64 = 10_000;
/// The most records that are removed at once because of their age: each of them is read.
const MAX_AGED: usize = 1_000;

impl AuditSettings {
    /// The number of the last record to remove; `None` if all stay. `oldest`: numbers and times of the first records. The last
    /// record always stays.
    fn surplus(self, first: u64, last: u64, oldest: &[(u64, Timestamp)], now: Timestamp) -> Option<u64> {
        let by_count = last.saturating_sub(self.max_records).min((first + MAX_REMOVED).saturating_sub(1));

        let limit = self.max_age.and_then(|age| now.checked_sub(SignedDuration::try_from(age).ok()?).ok());
        let is_old = |time: &Timestamp| limit.is_some_and(|limit| *time < limit);
        let by_age = oldest.iter().take_while(|(_, time)| is_old(time)).last().map_or(0, |(number, _)| *number);

        let through = by_count.max(by_age).min(last.saturating_sub(1));
        (first > 0 && through >= first).then_some(through)
    }
}

/// Which records are to be removed now: the last of them with its hash, which the log keeps as the place where it begins.
///
/// # Errors
/// The log cannot be read.
pub(super) async fn due(
    store: &dyn Store,
    settings: AuditSettings,
    now: Timestamp,
) -> Result<Option<AuditAnchor>, StoreError> {
    let max = if settings.max_age.is_some() { MAX_AGED } else { 0 };
    let AuditPage { records, first, last } = store.audit(AuditRange { after: 0, max }).await?;
    let oldest: Vec<(u64, Timestamp)> = records
        .iter()
        // One that cannot be read is as old as those before it.
        .map_while(|record| Some((record.number, serde_json::from_slice::<AuditEntry>(&record.body).ok()?.time)))
        .collect();

    let Some(through) = settings.surplus(first, last, &oldest, now) else { return Ok(None) };
    let page = store.audit(AuditRange { after: through - 1, max: 1 }).await?;
    let end = page.records.first().filter(|record| record.number == through);
    Ok(end.map(|record| AuditAnchor { through, hash: record.hash }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{AuditChain, AuditRecord};
    use crate::server::audit::AuditLog;
    use crate::store::{Batch, Memory, StoredAudit};

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-29T12:{minute:02}:00Z").parse().unwrap()
    }

    #[test]
    fn records_go_by_number_and_by_age_and_the_last_one_stays() {
        let oldest: Vec<_> = (1..=9).map(|number| (number, at(u32::try_from(number).unwrap()))).collect();
        let settings = |max_records, age: Option<u64>| AuditSettings {
            enabled: true,
            max_records,
            max_age: age.map(|minutes| Duration::from_secs(60 * minutes)),
        };

        for (settings, first, last, now, expected) in [
            (settings(100, None), 1, 100, 10, None),
            (settings(100, None), 1, 103, 10, Some(3)),
            (settings(100, None), 4, 103, 10, None),
            (settings(100, None), 1, 1_000_000, 10, Some(MAX_REMOVED)),
            (settings(100, Some(5)), 1, 9, 10, Some(4)),
            (settings(100, Some(60)), 1, 9, 10, None),
            (settings(100, Some(1)), 1, 9, 59, Some(8)),
            (settings(5, Some(60)), 1, 9, 10, Some(4)),
            (settings(100, Some(1)), 0, 0, 59, None),
        ] {
            let oldest = if first == 0 { &[] } else { oldest.as_slice() };
            assert_eq!(settings.surplus(first, last, oldest, at(now)), expected, "{settings:?} {first} {last} {now}");
        }
    }

    /// After old records were removed the rest is still a whole log.
    #[tokio::test]
    async fn what_is_left_can_be_verified() {
        let store = Memory::new(0);
        let line = |minute: u32| AuditEntry::new(at(minute), "key 1 (ci)", "register", "ok").canonical();
        let first = Batch { audit: (0..20).map(line).collect(), ..Batch::default() };
        store.append(first).await.unwrap();

        let settings = AuditSettings { enabled: true, max_records: 15, max_age: Some(Duration::from_mins(10)) };
        for expected in [Some(8), None] {
            let anchor = due(&store, settings, at(18)).await.unwrap();
            assert_eq!(anchor.map(|anchor| anchor.through), expected);
            let Some(anchor) = anchor else { break };
            let entry = AuditLog::removal(anchor, at(18)).canonical();
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
