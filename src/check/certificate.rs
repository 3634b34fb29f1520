//! Whether a certificate is valid: its lifetime, names, keys, signatures, and chain of trust.

use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Certificate, CertificateTime, Finding, FindingKind, Group};

findings! { Group::Tls;
    EXPIRED = "cert-expired", cap 20, "The certificate, or one above it, has expired.",
        "renew the certificate, and check why automatic renewal failed";
    NOT_YET_VALID = "cert-not-yet-valid", cap 20, "The certificate, or one above it, is not valid yet.",
        "check the clocks, then wait or reissue the certificate";
    NAME_MISMATCH = "cert-name-mismatch", cap 30, "The certificate does not cover the requested name.",
        "reissue it for that name, or use a name that it covers";
    UNTRUSTED = "cert-untrusted", cap 40, "The certificate chain does not lead to a trusted root.",
        "use a certificate from a trusted authority, or trust yours (--ca FILE, --pin SHA256)";
    PIN_MISMATCH = "cert-pin-mismatch", cap 20, "The certificate is not the pinned one.",
        "find out why the certificate changed; update the pin if the change is legitimate";
    CHAIN_INCOMPLETE = "cert-chain-incomplete", 10, cap 75, "The server does not send an intermediate certificate.",
        "configure the server to send the full chain";
    LIFE_THIRD = "cert-life-third", 5, "The certificate expires in less than 30 days or a third of its lifetime, whichever is less.",
        "renew the certificate";
    LIFE_SIXTH = "cert-life-sixth", 10, "The certificate expires in less than 14 days or a sixth of its lifetime, whichever is less.",
        "renew the certificate";
    LIFE_TWELFTH = "cert-life-twelfth", 15, cap 75, "The certificate expires in less than 7 days or a twelfth of its lifetime, whichever is less.",
        "renew the certificate now";
    LIFE_THIRTIETH = "cert-life-thirtieth", 20, cap 60, "The certificate expires in less than 3 days or a thirtieth of its lifetime, whichever is less.",
        "renew the certificate immediately";
    WEAK_KEY = "cert-weak-key", 10, cap 60, "A key is too short: RSA below 2048 bits, elliptic curve below 224 bits.",
        "reissue it with at least RSA 2048 or P-256";
    WEAK_SIGNATURE = "cert-weak-signature", 10, cap 60, "A certificate is signed with SHA-1 or MD5, which can be forged.",
        "reissue it with at least SHA-256";
}

/// A certificate with its lifetime: the server's own, or one on the path to the trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateRecord {
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
    pub(super) fn has_weak_key(&self) -> bool {
        match (self.key.as_str(), self.key_bits) {
            ("RSA", Some(bits)) => bits < 2048,
            ("EC", Some(bits)) => bits < 224,
            _ => false,
        }
    }

    pub(super) fn has_weak_signature(&self) -> bool {
        let signature = self.signature.to_ascii_lowercase();
        !self.self_issued && (signature.contains("sha1") || signature.contains("md5"))
    }
}

impl From<&Certificate> for CertificateRecord {
    fn from(facts: &Certificate) -> Self {
        Self {
            link: facts.into(),
            not_before: facts.not_before.map_or(0, CertificateTime::as_second),
            not_after: facts.not_after.map_or(0, CertificateTime::as_second),
            sha256: facts.sha256.to_string(),
        }
    }
}

impl CertificateRecord {
    /// Whether the time, in seconds since 1970, is in its lifetime.
    pub(super) fn is_valid_at(&self, at: i64) -> bool {
        (self.not_before..=self.not_after).contains(&at)
    }
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

/// The certificates that count: the server's own, and those above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Certificates<'a> {
    pub(super) leaf: Option<&'a CertificateRecord>,
    /// The path to the trust anchor, which is its last certificate.
    pub(super) path: &'a [CertificateRecord],
    /// Evidence without a path has the certificates that the server sent.
    pub(super) sent: &'a [Link],
}

/// The problems of certificates at the time `at`, in seconds since 1970.
pub(super) fn findings(at: i64, certificates: Certificates<'_>, name: &NameMatch, trust: &Trust) -> Vec<Finding> {
    let Certificates { leaf, path, sent } = certificates;
    let leaf_link = leaf.iter().map(|leaf| &leaf.link);

    let key = leaf_link.clone().chain(path.iter().map(|record| &record.link)).chain(sent);
    let key = key.clone().find(|link| link.has_weak_key()).map(|link| {
        let bits = link.key_bits.unwrap_or(0);
        Finding::new(&WEAK_KEY, format!("{} {bits} of {}", link.key, link.subject))
    });

    // The signature of the trust anchor is irrelevant.
    let signed = path.iter().take(path.len().saturating_sub(1)).map(|record| &record.link);
    let signature = leaf_link
        .chain(signed)
        .chain(sent)
        .find(|link| link.has_weak_signature())
        .map(|link| Finding::new(&WEAK_SIGNATURE, format!("{} on {}", link.signature, link.subject)));

    [lifetime(at, leaf, path), name_mismatch(name), distrust(trust), key, signature].into_iter().flatten().collect()
}

