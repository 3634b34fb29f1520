//! The certificates that a user trusts, from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

use super::roots::Roots;
use crate::clean::clean;
use crate::error::plain;
use crate::model::Digest;
use crate::net::certificate;

/// The size limit of a file; the system's list of certificates has 0.25 MB.
const MAX_BYTES: u64 = 16 << 20;

impl Roots {
    /// Trusts the certificates of a file, PEM or DER; without one, the roots of the system.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn of_file(ca: Option<&Path>, pins: Vec<Digest>) -> Result<Self, String> {
        let Some(path) = ca else { return Ok(Self::of_system(pins)) };
        Ok(Self::given(clean(&path.to_string_lossy()), certificates(path)?, pins))
    }

    /// Trusts the certificates of a file, PEM or DER, beside the roots of the system.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub(crate) fn beside_system(path: &Path) -> Result<Self, String> {
        let mut all = certificates(path)?;
        all.extend(rustls_native_certs::load_native_certs().certs);
        Ok(Self::given(format!("system roots and {}", clean(&path.to_string_lossy())), all, Vec::new()))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| plain(&error))?;
    let read = file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    if read as u64 == MAX_BYTES {
        return Err("it is too large to be a list of certificates".to_owned());
    }

    parse(bytes)
}

/// The certificates of a file's content. As OpenSSL does, it takes the older label of a certificate and trusted ones.
fn parse(bytes: Vec<u8>) -> Result<Vec<CertificateDer<'static>>, String> {
    // Some editors write a byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = replaced(text, b"-----BEGIN X509 CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----");
    let text = replaced(&text, b"-----END X509 CERTIFICATE-----", b"-----END CERTIFICATE-----");
    let text = replaced(&text, b"-----BEGIN TRUSTED CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----");
    let text = replaced(&text, b"-----END TRUSTED CERTIFICATE-----", b"-----END CERTIFICATE-----");

    let certificates: Result<Vec<CertificateDer<'static>>, pem::Error> =
        CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| match error {
        pem::Error::MissingSectionEnd { .. } => "it ends within a certificate".to_owned(),
        _ => "a certificate in it is not valid PEM".to_owned(),
    })?;

    let certificates = if certificates.is_empty() { vec![CertificateDer::from(bytes)] } else { certificates };
    let first: Option<Vec<CertificateDer<'static>>> = certificates.iter().map(first_element).collect();
    match first {
        Some(certificates) if certificates.iter().all(|der| certificate(der).is_some()) => Ok(certificates),
        _ => Err("it contains no certificate, or one that cannot be parsed".to_owned()),
    }
}

/// A trusted certificate is one with what it is trusted for behind it (`openssl x509 -trustout`).
fn first_element(der: &CertificateDer<'static>) -> Option<CertificateDer<'static>> {
    let [0x30, 0x82, high, low, ..] = der.as_ref() else { return Some(der.clone()) };
    let length = 4 + usize::from(u16::from_be_bytes([*high, *low]));
    der.get(..length).map(|first| CertificateDer::from(first.to_vec()))
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        all.extend_from_slice(&rest[..at]);
        all.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    all.extend_from_slice(rest);
    all
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn files_are_read_as_openssl_reads_them() {
        let key = KeyPair::generate().unwrap();
        let one = CertificateParams::new(vec!["a.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (pem, der) = (one.pem(), one.der().to_vec());
        let marked = [b"\xef\xbb\xbf", pem.as_bytes()].concat();
        let two = pem.repeat(2).into_bytes();
        for (bytes, count) in [
            (pem.clone().into_bytes(), 1),
            (der, 1),
            (pem.replace("CERTIFICATE", "X509 CERTIFICATE").into_bytes(), 1),
            (pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE").into_bytes(), 1),
            (marked, 1),
            (two, 2),
        ] {
            assert_eq!(parse(bytes.clone()).unwrap().len(), count, "{}", String::from_utf8_lossy(&bytes));
        }

        let cut = pem.as_bytes()[..pem.len() - 30].to_vec();
        assert_eq!(parse(cut).unwrap_err(), "it ends within a certificate");
        assert!(
            parse(b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n".to_vec()).unwrap_err().contains("PEM")
        );
        assert!(parse(b"hello".to_vec()).unwrap_err().contains("no certificate"));
    }
}
