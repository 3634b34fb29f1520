//! Whether TLS is spoken in a current version, and whether the certificate is valid.

mod examine;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::certificate::{self, CertificateRecord, Certificates, Link, NameMatch, Trust};
use super::roots::{ChainTrust, Roots};
use super::target::{CheckContext, CheckResult, CheckTarget, Layer};
use super::{BuiltInCheck, findings};
use crate::clean::Untrusted;
use crate::model::{Figures, Finding, Group, TlsFacts};
use crate::net::tls::Proof;
use crate::net::{Version, certificate as facts_of};
pub(super) use examine::peer_failure_or_limit;
use examine::{TlsExamination, VersionOutcomes, ask_versions, examine};

findings! { Group::Tls;
    HANDSHAKE_FAILED = "tls-handshake-failed", cap 20, "The TLS handshake fails.",
        "check that the port speaks TLS, and the server's log";
    OBSOLETE_ONLY = "tls-obsolete-only", cap 40, "The server supports nothing newer than TLS 1.1 (deprecated by RFC 8996).",
        "enable TLS 1.2 and 1.3";
    OBSOLETE_ACCEPTED = "tls-obsolete-accepted", 10, cap 79, "The server accepts TLS 1.1 or older (deprecated by RFC 8996).",
        "disable everything older than TLS 1.2";
    WEAK_SUITES = "tls-weak-suites", 10, cap 79, "The server supports only weak cipher suites: without forward secrecy or authenticated encryption.",
        "enable suites with ECDHE and AES-GCM or ChaCha20-Poly1305";
    AUTH_REQUIRED = "tls-auth-required", 2, "The server requires a client certificate, and none is configured.",
        "give one (--cert FILE --key FILE)";
    NO_H2 = "tls-no-h2", 3, "The service is declared as gRPC, but ALPN does not offer h2.",
        "let the server offer h2 in ALPN";
}

/// Evidence of TLS handshakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsObservation {
    /// The time of the check, in seconds since 1970.
    pub(crate) at: i64,
    /// Whether the service requires HTTP/2.
    pub(crate) wants_h2: bool,
    pub(crate) handshake: Handshake,
    /// The older versions that were offered alone, each with the result.
    pub(crate) older: Vec<OlderVersion>,
    /// Whether the server asks for a client certificate.
    #[serde(default)]
    pub(crate) client_certificate: ClientCertificate,
    /// The server's own certificate.
    pub(crate) leaf: Option<CertificateRecord>,
    /// The other certificates that the server sent.
    pub(crate) chain: Vec<Link>,
    /// The certificates above the server's on the path that was used, the trust anchor last. Older evidence has none.
    #[serde(default)]
    pub(crate) path: Option<Vec<CertificateRecord>>,
    pub(crate) name: NameMatch,
    pub(crate) trust: Trust,
    /// The handshake and the certificates for people, if this is a single look. Nothing is judged by them, and files lack them.
    #[serde(skip)]
    pub(crate) facts: Option<Arc<TlsFacts>>,
}

/// The result of the handshake with a modern client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Handshake {
    Done {
        /// `TLSv1.3`.
        version: String,
        /// The name of the cipher suite.
        cipher: String,
        /// The protocol negotiated by ALPN.
        alpn: Option<String>,
    },
    /// The server chose what portolan's TLS library does not support. Nothing beyond its first messages is known.
    Unsupported {
        version: String,
        cipher: String,
        /// What is not supported, in words.
        what: String,
        /// Whether the server refuses all strong suites.
        weak_only: bool,
    },
    /// It failed, for this reason.
    Failed(String),
    /// No reply in plain text, before TLS began.
    NotStarted(String),
    TimedOut,
}

/// Whether a server asks for a client certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientCertificate {
    #[default]
    NotRequested,
    /// The server asks for one, and continues without.
    Optional,
    /// The server ends the connection without one.
    Required,
    /// The server asked for one, and did not refuse the configured one.
    Sent,
    /// The server refuses the configured one, for this reason.
    Refused(String),
}

/// An older protocol version that was offered alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderVersion {
    /// `TLSv1.0`.
    pub(crate) version: String,
    /// Whether the server replied with a ServerHello of that version.
    pub(crate) accepted: bool,
}

