//! What a certificate is worth: its life, its name, its key, and who vouches for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Certificate, Finding, FindingKind, Group};

findings! { Group::Tls;
    EXPIRED = "cert-expired", cap 20, "The certificate's validity is over.",
        "renew the certificate, and look why that did not happen by itself";
    NOT_YET_VALID = "cert-not-yet-valid", cap 20, "The certificate's validity has not begun.",
        "look at the clocks, and wait or issue it anew";
    NAME_MISMATCH = "cert-name-mismatch", cap 30, "No name in the certificate covers the one that it was asked by.",
        "issue it for that name, or use a name that it has";
    UNTRUSTED = "cert-untrusted", cap 40, "The chain leads to none of the roots that were used.",
        "use a certificate of a trusted authority, or name yours (--ca FILE, --pin SHA256)";
    PIN_MISMATCH = "cert-pin-mismatch", cap 20, "It is not the certificate that was pinned.",
        "find out why the certificate changed; give the new pin if that is right";
    CHAIN_INCOMPLETE = "cert-chain-incomplete", 10, cap 75, "The server leaves out an intermediate certificate.",
        "let the server send its whole chain";
    LIFE_THIRD = "cert-life-third", 5, "Less than 30 days, or a third of the lifetime, are left.",
        "renew the certificate";
    LIFE_SIXTH = "cert-life-sixth", 10, "Less than 14 days, or a sixth of the lifetime, are left.",
        "renew the certificate";
    LIFE_TWELFTH = "cert-life-twelfth", 15, cap 75, "Less than 7 days, or a twelfth of the lifetime, are left.",
        "renew the certificate now";
    LIFE_THIRTIETH = "cert-life-thirtieth", 20, cap 60, "Less than 3 days, or a thirtieth of the lifetime, are left.",
        "renew the certificate at once";
    WEAK_KEY = "cert-weak-key", 10, cap 60, "A key is too short: RSA below 2048 bits, an elliptic curve below 224.",
        "issue it with RSA of 2048 bits or P-256 at least";
    WEAK_SIGNATURE = "cert-weak-signature", 10, cap 60, "A certificate is signed by way of SHA-1 or MD5, which can be forged.",
        "issue it with SHA-256 at least";
}

/// The certificate of a server itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leaf {
    /// What it shares with every certificate.
    #[serde(flatten)]
    pub(crate) link: Link,
    /// From when it is valid, in seconds since 1970.
    pub(crate) not_before: i64,
    /// Until when it is valid, that second included.
    pub(crate) not_after: i64,
    /// The SHA-256 of it, in hexadecimal.
    pub(crate) sha256: String,
}

/// A certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// `RSA`, `EC`, `Ed25519`.
    pub(crate) key: String,
    /// Its size; `None` where that is not known.
    pub(crate) key_bits: Option<u32>,
    /// As in `sha256WithRSAEncryption`.
    pub(crate) signature: String,
    /// Whether it vouches for itself: then nobody looks at its signature.
    pub(crate) self_issued: bool,
}

impl From<&Certificate> for Link {
    fn from(facts: &Certificate) -> Self {
        Self {
            subject: facts.subject.as_raw().to_owned(),
            issuer: facts.issuer.as_raw().to_owned(),
            key: facts.key.kind.clone().into_owned(),
            key_bits: facts.key.bits,
            signature: facts.signature_algorithm.clone().into_owned(),
            self_issued: facts.self_issued,
        }
    }
}

impl From<&Certificate> for Leaf {
    fn from(facts: &Certificate) -> Self {
        let second = |time: Option<Timestamp>, otherwise: i64| time.map_or(otherwise, Timestamp::as_second);
        Self {
            link: facts.into(),
            // What is no time was never, and is over.
            not_before: second(facts.not_before, i64::MIN / 4),
            not_after: second(facts.not_after, i64::MIN / 4),
            sha256: facts.sha256.to_string(),
        }
    }
}

