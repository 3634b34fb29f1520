//! The audit log of a registry server: who did what, as records that are chained by hashes.
//!
//! The hash of a record covers the hash of the record before, its number, and its canonical line: the JSON of its
//! [`AuditEntry`] without blanks. A record that is changed, removed, moved or inserted later breaks the chain, which
//! [`AuditChain`](super::AuditChain) finds.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::ParseError;
use super::json_fields::JsonFields;

/// Length of a SHA-256 hash.
const HASH_BYTES: usize = 32;

/// What was done, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When, by the clock of the server.
    pub time: Timestamp,
    /// Who: `key 3f9c… (deploy)`, `token ci`, `certificate agent-7`, `anonymous`, `anyone` on a server without
    /// authentication, or `server` for what it did by itself.
    pub who: String,
    /// From which address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What: `register`, `deregister`, `refused`, `key_used`, and so on.
    pub action: String,
    /// To what: `NAMESPACE/NAME/ID` of an instance, or the method and path of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What became of it: `ok`, `unchanged`, or the code of the error.
    pub result: String,
    /// The index of the last change that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The id of the request, as in `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The last record that was removed because of the retention settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AuditAnchor>,
}

impl AuditEntry {
    /// What `who` did. Times are kept to the millisecond.
    pub fn new(time: Timestamp, who: impl Into<String>, action: impl Into<String>, result: impl Into<String>) -> Self {
        Self {
            time: Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time),
            who: who.into(),
            from: None,
            action: action.into(),
            target: None,
            result: result.into(),
            index: None,
            request: None,
            detail: None,
            anchor: None,
        }
    }

    /// The canonical line, which the hash covers.
    pub fn canonical(&self) -> Vec<u8> {
        // Texts, numbers and times always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Where the chain begins after older records were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditAnchor {
    /// The number of the last record that was removed.
    pub through: u64,
    /// Its hash.
    pub hash: AuditHash,
}

/// The hash of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditHash([u8; HASH_BYTES]);

impl AuditHash {
    /// What stands for the record before the first one.
    pub const ZERO: Self = Self([0; HASH_BYTES]);

    /// The hash of a record: SHA-256 of the hash of the record before, the number with its most significant byte first, and the
    /// canonical line.
    pub fn of(previous: Self, number: u64, canonical: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&previous.0);
        context.update(&number.to_be_bytes());
        context.update(canonical);

        let mut hash = Self::ZERO;
        hash.0.copy_from_slice(context.finish().as_ref());
        hash
    }

    /// The hash with these bytes; `None` if it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AuditHash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = digits
            .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        bytes.filter(|_| is_hexadecimal).and_then(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| {
            ParseError::new(
                "it is not a hash of the audit log",
                "copy the 64 digits that `portolan audit verify` prints",
            )
        })
    }
}

impl Serialize for AuditHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An entry in its place in the chain: one line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Its number. The next record has the next number.
    pub number: u64,
    /// What was done.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The hash of the record before.
    pub previous: AuditHash,
    /// Its own hash.
    pub hash: AuditHash,
}

impl AuditRecord {
    /// The hash that belongs to its number, its entry and the record before.
    pub fn computed_hash(&self) -> AuditHash {
        AuditHash::of(self.previous, self.number, &self.entry.canonical())
    }
}

/// Reads a line. What it does not know is an error: it would not be covered by the hash.
impl<'de> Deserialize<'de> for AuditRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = JsonFields::deserialize(deserializer)?;
        let number = read(fields.value("number"))?;
        let (previous, hash) = (read(fields.value("previous"))?, read(fields.value("hash"))?);

        let entry = read(fields.rest())?;
        Ok(Self { number, entry, previous, hash })
    }
}

fn read<T: de::DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AuditRecord {
        let time = "2026-11-29T12:00:00.123456Z".parse().unwrap();
        let entry = AuditEntry {
            target: Some("default/web/\"a\u{e9}".into()),
            ..AuditEntry::new(time, "key 1 (ci)", "register", "ok")
        };
        let mut record = AuditRecord { number: 7, entry, previous: AuditHash::ZERO, hash: AuditHash::ZERO };
        record.hash = record.computed_hash();
        record
    }

    #[test]
    fn a_line_reads_back_with_the_hash_that_it_was_written_with() {
        let line = serde_json::to_string(&record()).unwrap();
        assert!(
            line.starts_with(
                r#"{"number":7,"time":"2026-11-29T12:00:00.123Z","who":"key 1 (ci)","action":"register","#
            ),
            "{line}"
        );
        let read: AuditRecord = serde_json::from_str(&line).unwrap();
        assert_eq!(read, record());
        assert_eq!(read.computed_hash(), read.hash);

        for wrong in [
            line.replace("\"result\"", "\"more\":1,\"result\""),
            line.replace(",\"hash\":\"", ",\"hash\":\"0"),
            line.replace("\"number\":7,", ""),
            // Readers differ in which of the two they take.
            line.replace("{\"number\"", "{\"who\":\"mallory\",\"number\""),
            line.replace("{\"number\"", "{\"number\":8,\"number\""),
            line.replace("\"result\"", "\"anchor\":{\"through\":1,\"through\":2,\"hash\":\"\"},\"result\""),
        ] {
            assert!(serde_json::from_str::<AuditRecord>(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_part_changes_the_hash() {
        let whole = record();
        let other = AuditHash::of(AuditHash::ZERO, 1, b"x");
        let mut changed =
            vec![AuditRecord { number: 8, ..whole.clone() }, AuditRecord { previous: other, ..whole.clone() }];
        for field in ["who", "action", "result", "target", "time"] {
            let mut value = serde_json::to_value(&whole).unwrap();
            value[field] = if field == "time" { "2026-11-29T12:00:01Z".into() } else { "other".into() };
            changed.push(serde_json::from_value(value).unwrap());
        }

        for changed in changed {
            assert_ne!(changed.computed_hash(), whole.hash, "{changed:?}");
        }
        assert_eq!(other.to_string().parse(), Ok(other));
        assert!("0g".repeat(32).parse::<AuditHash>().is_err() && "00".parse::<AuditHash>().is_err());

        assert_eq!(AuditHash::from_bytes(&[1]), None);
    }
}
