//! Finds what was done to an audit log after it was written.

use super::{AuditAnchor, AuditHash, AuditRecord};

/// Checks records one after the other, in the order of their numbers.
///
/// Nothing here is secret: a person who can write the whole log can also write another one that is consistent. Compare the
/// last number and hash with what was noted elsewhere.
#[derive(Clone, Debug, Default)]
pub struct AuditChain {
    first: Option<AuditRecord>,
    last: Option<AuditAnchor>,
    records: u64,
    /// Whether a record says that all before the first one were removed by the retention settings.
    is_anchored: bool,
    /// A record that the log must contain.
    expected: Option<AuditAnchor>,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFault {
    /// The hash of a record is not that of its content.
    #[error("record {number} was changed: its hash does not match its content")]
    Changed {
        /// The record.
        number: u64,
    },
    /// Records are missing.
    #[error("records {from} to {to} are missing")]
    Missing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A record stands where another one belongs: it was moved, inserted or repeated.
    #[error("record {number} comes after record {after}: it was moved or inserted")]
    OutOfOrder {
        /// The record.
        number: u64,
        /// The record before it.
        after: u64,
    },
    /// A record continues another log than the one before it.
    #[error("record {number} does not continue record {after}: one of them was replaced")]
    Unlinked {
        /// The record.
        number: u64,
        /// The record before it.
        after: u64,
    },
    /// The first records are missing, and no record says that they were removed by the retention settings.
    #[error("records 1 to {to} are missing, and no record says that they were removed")]
    MissingBeginning {
        /// The last of them.
        to: u64,
    },
    /// The log lacks a record that was noted elsewhere, or has another one with its number.
    #[error("record {number} with the hash that was noted is not in the log")]
    Replaced {
        /// The record.
        number: u64,
    },
}

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSummary {
    /// How many records it has.
    pub records: u64,
    /// The number of the first one; 0 if there is none.
    pub first: u64,
    /// The last record; `None` if there is none.
    pub last: Option<AuditAnchor>,
}

impl AuditChain {
    /// A log that must contain this record, which was noted when the log was verified before.
    #[must_use]
    pub fn expecting(expected: Option<AuditAnchor>) -> Self {
        Self { expected, ..Self::default() }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The record does not belong there. What follows says nothing any more.
    pub fn take(&mut self, record: &AuditRecord) -> Result<(), AuditFault> {
        let number = record.number;
        if record.computed_hash() != record.hash {
            return Err(AuditFault::Changed { number });
        }

        match self.last {
            Some(last) if number <= last.through => return Err(AuditFault::OutOfOrder { number, after: last.through }),
            Some(last) if number > last.through + 1 => {
                return Err(AuditFault::Missing { from: last.through + 1, to: number - 1 });
            }
            Some(last) if record.previous != last.hash => {
                return Err(AuditFault::Unlinked { number, after: last.through });
            }
            None if number == 1 && record.previous != AuditHash::ZERO => {
                return Err(AuditFault::Unlinked { number, after: 0 });
            }
            _ => {}
        }

        let first = self.first.get_or_insert_with(|| record.clone());
        let before = AuditAnchor { through: first.number.saturating_sub(1), hash: first.previous };
        self.is_anchored |= record.entry.anchor == Some(before);
        if let Some(expected) = self.expected.filter(|expected| expected.through == number) {
            if expected.hash != record.hash {
                return Err(AuditFault::Replaced { number });
            }
            self.expected = None;
        }
        self.last = Some(AuditAnchor { through: number, hash: record.hash });
        self.records += 1;
        Ok(())
    }

    /// Ends the log of a server that says which record it wrote last.
    ///
    /// # Errors
    /// Its beginning, its end, or that record is missing.
    pub fn finish_at(self, last: u64) -> Result<AuditSummary, AuditFault> {
        let found = self.last.map_or(0, |found| found.through);
        if found < last {
            return Err(AuditFault::Missing { from: found + 1, to: last });
        }
        self.finish(false)
    }

    /// Ends the log. `is_part`: it may begin anywhere, such as one that was exported with `--since`.
    ///
    /// # Errors
    /// Its beginning or its end is missing.
    pub fn finish(self, is_part: bool) -> Result<AuditSummary, AuditFault> {
        let first = self.first.map_or(0, |first| first.number);
        if first > 1 && !self.is_anchored && !is_part {
            return Err(AuditFault::MissingBeginning { to: first - 1 });
        }
        if let Some(expected) = self.expected {
            return Err(AuditFault::Replaced { number: expected.through });
        }
        Ok(AuditSummary { records: self.records, first, last: self.last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditEntry;

    /// A log of `count` records. Every tenth says that all before the fourth were removed.
    fn log(count: u64) -> Vec<AuditRecord> {
        let mut records: Vec<AuditRecord> = Vec::new();
        for number in 1..=count {
            let mut entry = AuditEntry::new("2026-11-29T12:00:00Z".parse().unwrap(), "key 1 (ci)", "register", "ok");
            entry.target = Some(format!("default/web/{number}"));
            let is_anchor = number.is_multiple_of(10);
            entry.anchor = is_anchor.then(|| AuditAnchor { through: 3, hash: records[2].hash });
            records.push(sealed(AuditRecord {
                number,
                entry,
                previous: records.last().map_or(AuditHash::ZERO, |last| last.hash),
                hash: AuditHash::ZERO,
            }));
        }

        records
    }

    fn sealed(mut record: AuditRecord) -> AuditRecord {
        record.hash = record.computed_hash();
        record
    }

    fn verify(records: &[AuditRecord]) -> Result<AuditSummary, AuditFault> {
        let mut chain = AuditChain::default();
        records.iter().try_for_each(|record| chain.take(record))?;
        chain.finish(false)
    }

    #[test]
    fn a_whole_log_is_good_also_after_its_beginning_was_removed_by_retention() {
        let all = log(12);
        let last = AuditAnchor { through: 12, hash: all[11].hash };
        assert_eq!(verify(&all), Ok(AuditSummary { records: 12, first: 1, last: Some(last) }));
        assert_eq!(verify(&all[3..]), Ok(AuditSummary { records: 9, first: 4, last: Some(last) }));
        assert_eq!(verify(&[]), Ok(AuditSummary { records: 0, first: 0, last: None }));
    }

    #[test]
    fn a_changed_record_is_found() {
        for changed in 0..9 {
            let mut records = log(9);
            records[changed].entry.who = "key 2 (other)".into();
            let number = records[changed].number;
            assert_eq!(verify(&records), Err(AuditFault::Changed { number }));
            // With a hash that fits, the next record does not continue it.
            records[changed] = sealed(records[changed].clone());
            let expected =
                if number == 9 { None } else { Some(AuditFault::Unlinked { number: number + 1, after: number }) };
            assert_eq!(verify(&records).err(), expected, "the last one needs a note from elsewhere");
        }
    }

    #[test]
    fn a_removed_record_is_found() {
        for removed in 0..8 {
            let mut records = log(9);
            let number = records.remove(removed).number;
            let fault = match number {
                1 => AuditFault::MissingBeginning { to: 1 },
                number => AuditFault::Missing { from: number, to: number },
            };
            assert_eq!(verify(&records), Err(fault));
        }
        // The end needs a note from elsewhere.
        let records = log(9);
        for (noted, kept) in [(9, 8), (9, 0)] {
            let expected = AuditAnchor { through: noted, hash: records[8].hash };
            let mut chain = AuditChain::expecting(Some(expected));
            records[..kept].iter().for_each(|record| chain.take(record).unwrap());
            assert_eq!(chain.finish(false), Err(AuditFault::Replaced { number: noted }));
        }

        // Or the server says which one it wrote last.
        for (kept, missing) in [(9, None), (7, Some((8, 9))), (0, Some((1, 9)))] {
            let mut chain = AuditChain::default();
            records[..kept].iter().for_each(|record| chain.take(record).unwrap());
            let fault = missing.map(|(from, to)| AuditFault::Missing { from, to });
            assert_eq!(chain.finish_at(9).err(), fault);
        }

        assert_eq!(verify(&log(12)[4..]), Err(AuditFault::MissingBeginning { to: 4 }), "only three were announced");
    }

    #[test]
    fn a_moved_or_inserted_record_is_found() {
        let mut moved = log(9);
        moved.swap(3, 4);
        assert_eq!(verify(&moved), Err(AuditFault::Missing { from: 4, to: 4 }));
        let mut repeated = log(9);
        repeated.insert(5, repeated[2].clone());
        assert_eq!(verify(&repeated), Err(AuditFault::OutOfOrder { number: 3, after: 5 }));

        // With a number and hashes of its own, as far as they can be made without touching the others.
        let mut inserted = log(9);
        let mut forged = inserted[4].clone();
        forged.number = 6;
        forged.previous = inserted[4].hash;
        inserted.insert(5, sealed(forged));
        assert_eq!(verify(&inserted), Err(AuditFault::OutOfOrder { number: 6, after: 6 }));
        let mut first = log(3);
        first[0].previous = AuditHash::of(AuditHash::ZERO, 0, b"");
        first[0] = sealed(first[0].clone());
        assert_eq!(verify(&first), Err(AuditFault::Unlinked { number: 1, after: 0 }));
    }

    #[test]
    fn a_log_that_was_written_anew_lacks_what_was_noted() {
        let noted = AuditAnchor { through: 5, hash: log(9)[4].hash };
        let mut anew = log(9);
        let mut previous = AuditHash::ZERO;
        for record in &mut anew {
            record.previous = previous;
            record.entry.result = "unchanged".into();
            record.hash = record.computed_hash();
            previous = record.hash;
        }

        assert!(verify(&anew).is_ok(), "it is consistent in itself");
        let mut chain = AuditChain::expecting(Some(noted));
        let found = anew.iter().try_for_each(|record| chain.take(record));
        assert_eq!(found, Err(AuditFault::Replaced { number: 5 }));
    }
}
