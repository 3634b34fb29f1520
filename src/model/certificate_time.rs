//! A time in a certificate: its range is larger than that of [`Timestamp`].

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in a certificate, in UTC, from the year 0 to the last second of 9999, which stands for "no end" (RFC 5280,
/// 4.1.2.5).
///
/// ```
/// use portolan::model::CertificateTime;
///
/// assert_eq!(CertificateTime::NO_END.to_string(), "9999-12-31T23:59:59Z");
/// assert_eq!(CertificateTime::from_second(-1).date().to_string(), "1969-12-31");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateTime(i64);

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl CertificateTime {
    /// The last second that a certificate can name: it has no end.
    pub const NO_END: Self = Self(253_402_300_799);
    /// The first second of the year 0.
    const MIN: Self = Self(-62_167_219_200);

    /// The time this many seconds after 1970 began; before it if negative.
    pub fn from_second(second: i64) -> Self {
        Self(second.clamp(Self::MIN.0, Self::NO_END.0))
    }

    /// Seconds since 1970.
    pub const fn as_second(self) -> i64 {
        self.0
    }

    /// The day, in UTC.
    pub fn date(self) -> Date {
        self.civil().date()
    }

    fn civil(self) -> DateTime {
        // Every value is within the range of civil times.
        EPOCH.checked_add(SignedDuration::from_secs(self.0)).unwrap_or(EPOCH)
    }
}

impl From<Timestamp> for CertificateTime {
    fn from(time: Timestamp) -> Self {
        Self::from_second(time.as_second())
    }
}

impl fmt::Display for CertificateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil())
    }
}

impl Serialize for CertificateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CertificateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The last day of 9999 is out of the range of timestamps, but not of civil times.
        let civil = text.strip_suffix('Z').and_then(|text| text.parse::<DateTime>().ok());
        match civil {
            Some(civil) => Ok(Self::from_second(civil.duration_since(EPOCH).as_secs())),
            None => text.parse::<Timestamp>().map(Into::into).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_range_of_x509_is_written_and_read_back() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (-631_152_000, "1950-01-01T00:00:00Z"),
            (2_524_608_000, "2050-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_798, "9999-12-31T23:59:58Z"),
            (253_402_207_199, "9999-12-30T21:59:59Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
        ] {
            let time = CertificateTime::from_second(second);
            assert_eq!(time.to_string(), text);
            let json = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<CertificateTime>(&json).unwrap(), time, "{text}");
        }
        assert_eq!(CertificateTime::from_second(i64::MAX), CertificateTime::NO_END);
        assert!(serde_json::from_str::<CertificateTime>("\"tomorrow\"").is_err());
    }
}
