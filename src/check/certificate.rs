//! Whether a certificate is valid: its lifetime, names, keys, signatures, and chain of trust.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Certificate, Finding, FindingKind, Group};

findings! { Group::Tls;
    EXPIRED = "cert-expired", cap 20, "The certificate has expired.",
        "renew the certificate, and check why automatic renewal failed";
    NOT_YET_VALID = "cert-not-yet-valid", cap 20, "The certificate is not valid yet.",
        "check the clocks, then wait or reissue the certificate";
    NAME_MISMATCH = "cert-name-mismatch", cap 30, "The certificate does not cover the requested name.",
        "reissue it for that name, or use a name that it covers";
    UNTRUSTED = "cert-untrusted", cap 40, "The certificate chain does not lead to a trusted root.",
        "use a certificate from a trusted authority, or trust yours (--ca FILE, --pin SHA256)";
    PIN_MISMATCH = "cert-pin-mismatch", cap 20, "The certificate is not the pinned one.",
        "find out why the certificate changed; update the pin if the change is legitimate";
    CHAIN_INCOMPLETE = "cert-chain-incomplete", 10, cap 75, "The server does not send an intermediate certificate.",
        "configure the server to send the full chain";
    LIFE_THIRD = "cert-life-third", 5, "The certificate expires in less than 30 days or a third of its lifetime.",
        "renew the certificate";
    LIFE_SIXTH = "cert-life-sixth", 10, "The certificate expires in less than 14 days or a sixth of its lifetime.",
        "renew the certificate";
    LIFE_TWELFTH = "cert-life-twelfth", 15, cap 75, "The certificate expires in less than 7 days or a twelfth of its lifetime.",
        "renew the certificate now";
    LIFE_THIRTIETH = "cert-life-thirtieth", 20, cap 60, "The certificate expires in less than 3 days or a thirtieth of its lifetime.",
        "renew the certificate immediately";
    WEAK_KEY = "cert-weak-key", 10, cap 60, "A key is too short: RSA below 2048 bits, elliptic curve below 224 bits.",
        "reissue it with at least RSA 2048 or P-256";
    WEAK_SIGNATURE = "cert-weak-signature", 10, cap 60, "A certificate is signed with SHA-1 or MD5, which can be forged.",
        "reissue it with at least SHA-256";
}

/// The server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leaf {
    #[serde(flatten)]
    pub(crate) link: Link,
    /// The first second of validity, since 1970.
    pub(crate) not_before: i64,
    /// The last second of validity, inclusive.
    pub(crate) not_after: i64,
    /// The SHA-256 fingerprint, in hexadecimal.
    pub(crate) sha256: String,
}

/// A certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// `RSA`, `EC`, `Ed25519`.
    pub(crate) key: String,
    /// The size of the key, if known.
    pub(crate) key_bits: Option<u32>,
    /// The signature algorithm: `sha256WithRSAEncryption`.
    pub(crate) signature: String,
    /// Whether subject and issuer are the same. The signature is irrelevant then.
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

impl Link {
    fn has_weak_key(&self) -> bool {
        match (self.key.as_str(), self.key_bits) {
            ("RSA", Some(bits)) => bits < 2048,
            ("EC", Some(bits)) => bits < 224,
            _ => false,
        }
    }

    fn has_weak_signature(&self) -> bool {
        let signature = self.signature.to_ascii_lowercase();
        !self.self_issued && (signature.contains("sha1") || signature.contains("md5"))
    }
}

impl From<&Certificate> for Leaf {
    fn from(facts: &Certificate) -> Self {
        Self {
            link: facts.into(),
            not_before: seconds(facts.not_before),
            not_after: seconds(facts.not_after),
            sha256: facts.sha256.to_string(),
        }
    }
}

/// Seconds since 1970. An unreadable time counts as long past, so that the certificate is expired.
fn seconds(time: Option<Timestamp>) -> i64 {
    time.map_or(i64::MIN / 4, Timestamp::as_second)
}

