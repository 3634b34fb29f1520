//! Verifies certificate chains against trusted roots and pins.

use std::sync::OnceLock;

use rustls::pki_types::{CertificateDer, ServerName};

use super::certificate::{CertificateRecord, NameMatch, Trust};
use super::path::{Anchors, NoPath, Node, find};
use crate::model::Digest;
use crate::net::certificate;

/// The trusted roots and the pinned certificates.
#[derive(Debug)]
pub(crate) struct Roots {
    /// `system roots`, or the name of the file.
    name: String,
    /// `None`: the roots of the system, loaded on first use.
    configured: Option<Anchors>,
    system: OnceLock<Result<Anchors, String>>,
    pins: Vec<Digest>,
}

/// The trust in a chain, and the certificates above the server's on the path that was used, the trust anchor last.
#[derive(Debug)]
pub(super) struct ChainTrust {
    pub(super) trust: Trust,
    pub(super) path: Vec<CertificateRecord>,
}

impl From<Trust> for ChainTrust {
    fn from(trust: Trust) -> Self {
        Self { trust, path: Vec::new() }
    }
}

impl Roots {
    /// Trusts the roots of the system.
    pub(crate) fn of_system(pins: Vec<Digest>) -> Self {
        Self { name: "system roots".to_owned(), configured: None, system: OnceLock::new(), pins }
    }

    /// Trusts the certificates of the file `name`. One whose issuer is in the file too only completes chains.
    pub(crate) fn given(name: String, certificates: Vec<CertificateDer<'static>>, pins: Vec<Digest>) -> Self {
        let configured = Some(Anchors::new(certificates.into_iter().filter_map(Node::new).collect()));
        Self { name, configured, system: OnceLock::new(), pins }
    }

    fn anchors(&self) -> Result<&Anchors, String> {
        match &self.configured {
            Some(anchors) => Ok(anchors),
            None => self.system.get_or_init(system_anchors).as_ref().map_err(Clone::clone),
        }
    }

    /// The trust in the first certificate of a chain at the time `at`, in seconds since 1970. Lifetimes are judged apart.
    pub(super) fn verify(&self, chain: &[CertificateDer<'static>], at: i64) -> ChainTrust {
        let Some(leaf) = chain.first() else {
            return Trust::NotVerified("the server sent no certificate".to_owned()).into();
        };
        if !self.pins.is_empty() {
            return self.trust_by_pin(leaf).into();
        }

        let anchors = match self.anchors() {
            Ok(anchors) => anchors,
            Err(cause) => return Trust::NotVerified(cause).into(),
        };
        let Some(leaf) = Node::new(leaf.clone()) else {
            return self.not_trusted("the certificate cannot be parsed".to_owned()).into();
        };

        let sent = chain[1..].iter().cloned().filter_map(Node::new);
        let nodes: Vec<Node> = std::iter::once(leaf).chain(sent).collect();
        let path = match find(&nodes, anchors, at) {
            Ok(path) => path,
            Err(failure) => return self.not_trusted(describe(failure)).into(),
        };

        let roots = self.name.clone();
        let trust = match (path.violation, path.unverifiable, path.missing) {
            (Some(cause), _, _) => self.not_trusted(cause),
            (None, Some(what), _) => Trust::NotVerified(format!("portolan cannot verify {what}")),
            (None, None, Some(missing)) => Trust::Incomplete { roots, missing },
            (None, None, None) => Trust::Roots(roots),
        };
        ChainTrust { trust, path: path.above }
    }

    fn trust_by_pin(&self, leaf: &CertificateDer<'static>) -> Trust {
        match certificate(leaf).map(|facts| facts.sha256) {
            Some(sha256) if self.pins.contains(&sha256) => Trust::Pin,
            sha256 => Trust::PinMismatch(sha256.map(|sha256| sha256.to_string()).unwrap_or_default()),
        }
    }

    fn not_trusted(&self, cause: String) -> Trust {
        Trust::NotTrusted { roots: self.name.clone(), cause }
    }

    /// Whether a certificate covers a name.
    pub(crate) fn covers(leaf: &CertificateDer<'static>, name: &ServerName<'_>) -> NameMatch {
        let requested = name.to_str().into_owned();
        if Node::new(leaf.clone()).is_some_and(|node| node.covers(name)) {
            return NameMatch::Covered(requested);
        }

        let names = certificate(leaf).map(|facts| facts.names).unwrap_or_default();
        NameMatch::NotCovered { requested, names: names.iter().take(5).map(ToString::to_string).collect() }
    }
}

fn system_anchors() -> Result<Anchors, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let anchors = Anchors::new(loaded.certs.into_iter().filter_map(Node::new).collect());
    if anchors.is_empty() {
        return Err("this system has no root certificates; install ca-certificates or use --ca FILE".to_owned());
    }
    Ok(anchors)
}

fn describe(failure: NoPath) -> String {
    match failure {
        NoPath::BadSignature(name) => format!("the signature on {name} is invalid"),
        NoPath::SelfSigned(name) => format!("{name} is self-signed"),
        NoPath::UnknownIssuer(name) => format!("unknown issuer {name}, or the server does not send an intermediate"),
        NoPath::TooComplex => "the chain has too many possible paths".to_owned(),
    }
}
