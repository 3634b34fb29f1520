//! Whether TLS is spoken in a current version, and whether the certificate is valid.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::{self, Leaf, Link, NameMatch, Trust};
use super::roots::Roots;
use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peer_failure};
use super::{BuiltInCheck, findings};
use crate::model::{Figures, Finding, Group, TlsFacts};
use crate::net::{ConnectionError, Deadline, OldVersion, VersionOutcome, ask_version, tls};

findings! { Group::Tls;
    HANDSHAKE_FAILED = "tls-handshake-failed", cap 20, "The TLS handshake fails.",
        "check that the port speaks TLS, and the server's log";
    OBSOLETE_ONLY = "tls-obsolete-only", cap 40, "The server supports nothing newer than TLS 1.1 (deprecated by RFC 8996).",
        "enable TLS 1.2 and 1.3";
    OBSOLETE_ACCEPTED = "tls-obsolete-accepted", 10, cap 79, "The server accepts TLS 1.1 or older (deprecated by RFC 8996).",
        "disable everything older than TLS 1.2";
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
    /// The server's own certificate.
    pub(crate) leaf: Option<Leaf>,
    /// The other certificates that the server sent.
    pub(crate) chain: Vec<Link>,
    pub(crate) name: NameMatch,
    pub(crate) trust: Trust,
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
    /// It failed, for this reason.
    Failed(String),
    TimedOut,
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
        let mut observation = match handshake(target, context).await {
            Ok(handshake) => Self::established(at, target, context, &handshake),
            Err(error) => match peer_failure(error)? {
                ConnectionError::TimedOut => Self::without_certificate(at, target, Handshake::TimedOut),
                error => Self::without_certificate(at, target, Handshake::Failed(error.to_string())),
            },
        };

        if observation.handshake != Handshake::TimedOut {
            observation.older = older_versions(target, context).await?;
        }
        Ok(observation)
    }

    fn add_figures(&self, figures: &mut Figures) {
        const DAY: i64 = 24 * 60 * 60;
        figures.certificate_days = self.leaf.as_ref().map(|leaf| (leaf.not_after - self.at).div_euclid(DAY));
    }

    fn findings(&self) -> Vec<Finding> {
        let accepted: Vec<&str> = self
            .older
            .iter()
            .filter(|older| older.accepted && older.version != "TLSv1.2")
            .map(|older| older.version.as_str())
            .collect();

        let alpn = match &self.handshake {
            Handshake::Done { alpn, .. } => alpn.as_deref(),
            Handshake::Failed(_) | Handshake::TimedOut if !accepted.is_empty() => {
                return vec![Finding::new(
                    &OBSOLETE_ONLY,
                    format!("nothing newer than {} is accepted", accepted.join(", ")),
                )];
            }
            Handshake::Failed(cause) => return vec![Finding::new(&HANDSHAKE_FAILED, cause.clone())],
            Handshake::TimedOut => return vec![Finding::new(&HANDSHAKE_FAILED, "no reply to the ClientHello in time")],
        };

        let mut findings = Vec::new();
        if !accepted.is_empty() {
            findings.push(Finding::new(&OBSOLETE_ACCEPTED, format!("{} accepted", accepted.join(", "))));
        }
        if self.wants_h2 && alpn != Some("h2") {
            findings.push(Finding::new(&NO_H2, "declared as gRPC, but ALPN does not offer h2"));
        }
        if let Some(leaf) = &self.leaf {
            findings.extend(certificate::findings(self.at, leaf, &self.chain, &self.name, &self.trust));
        }
        findings
    }

    fn is_silent(&self) -> bool {
        self.handshake == Handshake::TimedOut
    }

    /// Why the server's certificate could not be verified.
    fn local_failure(&self) -> Option<String> {
        match &self.trust {
            Trust::NotVerified(cause) if self.leaf.is_some() => Some(cause.clone()),
            _ => None,
        }
    }
}

