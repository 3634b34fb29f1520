//! The expiry of the client certificate: a server only reports that it does not know the client.

use jiff::Timestamp;
use kube::config::AuthInfo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The day on which the certificate of these credentials expired, if that is before `now`.
pub(super) fn expired(credentials: &AuthInfo, now: Timestamp) -> Option<String> {
    let pem = match (&credentials.client_certificate_data, &credentials.client_certificate) {
        (Some(data), _) => from_base64(data)?,
        (None, Some(file)) => std::fs::read(file).ok()?,
        (None, None) => return None,
    };

    let certificate = CertificateDer::from_pem_slice(&pem).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).ok()?;
    let end = Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()?;
    (end < now).then(|| end.strftime("%Y-%m-%d").to_string())
}

/// A kubeconfig contains PEM files in base64, like the body of a PEM file.
fn from_base64(data: &str) -> Option<Vec<u8>> {
    let frame = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", data.trim());
    CertificateDer::from_pem_slice(frame.as_bytes()).ok().map(|bytes| bytes.to_vec())
}
