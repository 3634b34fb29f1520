//! The certificates that a user trusts, from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| plain(&error))?;
    let read = file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| plain(&error))?;
    if read as u64 == MAX_BYTES {
        return Err("it is too large to be a list of certificates".to_owned());
    }

    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is not PEM: {error}"))?;
    let certificates = if certificates.is_empty() { vec![CertificateDer::from(bytes)] } else { certificates };
    if certificates.iter().any(|der| certificate(der).is_none()) {
        return Err("it contains no certificate, or one that cannot be parsed".to_owned());
    }
    Ok(certificates)
}