impl TlsObservation {
    fn without_certificate(at: i64, target: &CheckTarget, handshake: Handshake) -> Self {
        Self {
            at,
            wants_h2: target.grpc,
            handshake,
            older: Vec::new(),
            leaf: None,
            chain: Vec::new(),
            name: NameMatch::NotRequested,
            trust: Trust::NotVerified("the server sent no certificate".to_owned()),
        }
    }

    /// The observation of a completed handshake, with the certificates.
    fn established<S>(at: i64, target: &CheckTarget, context: &CheckContext, handshake: &tls::Handshake<S>) -> Self {
        let mut links = handshake.facts.certificates.iter();
        let leaf = links.next().map(Leaf::from);

        let name = match (&target.name, target.server_name()) {
            (Some(_), Ok(name)) => Roots::covers(handshake.chain.first(), &name),
            _ => NameMatch::NotRequested,
        };

        let forged = handshake.proved == Some(false);
        let trust = match context.roots.trust(&handshake.chain, at) {
            Trust::Roots(roots) | Trust::Incomplete { roots, .. } if forged => {
                Trust::NotTrusted { roots, cause: "the server does not prove possession of the private key".to_owned() }
            }
            Trust::Pin if forged => Trust::PinMismatch("that of another server, whose private key it lacks".to_owned()),
            trust => trust,
        };

        let chain = links.map(Link::from).collect();
        Self { leaf, chain, name, trust, ..Self::without_certificate(at, target, done(&handshake.facts)) }
    }
}

async fn handshake(
    target: &CheckTarget,
    context: &CheckContext,
) -> Result<tls::Handshake<Box<dyn crate::net::AsyncStream>>, ConnectionError> {
    let deadline = Deadline::after(context.timeout);
    let alpn: &[&[u8]] = if matches!(target.layer, Layer::StartTls(_)) { &[] } else { &[b"h2", b"http/1.1"] };

    let peer = target.connect(deadline).await?;
    let name = target.server_name()?;
    tls::handshake(peer.into_stream(), name, alpn, deadline).await.map_err(|failed| failed.error)
}

fn done(facts: &TlsFacts) -> Handshake {
    Handshake::Done {
        version: facts.version.as_deref().unwrap_or_default().to_owned(),
        cipher: facts.cipher.as_deref().unwrap_or_default().to_owned(),
        alpn: facts.alpn.as_ref().map(|protocol| protocol.as_raw().to_owned()),
    }
}

/// Offers each older version alone. Stops when the server does not reply, because it may limit connections.
async fn older_versions(target: &CheckTarget, context: &CheckContext) -> CheckResult<Vec<OlderVersion>> {
    let mut older = Vec::new();
    let name = target.name.as_deref().filter(|name| name.parse::<std::net::IpAddr>().is_err());

    for version in OldVersion::ALL {
        let deadline = Deadline::after(context.timeout);
        let outcome = match target.connect(deadline).await {
            Ok(mut peer) => ask_version(&mut peer, version, name).await,
            Err(error) => Err(error),
        };

        match outcome {
            Ok(outcome) => older
                .push(OlderVersion { version: version.as_str().to_owned(), accepted: outcome == VersionOutcome::Yes }),
            Err(error) => {
                peer_failure(error)?;
                break;
            }
        }
    }
    Ok(older)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(handshake: Handshake, older: &[(&str, bool)], wants_h2: bool) -> Vec<&'static str> {
        let older =
            older.iter().map(|&(version, accepted)| OlderVersion { version: version.to_owned(), accepted }).collect();
        crate::check::codes(&TlsObservation {
            at: 0,
            wants_h2,
            handshake,
            older,
            leaf: None,
            chain: Vec::new(),
            name: NameMatch::NotRequested,
            trust: Trust::NotVerified("no roots".into()),
        })
    }

    fn done(alpn: Option<&str>) -> Handshake {
        let alpn = alpn.map(ToOwned::to_owned);
        Handshake::Done { version: "TLSv1.3".into(), cipher: "TLS13_AES_128_GCM_SHA256".into(), alpn }
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
}
