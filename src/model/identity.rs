//! The identity of a service, from its own replies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{CertificateTime, words};
use crate::clean::Untrusted;

/// The result of identifying an endpoint. Never guessed from its port number.
///
/// ```
/// use portolan::model::Identity;
///
/// let identity = Identity::of("redis").product("Redis").version("7.0.15").fact("auth_required", false);
/// assert_eq!(identity.protocol(), "redis");
/// assert_eq!(
///     serde_json::to_string(&identity)?,
///     r#"{"protocol":"redis","product":"Redis","version":"7.0.15","facts":{"auth_required":false}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Identity {
    /// The standard name in lower case: `http`, `postgresql`. `None` if no probe recognized the service.
    pub protocol: Option<Cow<'static, str>>,
    /// The product, if the service names it: `nginx`.
    pub product: Option<Untrusted>,
    /// The version of the product, if the service names it.
    pub version: Option<Untrusted>,
    /// Other facts, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<Cow<'static, str>, Fact>,
    /// Facts from the TLS handshake, if it speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// The first line of its reply, if the protocol is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub banner: Option<Untrusted>,
}

/// Facts that differ from probe to probe though nothing happens to the service: clocks, counters, and how a conversation
/// ended. A difference in them is not a change.
pub(super) const VOLATILE_FACTS: &[&str] =
    &["connections", "date", "ended", "engine_time_s", "nodes", "server_time", "time", "unstable", "uptime_s"];

/// Whether a fact or a banner reads the same on both sides, apart from what a server writes anew each time: a session in the
/// query of a redirect, and the time of day in a text.
pub(super) fn is_same_reading(name: &str, old: &str, new: &str) -> bool {
    match name {
        "location" => without_query(old) == without_query(new),
        _ => {
            let (old_words, new_words) = (without_clock(old), without_clock(new));
            old != new && old_words.is_some() && old_words == new_words
        }
    }
}

fn without_query(location: &str) -> &str {
    location.split(['?', ';', '#']).next().unwrap_or_default()
}

/// The words of a text without its times of day (`16:02`) and the dates beside them; `None` if it has no time.
fn without_clock(text: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut is_clock: Vec<bool> = words.iter().map(|word| is_like(&TIME, word)).collect();
    if !is_clock.contains(&true) {
        return None;
    }

    let is_date: Vec<bool> = words.iter().map(|word| is_like(&DATE, word)).collect();
    for at in (0..words.len()).filter(|at| is_like(&TIME, words[*at])) {
        let before = is_date[..at].iter().rev().take_while(|is_date| **is_date).count();
        let after = is_date[at + 1..].iter().take_while(|is_date| **is_date).count();
        let beside = at - before..at + 1 + after;
        // Bare numbers belong to a date only beside the name of a month.
        let has_month = words[beside.clone()].iter().any(|word| is_like(&MONTH, word));
        for near in beside {
            is_clock[near] |= has_month || !bare(words[near]).bytes().all(|byte| byte.is_ascii_digit());
        }
    }

    let rest = words.into_iter().zip(is_clock).filter(|(_, is_clock)| !is_clock);
    Some(rest.map(|(word, _)| word).collect())
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '+' | '-'))
}

/// A time of day, with its date and its zone as RFC 3339 writes them.
static TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(\d{4}-\d\d-\d\dT)?\d{1,2}:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d|[ap]m)?"));
/// A word of a date or the name of a zone.
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const DAYS: &str = "(mon|tue|tues|wednes|wed|thurs|thu|fri|satur|sat|sun)(day)?";
    const NUMBERS: &str =
        r"\d{1,2}(st|nd|rd|th)?|\d{4}|\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}-[a-z]{3}-\d{2,4}";
    const ZONES: &str = r"[+-]\d{4}|utc|gmt|[acemp][sd]t|cet|cest|wet|west|eet|eest|bst|ist|jst|msk|[ap]m";
    pattern(&format!("{MONTHS}|{DAYS}|{NUMBERS}|{ZONES}"))
});
static MONTH: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(MONTHS));
const MONTHS: &str = "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?";

/// A pattern for whole words, whatever their case. Each of them is valid.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&format!("^(?i:{text})$")).ok()
}

/// Whether a word is like the pattern, apart from the punctuation around it.
fn is_like(pattern: &LazyLock<Option<Regex>>, word: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(bare(word)))
}

/// Maximum number of facts of one identity; more than any known protocol provides.
const MAX_FACTS: usize = 64;

