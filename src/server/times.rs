//! Times in answers: their text has a fixed width, so that an answer which was written before only needs its digits
//! replaced.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// `2026-11-29T12:34:56.789Z`
pub(super) const WIDTH: usize = 24;

/// When an instance was last seen, and when its lease ends, as [`packed`] times. A heartbeat changes these, and nothing else.
#[derive(Debug)]
pub(super) struct LeaseTimes {
    last_seen: AtomicU64,
    expires: AtomicU64,
}

impl LeaseTimes {
    pub(super) fn new(last_seen: Timestamp, expires: Option<Timestamp>) -> Self {
        let times = Self { last_seen: AtomicU64::new(0), expires: AtomicU64::new(0) };
        times.set(last_seen, expires);
        times
    }

    pub(super) fn set(&self, last_seen: Timestamp, expires: Option<Timestamp>) {
        self.last_seen.store(packed(last_seen.as_millisecond()), Ordering::Relaxed);
        self.expires.store(expires.map_or(0, |expires| packed(expires.as_millisecond())), Ordering::Relaxed);
    }

    pub(super) fn last_seen(&self) -> [u8; WIDTH] {
        text(self.last_seen.load(Ordering::Relaxed))
    }

    pub(super) fn expires(&self) -> [u8; WIDTH] {
        text(self.expires.load(Ordering::Relaxed))
    }
}

/// A time as RFC 3339 with milliseconds, in UTC.
pub(super) fn written(time: Timestamp) -> String {
    utf8(text(packed(time.as_millisecond())))
}

/// Digits are always UTF-8.
pub(super) fn utf8(text: [u8; WIDTH]) -> String {
    String::from_utf8_lossy(&text).into_owned()
}

/// How many bits each part of a packed time takes: every part is less than 100.
const PART_BITS: u32 = 7;
/// Where the parts of two digits stand in the text. The last digit of the milliseconds follows them.
const PLACES: [usize; 8] = [0, 2, 5, 8, 11, 14, 17, 20];
const LAST_PLACE: usize = 22;

/// The parts of the text of a time, in one word: century, year in the century, month, day, hour, minute, second, hundredths
/// of a second, and the last digit of the milliseconds. A heartbeat packs a time once; each answer writes it without a
/// calendar, and never reads half of another time.
fn packed(millis: i64) -> u64 {
    const DAY: i64 = 86_400_000;
    let (days, in_day) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (minutes, in_minute) = (in_day / 60_000, in_day % 60_000);

    let date = [year / 100, year % 100, month, day];
    let time = [minutes / 60, minutes % 60, in_minute / 1_000, in_minute / 10 % 100, in_minute % 10];
    let parts = date.into_iter().chain(time).map(|part| u64::try_from(part).unwrap_or(0));
    parts.fold(0, |word, part| word << PART_BITS | part)
}

/// The text of a packed time.
fn text(mut word: u64) -> [u8; WIDTH] {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    text[LAST_PLACE] = part(word)[1];
    for place in PLACES.into_iter().rev() {
        word >>= PART_BITS;
        text[place..place + 2].copy_from_slice(&part(word));
    }
    text
}

/// The two digits of the last part of a word.
fn part(word: u64) -> [u8; 2] {
    const MASK: u64 = (1 << PART_BITS) - 1;
    DIGITS[usize::try_from(word & MASK).unwrap_or(0)]
}

/// Numbers in two digits, as many as a part can hold.
const DIGITS: [[u8; 2]; 1 << PART_BITS] = digits();

const fn digits() -> [[u8; 2]; 1 << PART_BITS] {
    let mut digits = [[b'0'; 2]; 1 << PART_BITS];
    let mut at = 0;
    let mut number = 0;
    while at < digits.len() {
        digits[at] = [b'0' + number / 10 % 10, b'0' + number % 10];
        at += 1;
        number += 1;
    }
    digits
}

/// The date of a day since 1970 in the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;

    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_jiff_reads_them() {
        // Steps of a prime number of milliseconds over two centuries.
        for step in 0..20_000_i64 {
            let millis = step * 315_361_003 - 1_000_000_000_000;
            let text = String::from_utf8(text(packed(millis)).to_vec()).unwrap();
            let read: Timestamp = text.parse().unwrap();
            assert_eq!(read.as_millisecond(), millis, "{text}");
            assert_eq!(text.len(), WIDTH);
        }
    }
}