impl BuiltInCheck for TlsObservation {
    /// Performs the handshake of a modern client, then offers each older version alone.
    async fn run(target: &CheckTarget, context: &CheckContext) -> CheckResult<Self> {
        let at = Timestamp::now().as_second();
        let mut seen = examine(target, context).await?;
        let older = match (seen.versions.take(), seen.is_silent()) {
            (Some(VersionOutcomes { older, .. }), _) => older,
            (None, true) => Vec::new(),
            (None, false) if !context.offers_older_tls => Vec::new(),
            (None, false) => ask_versions(target, context).await?.older,
        };
        Ok(Self { older, ..Self::of(at, target, context, seen) })
    }

    /// The days that are left of the whole path.
    fn add_figures(&self, figures: &mut Figures) {
        const DAY: i64 = 24 * 60 * 60;
        let path = self.path.iter().flatten();
        let end = self.leaf.iter().chain(path).map(|certificate| certificate.not_after).min();
        figures.certificate_end = end;
        figures.certificate_days = end.map(|end| end.saturating_sub(self.at).div_euclid(DAY));
        figures.certificate_name_unchecked = self.leaf.is_some() && self.name == NameMatch::NotRequested;
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = self.handshake_findings();
        if findings.iter().any(|finding| finding.code() == HANDSHAKE_FAILED.code) {
            return findings;
        }

        let path = self.path.as_deref();
        let sent = if path.is_some() { &[] } else { self.chain.as_slice() };
        let certificates = Certificates { leaf: self.leaf.as_ref(), path: path.unwrap_or_default(), sent };
        findings.extend(certificate::findings(self.at, certificates, &self.name, &self.trust));
        findings
    }

    fn is_silent(&self) -> bool {
        matches!(self.handshake, Handshake::TimedOut | Handshake::NotStarted(_))
    }

    /// What could not be verified here.
    fn local_failure(&self) -> Option<String> {
        match (&self.handshake, &self.trust) {
            (Handshake::Unsupported { what, .. }, _) => Some(unsupported(what)),
            (_, Trust::NotVerified(cause)) if self.leaf.is_some() => Some(cause.clone()),
            _ => None,
        }
    }
}

fn unsupported(what: &str) -> String {
    format!("portolan does not support {what}, which the server chose")
}

impl TlsObservation {
    fn of(at: i64, target: &CheckTarget, context: &CheckContext, seen: TlsExamination) -> Self {
        let TlsExamination { handshake, client_certificate, chain, proof, .. } = seen;
        let name = match (&target.name, target.server_name(), chain.first()) {
            (Some(_), Ok(name), Some(leaf)) => Roots::covers(leaf, &name),
            _ => NameMatch::NotRequested,
        };
        let ChainTrust { trust, path } = context.roots.verify(&chain, at);
        let facts = if context.offers_older_tls { tls_facts(&handshake, &chain) } else { None };
        let sent = chain.iter().skip(1).take(MAX_SENT).filter_map(|der| facts_of(der));

        Self {
            at,
            wants_h2: target.grpc,
            handshake,
            older: Vec::new(),
            client_certificate,
            leaf: chain.first().and_then(|der| facts_of(der)).map(|facts| CertificateRecord::from(&facts)),
            chain: sent.map(|facts| Link::from(&facts)).collect(),
            path: Some(path),
            name,
            trust: with_proof(trust, proof),
            facts: facts.map(Arc::new),
        }
    }