/// Whether the certificate covers the name that it was asked by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NameMatch {
    /// Nobody said a name.
    NotAsked,
    /// It does.
    Covered(String),
    /// It does not.
    NotCovered {
        /// The name.
        asked: String,
        /// Some of those that it has.
        has: Vec<String>,
    },
}

/// Who vouches for the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trust {
    /// One of these roots: `system roots`.
    Roots(String),
    /// The user, who gave its SHA-256.
    Pin,
    /// It is not the one that the user gave the SHA-256 of.
    NotThePin(String),
    /// One of these roots, by way of an intermediate that the server does not send.
    Incomplete {
        /// The roots.
        roots: String,
        /// The issuer of the last certificate that it sends.
        missing: String,
    },
    /// None of these roots.
    Nobody {
        /// The roots.
        roots: String,
        /// Why not.
        why: String,
    },
    /// It could not be looked at, for a reason on this side.
    NotJudged(String),
}

/// Days and the part of the lifetime, the smaller of which is a threshold.
const LIFE: [(i64, i64, &FindingKind); 4] =
    [(3, 30, &LIFE_THIRTIETH), (7, 12, &LIFE_TWELFTH), (14, 6, &LIFE_SIXTH), (30, 3, &LIFE_THIRD)];
const DAY: i64 = 86_400;

/// What is wrong with a certificate, `at` so many seconds since 1970.
pub(super) fn judge(at: i64, leaf: &Leaf, chain: &[Link], name: &NameMatch, trust: &Trust) -> Vec<Finding> {
    let weak = |link: &&Link| match (link.key.as_str(), link.key_bits) {
        ("RSA", Some(bits)) => bits < 2048,
        ("EC", Some(bits)) => bits < 224,
        _ => false,
    };
    let forgeable = |link: &&Link| {
        let signature = link.signature.to_ascii_lowercase();
        !link.self_issued && (signature.contains("sha1") || signature.contains("md5"))
    };
    let all = || std::iter::once(&leaf.link).chain(chain);
    let key = all().find(weak).map(|link| {
        let bits = link.key_bits.unwrap_or(0);
        Finding::new(&WEAK_KEY, format!("{} {bits} of {}", link.key, link.subject))
    });
    let signature = all()
        .find(forgeable)
        .map(|link| Finding::new(&WEAK_SIGNATURE, format!("{} on {}", link.signature, link.subject)));
    [life(at, leaf), named(name), trusted(trust), key, signature].into_iter().flatten().collect()
}

fn life(at: i64, leaf: &Leaf) -> Option<Finding> {
    if at < leaf.not_before {
        return Some(Finding::new(&NOT_YET_VALID, format!("valid only in {}", span(leaf.not_before - at))));
    }
    if at > leaf.not_after {
        return Some(Finding::new(&EXPIRED, format!("expired {} ago", span(at - leaf.not_after))));
    }
    let (left, whole) = (leaf.not_after - at, leaf.not_after - leaf.not_before);
    let below = |&&(days, part, _): &&(i64, i64, &FindingKind)| left < (days * DAY).min(whole / part);
    let (_, _, kind) = LIFE.iter().find(below)?;
    Some(Finding::new(kind, format!("{} left of {}", span(left), span(whole))))
}

fn named(name: &NameMatch) -> Option<Finding> {
    let NameMatch::NotCovered { asked, has } = name else { return None };
    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
    Some(Finding::new(&NAME_MISMATCH, format!("no SAN covers {asked} (has: {has})")))
}

fn trusted(trust: &Trust) -> Option<Finding> {
    match trust {
        Trust::Roots(_) | Trust::Pin | Trust::NotJudged(_) => None,
        Trust::NotThePin(sha256) => Some(Finding::new(&PIN_MISMATCH, format!("the certificate's SHA-256 is {sha256}"))),
        Trust::Incomplete { missing, .. } => Some(Finding::new(&CHAIN_INCOMPLETE, format!("{missing} is not sent"))),
        Trust::Nobody { roots, why } => Some(Finding::new(&UNTRUSTED, format!("not trusted by {roots}: {why}"))),
    }
}