/// Whether the certificate covers the requested name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NameMatch {
    /// No name was requested.
    #[serde(rename = "not-asked")]
    NotRequested,
    Covered(String),
    NotCovered {
        /// The requested name.
        #[serde(rename = "asked")]
        requested: String,
        /// The first names of the certificate.
        #[serde(rename = "has")]
        names: Vec<String>,
    },
}

/// The trust in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trust {
    /// The chain leads to one of these roots: `system roots`.
    Roots(String),
    /// The SHA-256 fingerprint matches a pin.
    Pin,
    /// The SHA-256 fingerprint matches no pin.
    #[serde(rename = "not-the-pin")]
    PinMismatch(String),
    /// The chain leads to one of these roots only with an intermediate that the server does not send.
    Incomplete {
        roots: String,
        /// The issuer of the last certificate in the chain.
        missing: String,
    },
    /// The chain leads to none of these roots.
    #[serde(rename = "nobody")]
    NotTrusted {
        roots: String,
        #[serde(rename = "why")]
        cause: String,
    },
    /// The verification failed on this side.
    #[serde(rename = "not-judged")]
    NotVerified(String),
}

/// Thresholds of the remaining lifetime: days and a fraction of the total, whichever is smaller.
const LIFE: [(i64, i64, &FindingKind); 4] =
    [(3, 30, &LIFE_THIRTIETH), (7, 12, &LIFE_TWELFTH), (14, 6, &LIFE_SIXTH), (30, 3, &LIFE_THIRD)];
const DAY: i64 = 86_400;

/// The problems of a certificate at the time `at`, in seconds since 1970.
pub(super) fn findings(at: i64, leaf: &Leaf, chain: &[Link], name: &NameMatch, trust: &Trust) -> Vec<Finding> {
    let mut links = std::iter::once(&leaf.link).chain(chain);
    let key = links.clone().find(|link| link.has_weak_key()).map(|link| {
        let bits = link.key_bits.unwrap_or(0);
        Finding::new(&WEAK_KEY, format!("{} {bits} of {}", link.key, link.subject))
    });

    let signature = links
        .find(|link| link.has_weak_signature())
        .map(|link| Finding::new(&WEAK_SIGNATURE, format!("{} on {}", link.signature, link.subject)));

    [lifetime(at, leaf), name_mismatch(name), distrust(trust), key, signature].into_iter().flatten().collect()
}

fn lifetime(at: i64, leaf: &Leaf) -> Option<Finding> {
    if at < leaf.not_before {
        return Some(Finding::new(&NOT_YET_VALID, format!("valid in {}", format_span(leaf.not_before - at))));
    }
    if at > leaf.not_after {
        return Some(Finding::new(&EXPIRED, format!("expired {} ago", format_span(at - leaf.not_after))));
    }

    let (left, total) = (leaf.not_after - at, leaf.not_after - leaf.not_before);
    let (_, _, kind) = LIFE.iter().find(|(days, part, _)| left < (days * DAY).min(total / part))?;
    Some(Finding::new(kind, format!("expires in {} of {}", format_span(left), format_span(total))))
}

fn name_mismatch(name: &NameMatch) -> Option<Finding> {
    let NameMatch::NotCovered { requested, names } = name else { return None };
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Some(Finding::new(&NAME_MISMATCH, format!("no SAN covers {requested} (SANs: {names})")))
}

fn distrust(trust: &Trust) -> Option<Finding> {
    match trust {
        Trust::Roots(_) | Trust::Pin | Trust::NotVerified(_) => None,
        Trust::PinMismatch(sha256) => {
            Some(Finding::new(&PIN_MISMATCH, format!("the certificate's SHA-256 is {sha256}")))
        }
        Trust::Incomplete { missing, .. } => {
            Some(Finding::new(&CHAIN_INCOMPLETE, format!("the server does not send {missing}")))
        }
        Trust::NotTrusted { roots, cause } => {
            Some(Finding::new(&UNTRUSTED, format!("not trusted by {roots}: {cause}")))
        }
    }
}

