//! What this server has read of the renewals at the others, and whether it can rely on it.

use std::time::Duration;

use crate::store::{RENEWALS_KEPT, RenewalMarks, Renewals};

/// The longest time between two readings after which nothing is missing. A renewal takes some seconds to be stored.
const MAX_READ_GAP: Duration = RENEWALS_KEPT.saturating_sub(Duration::from_secs(10));
/// The most by which this machine's clock may run ahead of that of the store between two readings.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// How far this server has read the renewals of the others, and when.
#[derive(Debug)]
pub(super) struct RenewalReader {
    marks: RenewalMarks,
    last: Option<ClockReading>,
}

/// The time of the store, and the times of this machine between which it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) asked: Duration,
    pub(super) replied: Duration,
    pub(super) store: Duration,
}

/// Why leases cannot be judged by what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseDoubt {
    /// Nothing was read before.
    FirstReading,
    /// Nothing was read for this time, by the clock of the store: renewals may be missing.
    Missed(Duration),
    /// The clock of this machine ran ahead of that of the store by this time.
    Ahead(Duration),
}

impl RenewalReader {
    pub(super) fn new(server: &str) -> Self {
        Self { marks: RenewalMarks { reader: server.to_owned(), ..RenewalMarks::default() }, last: None }
    }

    /// How far it has read.
    pub(super) fn marks(&self) -> RenewalMarks {
        self.marks.clone()
    }

    /// Notes what was read, and when. The reply to an earlier question may come after that to a later one.
    pub(super) fn note(&mut self, renewals: &Renewals, asked: Duration, replied: Duration) -> Option<LeaseDoubt> {
        let known = std::mem::take(&mut self.marks.read);
        let read = renewals.marks.read.iter();
        self.marks.read = read
            .map(|(server, number)| (server.clone(), known.get(server).map_or(*number, |known| *known.max(number))))
            .collect();

        let reading = ClockReading { asked, replied, store: renewals.clock };
        if self.last.is_some_and(|last| asked <= last.asked) {
            return None;
        }
        let last = self.last.replace(reading);
        last.map_or(Some(LeaseDoubt::FirstReading), |last| last.doubt(&reading))
    }
}

impl ClockReading {
    fn doubt(&self, next: &Self) -> Option<LeaseDoubt> {
        let (here, there) = (next.asked.saturating_sub(self.replied), next.store.saturating_sub(self.store));
        if there > MAX_READ_GAP {
            return Some(LeaseDoubt::Missed(there));
        }
        let ahead = here.saturating_sub(there);
        (ahead > MAX_AHEAD).then_some(LeaseDoubt::Ahead(ahead))
    }
}

impl LeaseDoubt {
    /// The time that does not count as one of failure.
    pub(super) fn gap(self) -> Duration {
        match self {
            Self::FirstReading => Duration::ZERO,
            Self::Missed(gap) | Self::Ahead(gap) => gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn renewals(marks: &[(&str, u64)], clock: u64) -> Renewals {
        let read = marks.iter().map(|(server, number)| ((*server).to_owned(), *number)).collect();
        let marks = RenewalMarks { reader: "a".to_owned(), read };
        Renewals { leases: Vec::new(), marks, clock: seconds(clock) }
    }

    #[test]
    fn a_later_reply_to_an_earlier_question_takes_no_mark_back() {
        let mut reader = RenewalReader::new("a");
        reader.note(&renewals(&[("b", 5), ("gone", 1)], 100), seconds(1), seconds(1));
        reader.note(&renewals(&[("b", 7), ("gone", 1)], 103), seconds(3), seconds(4));
        assert_eq!(reader.note(&renewals(&[("b", 6), ("c", 1)], 102), seconds(2), seconds(5)), None);
        assert_eq!(reader.marks(), renewals(&[("b", 7), ("c", 1)], 0).marks);
    }

    /// The doubt of a reading after a first one.
    fn next(asked: u64, replied: u64, store: u64) -> Option<LeaseDoubt> {
        let mut reader = RenewalReader::new("a");
        let first = reader.note(&renewals(&[], 1_000), seconds(10), seconds(11));
        assert_eq!(first, Some(LeaseDoubt::FirstReading));
        reader.note(&renewals(&[], store), seconds(asked), seconds(replied))
    }

    #[test]
    fn leases_are_in_doubt_without_what_was_read_before_and_after_a_jump_of_a_clock() {
        assert_eq!(next(12, 12, 1_002), None);
        assert_eq!(next(12, 32, 1_020), None, "a slow reply is no jump");
        assert_eq!(next(31, 31, 1_019), None);
        assert_eq!(next(32, 32, 1_021), Some(LeaseDoubt::Missed(seconds(21))));
        assert_eq!(
            next(12, 12, 1_030),
            Some(LeaseDoubt::Missed(seconds(30))),
            "the store's clock jumped, or this one stood"
        );
        assert_eq!(next(42, 42, 1_001), Some(LeaseDoubt::Ahead(seconds(30))));
        assert_eq!(next(13, 13, 900), Some(LeaseDoubt::Ahead(seconds(2))), "the store's clock went back");
    }
}