    fn handshake_findings(&self) -> Vec<Finding> {
        let is_obsolete = |version: &str| Version::OLD.iter().skip(1).any(|old| old.as_str() == version);
        let accepted = self.older.iter().filter(|older| older.accepted).map(|older| older.version.as_str());
        let obsolete: Vec<&str> = accepted.clone().filter(|version| is_obsolete(version)).collect();
        let is_obsolete_only = !obsolete.is_empty() && obsolete.len() == accepted.count();

        let mut findings = Vec::new();
        match &self.handshake {
            Handshake::Done { alpn, .. } => {
                if self.wants_h2 && alpn.as_deref() != Some("h2") {
                    findings.push(Finding::new(&NO_H2, "declared as gRPC, but ALPN does not offer h2"));
                }
            }
            Handshake::Unsupported { version, cipher, weak_only, .. } => {
                if *weak_only && !is_obsolete(version) {
                    findings.push(Finding::new(&WEAK_SUITES, format!("nothing better than {cipher} is accepted")));
                }
            }
            Handshake::Failed(cause) => match &self.client_certificate {
                ClientCertificate::Required => {}
                _ if is_obsolete_only => {}
                _ => return vec![Finding::new(&HANDSHAKE_FAILED, cause.clone())],
            },
            Handshake::NotStarted(cause) => return vec![Finding::new(&HANDSHAKE_FAILED, cause.clone())],
            Handshake::TimedOut => return vec![Finding::new(&HANDSHAKE_FAILED, "no reply to the ClientHello in time")],
        }

        match &self.client_certificate {
            ClientCertificate::Refused(cause) => {
                let text = format!("the server refuses the client certificate: {cause}");
                return vec![Finding::new(&HANDSHAKE_FAILED, text)];
            }
            ClientCertificate::Required => {
                findings.push(Finding::new(&AUTH_REQUIRED, "the server requires a client certificate"));
            }
            ClientCertificate::NotRequested | ClientCertificate::Optional | ClientCertificate::Sent => {}
        }

        let is_done = matches!(self.handshake, Handshake::Done { .. });
        if is_obsolete_only && !is_done && !self.is_modern() {
            let text = format!("nothing newer than {} is accepted", obsolete.join(", "));
            findings.push(Finding::new(&OBSOLETE_ONLY, text));
        } else if !obsolete.is_empty() {
            findings.push(Finding::new(&OBSOLETE_ACCEPTED, format!("{} accepted", obsolete.join(", "))));
        }
        findings
    }

    /// Whether the server is known to accept TLS 1.2 or 1.3, or to wait for a client certificate in one of them.
    fn is_modern(&self) -> bool {
        let is_new = |version: &str| [Version::Tls12, Version::Tls13].iter().any(|new| new.as_str() == version);
        matches!(&self.handshake, Handshake::Unsupported { version, .. } if is_new(version))
            || self.client_certificate == ClientCertificate::Required
    }
}

/// Maximum number of certificates of a chain that are shown.
const MAX_SHOWN: usize = 10;
/// Maximum number of certificates of a chain in the evidence.
const MAX_SENT: usize = 32;