/// Seconds in the largest unit that fits: `3 days`, `5 hours`.
fn format_span(seconds: i64) -> String {
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

    fn leaf(not_before: i64, not_after: i64) -> Leaf {
        Leaf { link: link("RSA", 2048, "sha256WithRSAEncryption"), not_before, not_after, sha256: String::new() }
    }

    fn link(key: &str, bits: u32, signature: &str) -> Link {
        let (subject, issuer) = ("CN=a".to_owned(), "CN=ca".to_owned());
        Link { subject, issuer, key: key.into(), key_bits: Some(bits), signature: signature.into(), self_issued: false }
    }

    fn codes(at: i64, leaf: &Leaf, chain: &[Link], name: &NameMatch, trust: &Trust) -> Vec<&'static str> {
        findings(at, leaf, chain, name, trust).iter().filter_map(|finding| Some(finding.kind()?.code)).collect()
    }

    fn lifetime_codes(at: i64, leaf: &Leaf) -> Vec<&'static str> {
        codes(at, leaf, &[], &NameMatch::NotRequested, &Trust::Pin)
    }

    #[test]
    fn lifetime_is_measured_in_days_or_its_share() {
        let year = leaf(0, 365 * DAY);
        for (days_left, expected) in [
            (30, None),
            (29, Some("cert-life-third")),
            (14, Some("cert-life-third")),
            (13, Some("cert-life-sixth")),
            (6, Some("cert-life-twelfth")),
            (2, Some("cert-life-thirtieth")),
        ] {
            let codes = lifetime_codes(year.not_after - days_left * DAY, &year);
            assert_eq!(codes.first().copied(), expected, "{days_left} days left");
        }

        let week = leaf(0, 6 * DAY);
        assert_eq!(lifetime_codes(4 * DAY, &week), [""; 0], "a third of a short life is enough");
        assert_eq!(lifetime_codes(4 * DAY + 1, &week), ["cert-life-third"]);
        assert_eq!(lifetime_codes(6 * DAY - 1, &week), ["cert-life-thirtieth"]);
        assert_eq!(lifetime_codes(6 * DAY, &week), ["cert-life-thirtieth"], "the last second counts");
        assert_eq!(lifetime_codes(6 * DAY + 1, &week), ["cert-expired"]);
        assert_eq!(lifetime_codes(-1, &week), ["cert-not-yet-valid"]);
    }

    #[test]
    fn names_keys_signatures_and_trust_are_rated() {
        let good = leaf(0, 3650 * DAY);
        for (trust, code) in [
            (Trust::NotTrusted { roots: "system roots".into(), cause: "unknown issuer".into() }, "cert-untrusted"),
            (Trust::PinMismatch("ab".into()), "cert-pin-mismatch"),
            (Trust::Incomplete { roots: "ca.pem".into(), missing: "CN=i".into() }, "cert-chain-incomplete"),
        ] {
            assert_eq!(codes(0, &good, &[], &NameMatch::NotRequested, &trust), [code]);
        }

        let other = NameMatch::NotCovered { requested: "a".into(), names: vec!["b".into()] };
        assert_eq!(codes(0, &good, &[], &other, &Trust::Pin), ["cert-name-mismatch"]);

        let chain = [link("RSA", 1024, "sha1WithRSAEncryption")];
        let weak = codes(0, &good, &chain, &NameMatch::NotRequested, &Trust::Pin);
        assert_eq!(weak, ["cert-weak-key", "cert-weak-signature"]);

        let root = Link { self_issued: true, ..link("EC", 256, "sha1WithRSAEncryption") };
        let codes = codes(0, &good, &[root], &NameMatch::NotRequested, &Trust::Pin);
        assert_eq!(codes, [""; 0], "a root's own signature is irrelevant");
    }
}
