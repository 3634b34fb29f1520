//! Whether TLS is spoken as it should be, and whether the certificate is good.

use serde::{Deserialize, Serialize};

use super::certificate::{self, Leaf, Link, NameMatch, Trust};
use super::findings;
use crate::model::{Finding, Group};

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
pub(crate) struct Seen {
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    /// Whether HTTP/2 is needed.
    pub(crate) wants_h2: bool,
    pub(crate) handshake: Handshake,
    /// The older versions that were asked for, and which of them were accepted.
    pub(crate) older: Vec<Older>,
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
pub(crate) struct Older {
    /// `TLSv1.0`.
    pub(crate) version: String,
    /// Whether a ServerHello of that version came.
    pub(crate) accepted: bool,
}

impl Seen {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let obsolete = |older: &&Older| older.accepted && older.version != "TLSv1.2";
        let accepted: Vec<&str> = self.older.iter().filter(obsolete).map(|older| older.version.as_str()).collect();
        let alpn = match &self.handshake {
            Handshake::Done { alpn, .. } => alpn.as_deref(),
            Handshake::Failed(_) | Handshake::TimedOut if !accepted.is_empty() => {
                return vec![OBSOLETE_ONLY.seen(format!("nothing newer than {} is accepted", accepted.join(", ")))];
            }
            Handshake::Failed(why) => return vec![HANDSHAKE_FAILED.seen(why.clone())],
            Handshake::TimedOut => return vec![HANDSHAKE_FAILED.seen("no answer to the ClientHello in time")],
        };
        let mut found = Vec::new();
        if !accepted.is_empty() {
            found.push(OBSOLETE_ACCEPTED.seen(format!("{} accepted", accepted.join(", "))));
        }
        if self.wants_h2 && alpn != Some("h2") {
            found.push(NO_H2.seen("gRPC is declared, and ALPN offers no h2"));
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
        let older = older.iter().map(|&(version, accepted)| Older { version: version.to_owned(), accepted }).collect();
        let (name, trust) = (NameMatch::NotAsked, Trust::NotJudged("no roots".into()));
        codes(&Seen { at: 0, wants_h2, handshake, older, leaf: None, chain: Vec::new(), name, trust }.judge())
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