/// `3 days`, `5 hours`: seconds in the largest unit that they fill.
fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        DAY.. => (seconds / DAY, "day"),
        3600.. => (seconds / 3600, "hour"),
        60.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn leaf(not_before: i64, not_after: i64) -> Leaf {
        Leaf { link: link("RSA", 2048, "sha256WithRSAEncryption"), not_before, not_after, sha256: String::new() }
    }

    fn link(key: &str, bits: u32, signature: &str) -> Link {
        let (subject, issuer) = ("CN=a".to_owned(), "CN=ca".to_owned());
        Link { subject, issuer, key: key.into(), key_bits: Some(bits), signature: signature.into(), self_issued: false }
    }

    fn judged(at: i64, leaf: &Leaf) -> Vec<&'static str> {
        codes(&judge(at, leaf, &[], &NameMatch::NotAsked, &Trust::Pin))
    }

    #[test]
    fn life_by_days_or_by_its_share() {
        let year = leaf(0, 365 * DAY);
        let left = |days: i64, leaf: &Leaf| judged(leaf.not_after - days * DAY, leaf);
        assert_eq!(left(30, &year), [""; 0]);
        assert_eq!(left(29, &year), ["cert-life-third"]);
        assert_eq!(left(14, &year), ["cert-life-third"]);
        assert_eq!(left(13, &year), ["cert-life-sixth"]);
        assert_eq!(left(6, &year), ["cert-life-twelfth"]);
        assert_eq!(left(2, &year), ["cert-life-thirtieth"]);
        let week = leaf(0, 6 * DAY);
        assert_eq!(left(2, &week), [""; 0], "a third of a short life is enough");
        assert_eq!(judged(4 * DAY + 1, &week), ["cert-life-third"]);
        assert_eq!(judged(6 * DAY - 1, &week), ["cert-life-thirtieth"]);
        assert_eq!(judged(6 * DAY, &week), ["cert-life-thirtieth"], "the last second counts");
        assert_eq!(judged(6 * DAY + 1, &week), ["cert-expired"]);
        assert_eq!(judged(-1, &week), ["cert-not-yet-valid"]);
    }

    #[test]
    fn names_keys_signatures_and_trust() {
        let good = leaf(0, 3650 * DAY);
        let with = |chain: &[Link], name: NameMatch, trust: Trust| codes(&judge(0, &good, chain, &name, &trust));
        let nobody = Trust::Nobody { roots: "system roots".into(), why: "unknown issuer".into() };
        assert_eq!(with(&[], NameMatch::NotAsked, nobody), ["cert-untrusted"]);
        assert_eq!(with(&[], NameMatch::NotAsked, Trust::NotThePin("ab".into())), ["cert-pin-mismatch"]);
        let incomplete = Trust::Incomplete { roots: "ca.pem".into(), missing: "CN=i".into() };
        assert_eq!(with(&[], NameMatch::NotAsked, incomplete), ["cert-chain-incomplete"]);
        let other = NameMatch::NotCovered { asked: "a".into(), has: vec!["b".into()] };
        assert_eq!(with(&[], other, Trust::Pin), ["cert-name-mismatch"]);
        let chain = [link("RSA", 1024, "sha1WithRSAEncryption")];
        assert_eq!(with(&chain, NameMatch::NotAsked, Trust::Pin), ["cert-weak-key", "cert-weak-signature"]);
        let root = Link { self_issued: true, ..link("EC", 256, "sha1WithRSAEncryption") };
        assert_eq!(with(&[root], NameMatch::NotAsked, Trust::Pin), [""; 0], "nobody looks at a root's signature");
    }
}
