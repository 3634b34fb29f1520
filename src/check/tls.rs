//! Whether TLS is spoken as it should be, and whether the certificate is good.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::{self, Leaf, Link, NameMatch, Trust};
use super::findings;
use super::roots::Roots;
use super::target::{CheckContext, CheckResult, CheckTarget, Layer, peers_fault};
use crate::model::{Finding, Group, TlsFacts};
use crate::net::{ConnectionError, Deadline, OldVersion, VersionOutcome, ask_version, tls};

findings! { Group::Tls;
    HANDSHAKE_FAILED = "tls-handshake-failed", cap 20, "No TLS handshake comes about.",
        "look whether TLS is spoken on that port, and what the server's log says";
    OBSOLETE_ONLY = "tls-obsolete-only", cap 40, "Nothing newer than TLS 1.1 is spoken (deprecated by RFC 8996).",
        "turn TLS 1.2 and 1.3 on";
    OBSOLETE_ACCEPTED = "tls-obsolete-accepted", 10, cap 79, "TLS 1.1 or older is accepted (deprecated by RFC 8996).",
        "turn everything older than TLS 1.2 off";
    NO_H2 = "tls-no-h2", 3, "gRPC is declared, and ALPN offers no h2.",
        "let the server offer h2 by ALPN";
}

/// What shaking hands showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    /// Whether HTTP/2 is needed.
    pub(crate) wants_h2: bool,
    pub(crate) handshake: Handshake,
    /// The older versions that were asked for, and which of them were accepted.
    pub(crate) older: Vec<OlderVersion>,
    /// The certificate of the server itself.
    pub(crate) leaf: Option<Leaf>,
    /// The other certificates that it sent.
    pub(crate) chain: Vec<Link>,
    pub(crate) name: NameMatch,
    pub(crate) trust: Trust,
}

/// How the handshake with a modern client ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Handshake {
    /// It came about.
    Done {
        /// `TLSv1.3`.
        version: String,
        /// The name of the cipher suite.
        cipher: String,
        /// The protocol that was agreed upon.
        alpn: Option<String>,
    },
    /// It did not; the text says why.
    Failed(String),
    /// Nothing came back.
    TimedOut,
}

/// An older version of the protocol, asked for by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderVersion {
    /// `TLSv1.0`.
    pub(crate) version: String,
    /// Whether a ServerHello of that version came.
    pub(crate) accepted: bool,
}