/// What `openssl s_client` shows of a server; `None` if it sent neither a version nor a certificate.
fn tls_facts(handshake: &Handshake, chain: &[CertificateDer<'_>]) -> Option<TlsFacts> {
    let (version, cipher, alpn) = match handshake {
        Handshake::Done { version, cipher, alpn } => (Some(version), Some(cipher), alpn.as_deref()),
        Handshake::Unsupported { version, cipher, .. } => (Some(version), Some(cipher), None),
        Handshake::Failed(_) | Handshake::NotStarted(_) | Handshake::TimedOut => (None, None, None),
    };
    if version.is_none() && chain.is_empty() {
        return None;
    }

    Some(TlsFacts {
        version: version.cloned().map(Cow::Owned),
        cipher: cipher.cloned().map(Cow::Owned),
        alpn: alpn.map(Untrusted::from),
        chain_length: chain.len(),
        certificates: chain.iter().take(MAX_SHOWN).filter_map(|der| facts_of(der)).collect(),
    })
}

/// The trust in a server that proved, or did not prove, possession of its private key.
fn with_proof(trust: Trust, proof: Proof) -> Trust {
    match (proof, trust) {
        (Proof::Invalid, Trust::Roots(roots) | Trust::Incomplete { roots, .. }) => {
            Trust::NotTrusted { roots, cause: "the server does not prove possession of the private key".to_owned() }
        }
        (Proof::Invalid, Trust::Pin) => {
            Trust::PinMismatch("that of another server, whose private key it lacks".to_owned())
        }
        (Proof::Unverifiable(what), Trust::Roots(_) | Trust::Incomplete { .. } | Trust::Pin) => {
            Trust::NotVerified(format!("portolan cannot verify {what}"))
        }
        (_, trust) => trust,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(handshake: Handshake, older: &[(&str, bool)]) -> TlsObservation {
        let older =
            older.iter().map(|&(version, accepted)| OlderVersion { version: version.to_owned(), accepted }).collect();
        TlsObservation {
            at: 0,
            wants_h2: false,
            handshake,
            older,
            client_certificate: ClientCertificate::NotRequested,
            leaf: None,
            chain: Vec::new(),
            path: None,
            name: NameMatch::NotRequested,
            trust: Trust::NotVerified("no roots".into()),
            facts: None,
        }
    }

    fn codes(handshake: Handshake, older: &[(&str, bool)], wants_h2: bool) -> Vec<&'static str> {
        crate::check::codes(&TlsObservation { wants_h2, ..observation(handshake, older) })
    }

    fn done(alpn: Option<&str>) -> Handshake {
        let alpn = alpn.map(ToOwned::to_owned);
        Handshake::Done { version: "TLSv1.3".into(), cipher: "TLS13_AES_128_GCM_SHA256".into(), alpn }
    }

    fn chosen(version: &str, weak_only: bool) -> Handshake {
        let (version, cipher) = (version.to_owned(), "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned());
        Handshake::Unsupported { version, what: format!("the cipher suite {cipher}"), cipher, weak_only }
    }

    #[test]
    fn versions_are_rated_together() {
        assert_eq!(codes(done(None), &[("TLSv1.0", false), ("TLSv1.2", true)], false), [""; 0]);
        assert_eq!(codes(done(None), &[("TLSv1.0", true)], false), ["tls-obsolete-accepted"]);

        let failed = Handshake::Failed("alert protocol_version".into());
        assert_eq!(codes(failed.clone(), &[("TLSv1.1", true)], false), ["tls-obsolete-only"]);
        assert_eq!(codes(failed, &[("TLSv1.1", false)], false), ["tls-handshake-failed"]);
        assert_eq!(codes(Handshake::TimedOut, &[], false), ["tls-handshake-failed"]);

        assert_eq!(codes(done(Some("http/1.1")), &[], true), ["tls-no-h2"]);
        assert_eq!(codes(done(Some("h2")), &[], true), [""; 0]);
    }

    /// Guards servers whose suites the TLS library lacks: TLS 1.2 was accepted beside "nothing newer than TLSv1.1".
    #[test]
    fn a_server_that_accepts_tls_1_2_is_not_obsolete() {
        let both = [("TLSv1.2", true), ("TLSv1.1", true)];
        assert_eq!(codes(chosen("TLSv1.2", true), &both, false), ["tls-weak-suites", "tls-obsolete-accepted"]);
        assert_eq!(codes(chosen("TLSv1.2", false), &[("TLSv1.2", true)], false), [""; 0]);
        assert_eq!(codes(chosen("TLSv1.3", false), &[("TLSv1.1", true)], false), ["tls-obsolete-accepted"]);
        assert_eq!(codes(chosen("TLSv1.1", true), &[("TLSv1.1", true)], false), ["tls-obsolete-only"]);
        assert!(observation(chosen("TLSv1.2", true), &[]).local_failure().is_some(), "our limit");
    }

    #[test]
    fn a_required_client_certificate_is_not_a_failure() {
        for (handshake, client_certificate, expected) in [
            (done(None), ClientCertificate::Optional, None),
            (done(None), ClientCertificate::Sent, None),
            (done(None), ClientCertificate::Required, Some("tls-auth-required")),
            (Handshake::Failed("alert".into()), ClientCertificate::Required, Some("tls-auth-required")),
            (
                Handshake::Failed("alert".into()),
                ClientCertificate::Refused("alert".into()),
                Some("tls-handshake-failed"),
            ),
            (done(None), ClientCertificate::Refused("alert".into()), Some("tls-handshake-failed")),
        ] {
            let seen = TlsObservation { client_certificate, ..observation(handshake, &[]) };
            assert_eq!(crate::check::codes(&seen).first().copied(), expected, "{seen:?}");
        }
    }
}
