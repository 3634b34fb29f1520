//! Table columns of the identified services.

use std::fmt::Write;

use crate::model::{Certificate, CertificateTime, Column, ColumnVisibility, Endpoint, Identity};

fn identity(endpoint: Option<&Endpoint>) -> Option<&Identity> {
    endpoint?.identity.as_deref()
}

fn certificate(endpoint: Option<&Endpoint>) -> Option<&Certificate> {
    identity(endpoint)?.tls.as_ref()?.certificates.first()
}

const fn column(
    name: &'static str,
    shown: ColumnVisibility,
    cell: fn(&crate::model::Service, Option<&Endpoint>, &mut dyn Write) -> std::fmt::Result,
) -> Column {
    Column { name, shown, cut: true, label: false, cell, number: None }
}

/// The number of certificate names that are printed; the rest are counted.
const MAX_NAMES: usize = 5;

/// Product and version, or the unrecognised first line; TLS version; names and expiry of the certificate.
pub(crate) const COLUMNS: &[Column] = &[
    column("version", ColumnVisibility::Asked, |_, endpoint, out| {
        let Some(identity) = identity(endpoint) else { return Ok(()) };
        match (&identity.product, &identity.version, &identity.banner) {
            (Some(product), Some(version), _) => write!(out, "{product} {version}"),
            (Some(one), None, _) | (None, Some(one), _) => write!(out, "{one}"),
            (None, None, Some(banner)) => write!(out, "\"{banner}\""),
            (None, None, None) => Ok(()),
        }
    }),
    column("tls", ColumnVisibility::WhereFilled, |_, endpoint, out| {
        let Some(identity) = identity(endpoint) else { return Ok(()) };
        let Some(tls) = &identity.tls else { return Ok(()) };
        let version = tls.version.as_deref().unwrap_or("TLS");
        write!(out, "{version}{}", if identity.is_inside_tls() { "" } else { " (STARTTLS)" })
    }),
    column("cert_names", ColumnVisibility::Wide, |_, endpoint, out| {
        let Some(certificate) = certificate(endpoint) else { return Ok(()) };
        let names = if certificate.names.is_empty() { certificate.common_name.as_slice() } else { &certificate.names };

        for (at, name) in names.iter().take(MAX_NAMES).enumerate() {
            write!(out, "{}{name}", if at > 0 { "," } else { "" })?;
        }
        match certificate.name_count.checked_sub(MAX_NAMES) {
            None | Some(0) => Ok(()),
            Some(more) => write!(out, ",+{more}"),
        }
    }),
    column("cert_end", ColumnVisibility::Wide, |_, endpoint, out| {
        match certificate(endpoint).and_then(|certificate| certificate.not_after) {
            Some(CertificateTime::NO_END) => write!(out, "never"),
            Some(end) => write!(out, "{}", end.date()),
            None => Ok(()),
        }
    }),
];
