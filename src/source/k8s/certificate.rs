//! Certificates of a kubeconfig. Of the client's, the expiry: a server only reports that it does not know the client.

use jiff::Timestamp;
use kube::config::AuthInfo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The day on which the certificate of these credentials expired, if that is before `now`.
pub(super) fn expired(credentials: &AuthInfo, now: Timestamp) -> Option<String> {
    let certificate = of_client(credentials)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).ok()?;
    let end = Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()?;
    (end < now).then(|| end.strftime("%Y-%m-%d").to_string())
}

/// Whether the certificate of these credentials has the version 1 of X.509, which rustls does not support.
pub(super) fn is_version_1(credentials: &AuthInfo) -> bool {
    let Some(certificate) = of_client(credentials) else { return false };
    x509_parser::parse_x509_certificate(&certificate)
        .is_ok_and(|(_, parsed)| parsed.version() == x509_parser::x509::X509Version::V1)
}

fn of_client(credentials: &AuthInfo) -> Option<CertificateDer<'static>> {
    let pem = match (&credentials.client_certificate_data, &credentials.client_certificate) {
        (Some(data), _) => from_base64(data)?,
        (None, Some(file)) => std::fs::read(file).ok()?,
        (None, None) => return None,
    };
    CertificateDer::from_pem_slice(&pem).ok()
}

/// All certificates of a PEM file, as DER; `None` if there is none, or an invalid one.
pub(super) fn all(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then(|| all.into_iter().map(|one| one.to_vec()).collect())
}

/// A kubeconfig contains PEM files in base64, like the body of a PEM file.
fn from_base64(data: &str) -> Option<Vec<u8>> {
    let frame = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", data.trim());
    CertificateDer::from_pem_slice(frame.as_bytes()).ok().map(|bytes| bytes.to_vec())
}