impl Identity {
    /// Creates an identity that has only a protocol name.
    pub fn of(protocol: impl Into<Cow<'static, str>>) -> Self {
        Self { protocol: Some(protocol.into()), ..Self::default() }
    }

    /// Adds the product; an empty text is ignored.
    #[must_use]
    pub fn product(mut self, product: impl Into<Untrusted>) -> Self {
        self.product = Some(product.into()).filter(|text| !text.as_raw().is_empty());
        self
    }

    /// Adds the version; an empty text is ignored.
    #[must_use]
    pub fn version(mut self, version: impl Into<Untrusted>) -> Self {
        self.version = Some(version.into()).filter(|text| !text.as_raw().is_empty());
        self
    }

    /// Adds a fact; facts beyond 64 are dropped.
    #[must_use]
    pub fn fact(mut self, name: impl Into<Cow<'static, str>>, fact: impl Into<Fact>) -> Self {
        let name = name.into();
        if self.facts.len() < MAX_FACTS || self.facts.contains_key(&name) {
            self.facts.insert(name, fact.into());
        }
        self
    }

    /// Adds a fact, if it is known.
    #[must_use]
    pub fn fact_if(self, name: impl Into<Cow<'static, str>>, fact: Option<impl Into<Fact>>) -> Self {
        match fact {
            Some(fact) => self.fact(name, fact),
            None => self,
        }
    }

    /// Adds the facts of a TLS handshake.
    #[must_use]
    pub fn tls(mut self, tls: Option<TlsFacts>) -> Self {
        self.tls = tls.or(self.tls);
        self
    }

    /// Whether it speaks TLS from the first byte, and does not only offer to upgrade to it.
    pub fn is_inside_tls(&self) -> bool {
        self.tls.is_some() && self.facts.get("starttls") != Some(&Fact::Flag(true))
    }

    /// The protocol, or `unknown`.
    pub fn protocol(&self) -> &str {
        self.protocol.as_deref().unwrap_or("unknown")
    }
}

/// Reads an identity. Facts of a kind that this program does not know are left out, and of a TLS description that cannot
/// be read, only that TLS is spoken is kept.
impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct IdentityFields {
            #[serde(default, deserialize_with = "words::optional")]
            protocol: Option<Cow<'static, str>>,
            #[serde(default)]
            product: Option<Untrusted>,
            #[serde(default)]
            version: Option<Untrusted>,
            #[serde(default)]
            facts: serde_json::Map<String, Value>,
            #[serde(default)]
            tls: Option<Value>,
            #[serde(default)]
            banner: Option<Untrusted>,
        }

        let IdentityFields { protocol, product, version, facts, tls, banner } =
            IdentityFields::deserialize(deserializer)?;
        let mut identity = Self { protocol, product, version, banner, ..Self::default() };
        identity.tls = tls.map(|tls| TlsFacts::deserialize(tls).unwrap_or_default());

        for (name, value) in facts {
            let name = words::word::<_, Cow<'static, str>>(name.into_deserializer());
            if let (Ok::<_, serde_json::Error>(name), Some(fact)) = (name, Fact::of_json(&value)) {
                identity = identity.fact(name, fact);
            }
        }
        Ok(identity)
    }
}

/// A fact from a service's own reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Flag(bool),
    /// A count, a status, a number of seconds; the fact's name carries the unit.
    Number(i64),
    /// A point in time.
    Time(Timestamp),
    /// A text.
    Text(Untrusted),
    /// A list, in the order of the reply.
    List(Vec<Fact>),
}

impl Fact {
    /// The fact that a JSON value stands for, if it is one that serialises as this value.
    fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_i64().map(Self::Number),
            Value::String(text) => Some(Self::of_text(text)),
            Value::Array(list) => Some(Self::List(list.iter().filter_map(Self::of_json).collect())),
            Value::Null | Value::Object(_) => None,
        }
    }

    /// A time, if the text is written exactly as a time is; else the text.
    fn of_text(text: &str) -> Self {
        match text.parse::<Timestamp>() {
            Ok(time) if time.to_string() == text => Self::Time(time),
            _ => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::List(facts) => facts.iter().enumerate().try_for_each(|(at, fact)| {
                f.write_str(if at > 0 { "," } else { "" })?;
                fact.fmt(f)
            }),
        }
    }
}

