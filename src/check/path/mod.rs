//! Certification paths: from the server's certificate to a trust anchor. Every path is tried, and the best one is used.

mod names;
mod node;
mod rules;

use std::collections::HashMap;

use super::certificate::CertificateRecord;
use crate::net::{SignatureCheck, verify_certificate};
pub(super) use node::Node;
use rules::violation;

/// Maximum length of a path. OpenSSL's is 100; no real one has more than ten.
const MAX_PATH: usize = 32;
/// Maximum number of certificates of a chain that are used.
const MAX_SENT: usize = 64;
/// Maximum number of signatures verified in a search.
const MAX_SIGNATURES: usize = 200;
/// Maximum number of steps of a search.
const MAX_STEPS: usize = 2000;

/// Certificates that are trusted, and others that may complete a chain.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    anchors: Vec<Node>,
    intermediates: Vec<Node>,
}

impl Anchors {
    /// Trusts all certificates, except those whose issuer is among them: these only complete chains.
    pub(super) fn new(certificates: Vec<Node>) -> Self {
        let has_issuer: Vec<bool> = certificates
            .iter()
            .map(|node| !node.is_self_issued() && certificates.iter().any(|other| node.may_be_issued_by(other)))
            .collect();

        let mut store = Self::default();
        for (node, has_issuer) in certificates.into_iter().zip(has_issuer) {
            if has_issuer { store.intermediates.push(node) } else { store.anchors.push(node) }
        }
        store
    }

    pub(super) fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }
}

/// The best path that was found.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// The certificates above the server's, the trust anchor last.
    pub(super) above: Vec<CertificateRecord>,
    /// The rule of RFC 5280 that it breaks.
    pub(super) violation: Option<String>,
    /// A signature that cannot be verified here.
    pub(super) unverifiable: Option<String>,
    /// The first intermediate certificate that the server does not send.
    pub(super) missing: Option<String>,
}

/// Why no path leads to a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoPath {
    /// A signature is invalid.
    BadSignature(String),
    /// The certificate is its own issuer and is not trusted.
    SelfSigned(String),
    /// This issuer is unknown.
    UnknownIssuer(String),
    /// The chain is too complex.
    TooComplex,
}

/// Finds the best path from the first certificate to a trust anchor at the time `at`, in seconds since 1970.
pub(super) fn find(chain: &[Node], anchors: &Anchors, at: i64) -> Result<Path, NoPath> {
    let (leaf, sent) = chain.split_first().ok_or(NoPath::TooComplex)?;
    let sent = &sent[..sent.len().min(MAX_SENT)];
    let mut search = Search { sent, anchors, at, best: None, failure: None, signatures: HashMap::new(), steps: 0 };
    search.extend(&mut vec![leaf], None);

    match (search.best, search.failure) {
        (Some((_, path)), _) => Ok(path),
        (None, Some(failure)) => Err(failure),
        (None, None) if search.steps >= MAX_STEPS => Err(NoPath::TooComplex),
        (None, None) => Err(NoPath::UnknownIssuer(leaf.record.link.issuer.clone())),
    }
}

/// How good a path is, in the order of what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    keeps_rules: bool,
    is_verified: bool,
    is_in_time: bool,
    is_complete: bool,
    is_strong: bool,
    /// The end of its validity.
    not_after: i64,
}

struct Search<'a> {
    sent: &'a [Node],
    anchors: &'a Anchors,
    at: i64,
    best: Option<(Rank, Path)>,
    /// Why the deepest path ends before a trust anchor.
    failure: Option<NoPath>,
    signatures: HashMap<(*const Node, *const Node), SignatureCheck>,
    steps: usize,
}

impl<'a> Search<'a> {
    /// Extends a path by every issuer of its last certificate. `unverifiable` is a signature on it that cannot be verified.
    fn extend(&mut self, path: &mut Vec<&'a Node>, unverifiable: Option<&str>) {
        self.steps += 1;
        let (Some(&last), true) = (path.last(), path.len() <= MAX_PATH && self.steps < MAX_STEPS) else { return };

        if self.anchors.anchors.iter().any(|anchor| anchor.der == last.der) {
            return self.finish(path, unverifiable);
        }
        if last.is_self_issued() && last.may_be_issued_by(last) && self.check(last, last) == SignatureCheck::Valid {
            self.fail(NoPath::SelfSigned(last.name().to_owned()));
            return;
        }

        let anchors = self.anchors;
        let issuers = anchors.anchors.iter().chain(self.sent).chain(&anchors.intermediates);
        let mut is_extended = false;
        for issuer in issuers.filter(|issuer| last.may_be_issued_by(issuer)) {
            if path.iter().any(|node| node.der == issuer.der) {
                continue;
            }

            let unsupported = match self.check(last, issuer) {
                SignatureCheck::Valid => None,
                SignatureCheck::Unsupported(what) => Some(what),
                SignatureCheck::Invalid => {
                    self.fail(NoPath::BadSignature(last.name().to_owned()));
                    continue;
                }
            };

            is_extended = true;
            path.push(issuer);
            self.extend(path, unverifiable.or(unsupported.as_deref()));
            path.pop();
        }
        if !is_extended {
            self.fail(NoPath::UnknownIssuer(last.record.link.issuer.clone()));
        }
    }

    /// Remembers the first failure: it is on the path that the server intends.
    fn fail(&mut self, failure: NoPath) {
        self.failure.get_or_insert(failure);
    }

    fn check(&mut self, certificate: &'a Node, issuer: &'a Node) -> SignatureCheck {
        let key = (std::ptr::from_ref(certificate), std::ptr::from_ref(issuer));
        if let Some(known) = self.signatures.get(&key) {
            return known.clone();
        }
        if self.signatures.len() >= MAX_SIGNATURES {
            self.steps = MAX_STEPS;
            return SignatureCheck::Invalid;
        }

        let result = verify_certificate(&certificate.der, &issuer.der);
        self.signatures.insert(key, result.clone());
        result
    }

    /// Judges a path that leads to a trust anchor, and keeps it if it is the best one.
    fn finish(&mut self, path: &[&'a Node], unverifiable: Option<&str>) {
        let violation = violation(path);
        let missing = path.iter().skip(1).find(|node| {
            self.anchors.intermediates.iter().any(|known| known.der == node.der)
                && !self.sent.iter().any(|sent| sent.der == node.der)
        });

        // The signature of the trust anchor is irrelevant.
        let signed = path.iter().take(path.len() - 1).any(|node| node.record.link.has_weak_signature());
        let is_weak = signed || path.iter().any(|node| node.record.link.has_weak_key());
        let rank = Rank {
            keeps_rules: violation.is_none(),
            is_verified: unverifiable.is_none(),
            is_in_time: path.iter().all(|node| node.record.is_valid_at(self.at)),
            is_complete: missing.is_none(),
            is_strong: !is_weak,
            not_after: path.iter().map(|node| node.record.not_after).min().unwrap_or(0),
        };

        if self.best.as_ref().is_none_or(|(best, _)| *best < rank) {
            let path = Path {
                above: path.iter().skip(1).map(|node| node.record.clone()).collect(),
                violation,
                unverifiable: unverifiable.map(ToOwned::to_owned),
                missing: missing.map(|node| node.name().to_owned()),
            };
            self.best = Some((rank, path));
        }
    }
}
