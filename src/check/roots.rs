//! Verifies certificate chains against trusted roots and pins.

use std::sync::{Arc, OnceLock};

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};

use super::certificate::{NameMatch, Trust};
use crate::model::{Certificate, Digest};
use crate::net::{certificate, tls};

/// The trusted roots and the pinned certificates.
#[derive(Debug)]
pub(crate) struct Roots {
    /// `system roots`, or the name of the file.
    name: String,
    /// `None`: the roots of the system, loaded on first use.
    configured: Option<CertificateStore>,
    system: OnceLock<Result<CertificateStore, String>>,
    pins: Vec<Digest>,
}

#[derive(Debug)]
struct CertificateStore {
    roots: RootCertStore,
    /// Certificates that are not roots but may complete a chain.
    intermediates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Trusts the roots of the system.
    pub(crate) fn of_system(pins: Vec<Digest>) -> Self {
        Self { name: "system roots".to_owned(), configured: None, system: OnceLock::new(), pins }
    }

    /// Trusts the certificates of the file `name`: self-issued ones as roots, the others as intermediates.
    pub(crate) fn given(name: String, certificates: Vec<CertificateDer<'static>>, pins: Vec<Digest>) -> Self {
        Self { name, configured: Some(CertificateStore::of(certificates)), system: OnceLock::new(), pins }
    }

    fn store(&self) -> Result<&CertificateStore, String> {
        match &self.configured {
            Some(store) => Ok(store),
            None => self.system.get_or_init(CertificateStore::of_system).as_ref().map_err(Clone::clone),
        }
    }

    /// The trust in the first certificate of a chain at the time `at`, in seconds since 1970.
    pub(crate) fn trust(&self, chain: &[CertificateDer<'static>], at: i64) -> Trust {
        let Some(leaf) = chain.first() else {
            return Trust::NotVerified("the server sent no certificate".to_owned());
        };

        let facts = certificate(leaf);
        if !self.pins.is_empty() {
            return self.trust_by_pin(facts.as_ref());
        }

        let store = match self.store() {
            Ok(store) => store,
            Err(cause) => return Trust::NotVerified(cause),
        };

        let (Ok(parsed), Some(facts)) = (ParsedCertificate::try_from(leaf), facts) else {
            return self.not_trusted("the certificate cannot be parsed".to_owned());
        };

        // The leaf's own lifetime is a finding of its own: verify the chain at a time when the leaf is valid.
        let now = within_lifetime(&facts, at);
        match verify(&parsed, store, &chain[1..], now) {
            Ok(()) => Trust::Roots(self.name.clone()),
            Err(CertificateError::UnknownIssuer) => {
                let last = chain.iter().rev().find_map(|der| certificate(der)).unwrap_or(facts);
                self.trust_with_intermediates(&parsed, store, &chain[1..], now, &last)
            }
            Err(error) => self.not_trusted(describe(&error)),
        }
    }

    fn trust_by_pin(&self, facts: Option<&Certificate>) -> Trust {
        match facts.map(|facts| facts.sha256) {
            Some(sha256) if self.pins.contains(&sha256) => Trust::Pin,
            sha256 => Trust::PinMismatch(sha256.map(|sha256| sha256.to_string()).unwrap_or_default()),
        }
    }

    /// Verifies the chain again with the known intermediates. `last` is the last certificate that the server sent.
    fn trust_with_intermediates(
        &self,
        leaf: &ParsedCertificate<'_>,
        store: &CertificateStore,
        sent: &[CertificateDer<'static>],
        now: UnixTime,
        last: &Certificate,
    ) -> Trust {
        let completed: Vec<_> = sent.iter().chain(&store.intermediates).cloned().collect();

        match verify(leaf, store, &completed, now) {
            Ok(()) => Trust::Incomplete { roots: self.name.clone(), missing: last.issuer.to_string() },
            Err(_) if last.self_issued => self.not_trusted(format!("{} is self-signed", last.subject)),
            Err(_) => {
                self.not_trusted(format!("unknown issuer {}, or the server does not send an intermediate", last.issuer))
            }
        }
    }

    fn not_trusted(&self, cause: String) -> Trust {
        Trust::NotTrusted { roots: self.name.clone(), cause }
    }

    /// Whether a certificate covers a name.
    pub(crate) fn covers(leaf: Option<&CertificateDer<'static>>, name: &ServerName<'_>) -> NameMatch {
        let requested = name.to_str().into_owned();
        let parsed = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        if parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok()) {
            return NameMatch::Covered(requested);
        }

        let names = leaf.and_then(|leaf| certificate(leaf)).map(|facts| facts.names).unwrap_or_default();
        NameMatch::NotCovered { requested, names: names.iter().take(5).map(ToString::to_string).collect() }
    }
}

impl CertificateStore {
    fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut store = Self { roots: RootCertStore::empty(), intermediates: Vec::new() };
        for der in certificates {
            if certificate(&der).is_some_and(|facts| facts.self_issued) {
                // An unusable root trusts no chain; the chains that need it report that.
                let _ = store.roots.add(der);
            } else {
                store.intermediates.push(der);
            }
        }
        store
    }

    fn of_system() -> Result<Self, String> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            return Err("this system has no root certificates; install ca-certificates or use --ca FILE".to_owned());
        }
        Ok(Self { roots, intermediates: Vec::new() })
    }
}

/// The time `at`, moved into the lifetime of the leaf certificate.
fn within_lifetime(leaf: &Certificate, at: i64) -> UnixTime {
    let not_after = leaf.not_after.map_or(at, jiff::Timestamp::as_second);
    let not_before = leaf.not_before.map_or(at, jiff::Timestamp::as_second);
    let at = at.min(not_after).max(not_before);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at).unwrap_or(0)))
}

fn verify(
    leaf: &ParsedCertificate<'_>,
    store: &CertificateStore,
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

fn describe(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "a certificate of the chain has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "a certificate of the chain is not valid yet".to_owned()
        }
        CertificateError::BadSignature => "a signature in the chain is invalid".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not issued for servers".to_owned()
        }
        CertificateError::BadEncoding => "a certificate of the chain cannot be parsed".to_owned(),
        other => other.to_string(),
    }
}