/// Shakes hands as a modern client does, and then asks for each older version by itself.
pub(crate) async fn look(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Observation> {
    let at = Timestamp::now().as_second();
    let wants_h2 = aim.grpc;
    let deadline = Deadline::after(kit.timeout);
    let alpn: &[&[u8]] = if matches!(aim.layer, Layer::StartTls(_)) { &[] } else { &[b"h2", b"http/1.1"] };
    let name = aim.server_name();
    let shaken = match (aim.connect(deadline).await, name) {
        (Ok(peer), Ok(name)) => {
            tls::handshake(peer.into_stream(), name, alpn, deadline).await.map_err(|failed| failed.error)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let seen = |handshake| Observation {
        at,
        wants_h2,
        handshake,
        older: Vec::new(),
        leaf: None,
        chain: Vec::new(),
        name: NameMatch::NotAsked,
        trust: Trust::NotJudged("no certificate was sent".to_owned()),
    };
    let mut seen = match shaken {
        Ok(shaken) => shown(aim, kit, seen(done(&shaken.facts)), &shaken),
        Err(error) => match peers_fault(error)? {
            ConnectionError::TimedOut => seen(Handshake::TimedOut),
            error => seen(Handshake::Failed(error.to_string())),
        },
    };
    if seen.handshake != Handshake::TimedOut {
        seen.older = older(aim, kit).await?;
    }
    Ok(seen)
}

fn done(facts: &TlsFacts) -> Handshake {
    Handshake::Done {
        version: facts.version.as_deref().unwrap_or_default().to_owned(),
        cipher: facts.cipher.as_deref().unwrap_or_default().to_owned(),
        alpn: facts.alpn.as_ref().map(|word| word.as_raw().to_owned()),
    }
}

/// Adds what the certificates show.
fn shown<S>(aim: &CheckTarget, kit: &CheckContext, seen: Observation, shaken: &tls::Handshake<S>) -> Observation {
    let mut links = shaken.facts.certificates.iter();
    let leaf = links.next().map(Leaf::from);
    let name = match (&aim.name, aim.server_name()) {
        (Some(_), Ok(name)) => Roots::covers(shaken.chain.first(), &name),
        _ => NameMatch::NotAsked,
    };
    let trust = match kit.roots.trust(&shaken.chain, seen.at) {
        Trust::Roots(roots) | Trust::Incomplete { roots, .. } if shaken.proved == Some(false) => {
            Trust::Nobody { roots, why: "the server does not prove that it has the certificate's key".to_owned() }
        }
        Trust::Pin if shaken.proved == Some(false) => Trust::NotThePin("another's, whose key it has not".to_owned()),
        trust => trust,
    };
    Observation { leaf, chain: links.map(Link::from).collect(), name, trust, ..seen }
}

/// Asks for each older version. What does not answer is not asked on: it may count connections.
async fn older(aim: &CheckTarget, kit: &CheckContext) -> CheckResult<Vec<OlderVersion>> {
    let mut older = Vec::new();
    let name = aim.name.as_deref().filter(|name| name.parse::<std::net::IpAddr>().is_err());
    for version in OldVersion::ALL {
        let deadline = Deadline::after(kit.timeout);
        let taken = match aim.connect(deadline).await {
            Ok(mut peer) => ask_version(&mut peer, version, name).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => older
                .push(OlderVersion { version: version.as_str().to_owned(), accepted: taken == VersionOutcome::Yes }),
            Err(error) => {
                peers_fault(error)?;
                break;
            }
        }
    }
    Ok(older)
}

impl Observation {
    /// Why the certificate could not be judged, where it is there and could not.
    pub(crate) fn hindrance(&self) -> Option<String> {
        match &self.trust {
            Trust::NotJudged(why) if self.leaf.is_some() => Some(why.clone()),
            _ => None,
        }
    }

    pub(crate) fn judge(&self) -> Vec<Finding> {
        let obsolete = |older: &&OlderVersion| older.accepted && older.version != "TLSv1.2";
        let accepted: Vec<&str> = self.older.iter().filter(obsolete).map(|older| older.version.as_str()).collect();
        let alpn = match &self.handshake {
            Handshake::Done { alpn, .. } => alpn.as_deref(),
            Handshake::Failed(_) | Handshake::TimedOut if !accepted.is_empty() => {
                return vec![Finding::new(
                    &OBSOLETE_ONLY,
                    format!("nothing newer than {} is accepted", accepted.join(", ")),
                )];
            }
            Handshake::Failed(why) => return vec![Finding::new(&HANDSHAKE_FAILED, why.clone())],
            Handshake::TimedOut => {
                return vec![Finding::new(&HANDSHAKE_FAILED, "no answer to the ClientHello in time")];
            }
        };
        let mut found = Vec::new();
        if !accepted.is_empty() {
            found.push(Finding::new(&OBSOLETE_ACCEPTED, format!("{} accepted", accepted.join(", "))));
        }
        if self.wants_h2 && alpn != Some("h2") {
            found.push(Finding::new(&NO_H2, "gRPC is declared, and ALPN offers no h2"));
        }
        if let Some(leaf) = &self.leaf {
            found.extend(certificate::judge(self.at, leaf, &self.chain, &self.name, &self.trust));
        }
        found
    }

    /// Whether no answer came at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.handshake == Handshake::TimedOut
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    fn judged(handshake: Handshake, older: &[(&str, bool)], wants_h2: bool) -> Vec<&'static str> {
        let older =
            older.iter().map(|&(version, accepted)| OlderVersion { version: version.to_owned(), accepted }).collect();
        let (name, trust) = (NameMatch::NotAsked, Trust::NotJudged("no roots".into()));
        codes(&Observation { at: 0, wants_h2, handshake, older, leaf: None, chain: Vec::new(), name, trust }.judge())
    }

    fn done(alpn: Option<&str>) -> Handshake {
        let alpn = alpn.map(ToOwned::to_owned);
        Handshake::Done { version: "TLSv1.3".into(), cipher: "TLS13_AES_128_GCM_SHA256".into(), alpn }
    }

    #[test]
    fn versions_by_what_else_is_spoken() {
        assert_eq!(judged(done(None), &[("TLSv1.0", false), ("TLSv1.2", true)], false), [""; 0]);
        assert_eq!(judged(done(None), &[("TLSv1.0", true)], false), ["tls-obsolete-accepted"]);
        let failed = || Handshake::Failed("alert protocol_version".into());
        assert_eq!(judged(failed(), &[("TLSv1.1", true)], false), ["tls-obsolete-only"]);
        assert_eq!(judged(failed(), &[("TLSv1.1", false)], false), ["tls-handshake-failed"]);
        assert_eq!(judged(Handshake::TimedOut, &[], false), ["tls-handshake-failed"]);
        assert_eq!(judged(done(Some("http/1.1")), &[], true), ["tls-no-h2"]);
        assert_eq!(judged(done(Some("h2")), &[], true), [""; 0]);
    }
}