impl From<bool> for Fact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Timestamp> for Fact {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Fact>> From<Vec<T>> for Fact {
    fn from(facts: Vec<T>) -> Self {
        Self::List(facts.into_iter().map(Into::into).collect())
    }
}

/// Conversions into facts.
macro_rules! fact_from {
    ($kind:ident: $($type:ty),*) => {
        $(impl From<$type> for Fact {
            fn from(value: $type) -> Self {
                Self::$kind(value.into())
            }
        })*
    };
}

fact_from!(Number: i64, i32, i16, u32, u16, u8);
fact_from!(Text: Untrusted, String, &str);

/// Facts from a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsFacts {
    /// `TLSv1.3`, in OpenSSL's words.
    #[serde(deserialize_with = "words::optional")]
    pub version: Option<Cow<'static, str>>,
    /// The cipher suite that was agreed on, in IANA's words.
    #[serde(deserialize_with = "words::optional")]
    pub cipher: Option<Cow<'static, str>>,
    /// The protocol that was agreed on inside (RFC 7301): `h2`.
    pub alpn: Option<Untrusted>,
    /// The number of certificates sent; absent if the handshake ended before them.
    #[serde(skip_serializing_if = "is_zero")]
    pub chain_length: usize,
    /// Those that could be read, the server's own first; at most ten.
    pub certificates: Vec<Certificate>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A certificate (RFC 5280) as presented; it is not verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Certificate {
    /// The subject: `CN=example.org, O=Example`.
    pub subject: Untrusted,
    /// The first common name of the subject.
    pub common_name: Option<Untrusted>,
    /// The issuer.
    pub issuer: Untrusted,
    /// The alternative names: DNS names, addresses, mail addresses and URIs; at most 100 of them.
    pub names: Vec<Untrusted>,
    /// The total number of alternative names.
    pub name_count: usize,
    /// Start of its validity, if known.
    pub not_before: Option<CertificateTime>,
    /// End of its validity, inclusive, if known.
    pub not_after: Option<CertificateTime>,
    /// Its key.
    pub key: PublicKey,
    /// The signature algorithm: `ecdsa-with-SHA256`, or the object identifier in dotted form.
    #[serde(deserialize_with = "words::word")]
    pub signature_algorithm: Cow<'static, str>,
    /// The SHA-256 digest of the whole certificate.
    pub sha256: Digest,
    /// The serial number in hexadecimal, at most 20 octets of it.
    #[serde(deserialize_with = "words::word")]
    pub serial: Box<str>,
    /// Whether its issuer is its subject. The signature is not verified.
    pub self_issued: bool,
    /// Whether it is marked as a CA.
    pub authority: bool,
}

/// The public key of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublicKey {
    /// `RSA`, `EC`, `Ed25519`, or the object identifier in dotted form.
    #[serde(deserialize_with = "words::word")]
    pub kind: Cow<'static, str>,
    /// Its size in bits, if known.
    pub bits: Option<u32>,
}

/// A SHA-256 digest, printed in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Digest {
    /// Parses 64 hexadecimal digits, with optional colons between them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u32> = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        let mut digest = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(pair[0] * 16 + pair[1]).ok()?;
        }
        Some(Self(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom("it is not a SHA-256 digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_no_change_and_what_stands_beside_it_is() {
        for (old, new) in [
            ("Sun Nov 29 16:02:11 2026 ready", "Mon Nov 30 7:05:59 2026 ready"),
            (
                "220 a.test ESMTP Mon, 30 Nov 2026 16:02:11 +0000 (UTC)",
                "220 a.test ESMTP Tue, 1 Dec 2026 01:00:00 +0100 (CET)",
            ),
            ("up since 2026-11-30T16:02:11Z.", "up since 2026-12-01T00:00:00Z."),
            ("Local time is now 16:02. Server port: 21.", "Local time is now 16:03. Server port: 21."),
            ("[30-Nov-2026 16:02:11] node 7", "[1-Dec-2026 16:02:11] node 7"),
        ] {
            assert!(is_same_reading("banner", old, new), "{old} {new}");
        }
        for (old, new) in [
            ("ACME server 1.0 ready at 12:00:01", "ACME server 2.0 ready at 12:00:02"),
            ("ACME node-1 serial 52:54:00:12:34:51", "ACME node-2 serial 52:54:00:12:34:52"),
            ("Router v1.2 (12:00)", "Router v2.2 (12:00)"),
            ("db1 12:00", "db2 12:00"),
            ("db 1 12:00", "db 2 12:00"),
            ("decoder 12:00", "market 12:00"),
            ("no clock 1", "no clock 2"),
        ] {
            assert!(!is_same_reading("banner", old, new), "{old} {new}");
        }
    }
}