/// The worst finding about a lifetime: a path lives as long as its first certificate that ends.
fn lifetime(at: i64, leaf: Option<&CertificateRecord>, path: &[CertificateRecord]) -> Option<Finding> {
    let own = leaf.and_then(|leaf| lifetime_of(at, leaf));
    let above = path.iter().filter_map(|record| {
        let (kind, text) = lifetime_of(at, record)?;
        Some((kind, format!("{} {text}", record.link.subject)))
    });

    let worst = own.into_iter().chain(above).min_by_key(|(kind, _)| severity(kind));
    worst.map(|(kind, text)| Finding::new(kind, text))
}

fn severity(kind: &FindingKind) -> usize {
    LIFETIME_KINDS.iter().position(|other| other.code == kind.code).unwrap_or(LIFETIME_KINDS.len())
}

/// The findings about a lifetime, the worst first.
const LIFETIME_KINDS: [&FindingKind; 6] =
    [&EXPIRED, &NOT_YET_VALID, &LIFE_THIRTIETH, &LIFE_TWELFTH, &LIFE_SIXTH, &LIFE_THIRD];

fn lifetime_of(at: i64, record: &CertificateRecord) -> Option<(&'static FindingKind, String)> {
    if at < record.not_before {
        return Some((&NOT_YET_VALID, format!("becomes valid in {}", format_span(record.not_before - at))));
    }
    if at > record.not_after {
        return Some((&EXPIRED, format!("expired {} ago", format_span(at - record.not_after))));
    }

    let (left, total) = (record.not_after - at, record.not_after - record.not_before);
    let (_, _, kind) = LIFE.iter().find(|(days, part, _)| left < (days * DAY).min(total / part))?;
    Some((kind, format!("expires in {} of {}", format_span(left), format_span(total))))
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

    fn leaf(not_before: i64, not_after: i64) -> CertificateRecord {
        CertificateRecord {
            link: link("RSA", 2048, "sha256WithRSAEncryption"),
            not_before,
            not_after,
            sha256: String::new(),
        }
    }

    fn link(key: &str, bits: u32, signature: &str) -> Link {
        let (subject, issuer) = ("CN=a".to_owned(), "CN=ca".to_owned());
        Link { subject, issuer, key: key.into(), key_bits: Some(bits), signature: signature.into(), self_issued: false }
    }

    fn codes(
        at: i64,
        leaf: &CertificateRecord,
        path: &[CertificateRecord],
        name: &NameMatch,
        trust: &Trust,
    ) -> Vec<&'static str> {
        let certificates = Certificates { leaf: Some(leaf), path, sent: &[] };
        findings(at, certificates, name, trust).iter().filter_map(|finding| Some(finding.kind()?.code)).collect()
    }

    fn lifetime_codes(at: i64, leaf: &CertificateRecord) -> Vec<&'static str> {
        codes(at, leaf, &[], &NameMatch::NotRequested, &Trust::Pin)
    }

    fn above(link: Link, not_after: i64) -> CertificateRecord {
        CertificateRecord { link, ..leaf(0, not_after) }
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

        let end = 3650 * DAY;
        let middle = above(link("RSA", 1024, "sha1WithRSAEncryption"), end);
        let root = above(link("EC", 256, "sha1WithRSAEncryption"), end);
        let weak = codes(0, &good, &[middle, root.clone()], &NameMatch::NotRequested, &Trust::Pin);
        assert_eq!(weak, ["cert-weak-key", "cert-weak-signature"]);

        let codes = codes(0, &good, &[root], &NameMatch::NotRequested, &Trust::Pin);
        assert_eq!(codes, [""; 0], "a root's own signature is irrelevant");
    }

    /// Guards the life of the whole path: an authority that ends before the server's certificate ends the path.
    #[test]
    fn a_path_lives_as_long_as_its_first_certificate_that_ends() {
        let good = leaf(0, 3650 * DAY);
        let text = |at: i64, ends: &[i64]| {
            let path: Vec<_> = ends.iter().map(|end| above(link("EC", 256, "ecdsa-with-SHA256"), *end)).collect();
            let found = findings(
                at,
                Certificates { leaf: Some(&good), path: &path, sent: &[] },
                &NameMatch::NotRequested,
                &Trust::Pin,
            );
            let text = found.first().map(ToString::to_string).unwrap_or_default();
            text.find("cert-").map(|start| text[start..].to_owned()).unwrap_or_default()
        };
        assert_eq!(text(100 * DAY, &[3650 * DAY]), "");
        assert_eq!(text(100 * DAY, &[90 * DAY]), "cert-expired  CN=a expired 10 days ago");
        assert_eq!(
            text(100 * DAY - 3600, &[3650 * DAY, 100 * DAY]),
            "cert-life-thirtieth  CN=a expires in 1 hour of 100 days"
        );
        assert_eq!(text(0, &[NO_END]), "", "99991231235959Z is no end");
    }

    const NO_END: i64 = CertificateTime::NO_END.as_second();
}
