//! Times in answers: their text has a fixed width, so that an answer which was written before only needs its digits
//! replaced.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// `2026-11-29T12:34:56.789Z`
pub(super) const WIDTH: usize = 24;

/// When an instance was last seen, and when its lease ends, in milliseconds since 1970. A heartbeat changes these, and
/// nothing else.
#[derive(Debug)]
pub(super) struct LeaseTimes {
    last_seen: AtomicI64,
    expires: AtomicI64,
}

impl LeaseTimes {
    pub(super) fn new(last_seen: Timestamp, expires: Option<Timestamp>) -> Self {
        let times = Self { last_seen: AtomicI64::new(0), expires: AtomicI64::new(0) };
        times.set(last_seen, expires);
        times
    }

    pub(super) fn set(&self, last_seen: Timestamp, expires: Option<Timestamp>) {
        self.last_seen.store(last_seen.as_millisecond(), Ordering::Relaxed);
        self.expires.store(expires.map_or(0, Timestamp::as_millisecond), Ordering::Relaxed);
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
    utf8(text(time.as_millisecond()))
}

/// Digits are always UTF-8.
pub(super) fn utf8(text: [u8; WIDTH]) -> String {
    String::from_utf8_lossy(&text).into_owned()
}

/// The text of a number of milliseconds since 1970.
fn text(millis: i64) -> [u8; WIDTH] {
    const DAY: i64 = 86_400_000;
    let (days, in_day) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = civil(days);

    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], in_day / 3_600_000);
    digits(&mut text[14..16], in_day / 60_000 % 60);
    digits(&mut text[17..19], in_day / 1_000 % 60);
    digits(&mut text[20..23], in_day % 1_000);
    text
}

fn digits(place: &mut [u8], mut value: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
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
            let text = String::from_utf8(text(millis).to_vec()).unwrap();
            let read: Timestamp = text.parse().unwrap();
            assert_eq!(read.as_millisecond(), millis, "{text}");
            assert_eq!(text.len(), WIDTH);
        }
    }
}
