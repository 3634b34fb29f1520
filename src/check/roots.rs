//! Whom a chain of certificates must lead to, and whether it does.

use std::sync::{Arc, OnceLock};

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};

use super::certificate::{NameMatch, Trust};
use crate::model::{Certificate, Digest};
use crate::net::{certificate, tls};

/// The roots that are trusted, and the certificates that are pinned.
#[derive(Debug)]
pub(crate) struct Roots {
    /// What they are called: `system roots`, or the file's name.
    name: String,
    /// `None`: those of the system, read when they are needed first.
    given: Option<Store>,
    system: OnceLock<Result<Store, String>>,
    pins: Vec<Digest>,
}

/// Certificates by what they are good for.
#[derive(Debug)]
struct Store {
    roots: RootCertStore,
    /// What is no root, but may lead from a server to one.
    intermediates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// The roots of the system.
    pub(crate) fn of_system(pins: Vec<Digest>) -> Self {
        Self { name: "system roots".to_owned(), given: None, system: OnceLock::new(), pins }
    }

    /// These certificates, from a file of that name: those that vouch for themselves are roots, the others may lead there.
    pub(crate) fn given(name: String, certificates: Vec<CertificateDer<'static>>, pins: Vec<Digest>) -> Self {
        Self { name, given: Some(Store::of(certificates)), system: OnceLock::new(), pins }
    }

    fn store(&self) -> Result<&Store, String> {
        match &self.given {
            Some(store) => Ok(store),
            None => self.system.get_or_init(Store::of_system).as_ref().map_err(Clone::clone),
        }
    }

    /// Who vouches for the first certificate of a chain, `at` so many seconds since 1970.
    pub(crate) fn trust(&self, chain: &[CertificateDer<'static>], at: i64) -> Trust {
        let Some(leaf) = chain.first() else { return Trust::NotJudged("no certificate was sent".to_owned()) };
        let facts = certificate(leaf);
        if !self.pins.is_empty() {
            return match facts.map(|facts| facts.sha256) {
                Some(sha256) if self.pins.contains(&sha256) => Trust::Pin,
                sha256 => Trust::NotThePin(sha256.map(|sha256| sha256.to_string()).unwrap_or_default()),
            };
        }
        let store = match self.store() {
            Ok(store) => store,
            Err(why) => return Trust::NotJudged(why),
        };
        let roots = self.name.clone();
        let nobody = |why: &str| Trust::Nobody { roots: self.name.clone(), why: why.to_owned() };
        let (Ok(parsed), Some(facts)) = (ParsedCertificate::try_from(leaf), facts) else {
            return nobody("the certificate cannot be read");
        };
        // Its own life is judged apart: what counts here is the chain at a time when it was good itself.
        let now = within(&facts, at);
        match verify(&parsed, store, &chain[1..], now) {
            Ok(()) => Trust::Roots(roots),
            Err(CertificateError::UnknownIssuer) => {
                let more: Vec<_> = chain[1..].iter().chain(&store.intermediates).cloned().collect();
                let last = chain.iter().rev().find_map(|der| certificate(der)).unwrap_or(facts);
                match verify(&parsed, store, &more, now) {
                    Ok(()) => Trust::Incomplete { roots, missing: last.issuer.to_string() },
                    Err(_) if last.self_issued => nobody(&format!("{} vouches for itself", last.subject)),
                    Err(_) => nobody(&format!("nobody knows {}, or a certificate in between is not sent", last.issuer)),
                }
            }
            Err(error) => nobody(&words(&error)),
        }
    }

    /// Whether a certificate covers a name.
    pub(crate) fn covers(leaf: Option<&CertificateDer<'static>>, name: &ServerName<'_>) -> NameMatch {
        let asked = name.to_str().into_owned();
        let covered = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        if covered.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok()) {
            return NameMatch::Covered(asked);
        }
        let names = leaf.and_then(|leaf| certificate(leaf)).map(|facts| facts.names).unwrap_or_default();
        NameMatch::NotCovered { asked, has: names.iter().take(5).map(ToString::to_string).collect() }
    }
}

impl Store {
    fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut store = Self { roots: RootCertStore::empty(), intermediates: Vec::new() };
        for der in certificates {
            if certificate(&der).is_some_and(|facts| facts.self_issued) {
                // What cannot be a root leads nowhere, and is told by the chains that lead to it.
                let _ = store.roots.add(der);
            } else {
                store.intermediates.push(der);
            }
        }
        store
    }

    fn of_system() -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (taken, _) = roots.add_parsable_certificates(found.certs);
        if taken == 0 {
            return Err("this system has no root certificates; install ca-certificates, or give --ca FILE".to_owned());
        }
        Ok(Self { roots, intermediates: Vec::new() })
    }
}

/// The time at which to look at a chain, brought within the life of the certificate at its beginning.
fn within(leaf: &Certificate, at: i64) -> UnixTime {
    let second = |time: Option<jiff::Timestamp>| time.map(jiff::Timestamp::as_second);
    let at = at.min(second(leaf.not_after).unwrap_or(at)).max(second(leaf.not_before).unwrap_or(at));
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

fn verify(
    leaf: &ParsedCertificate<'_>,
    store: &Store,
    intermediates: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), CertificateError> {
    let provider: Arc<rustls::crypto::CryptoProvider> = tls::provider();
    let algorithms = provider.signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(leaf, &store.roots, intermediates, now, algorithms).map_err(|error| {
        match error {
            rustls::Error::InvalidCertificate(error) => error,
            _ => CertificateError::ApplicationVerificationFailure,
        }
    })
}

fn words(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "a certificate of the chain has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "a certificate of the chain is not valid yet".to_owned()
        }
        CertificateError::BadSignature => "a signature in the chain is wrong".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers".to_owned()
        }
        CertificateError::BadEncoding => "a certificate of the chain cannot be read".to_owned(),
        other => other.to_string(),
    }
}
