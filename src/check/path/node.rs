//! A certificate with what a path needs to know of it.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::extensions::{GeneralSubtree, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::{AlternativeName, DistinguishedName, text};
use crate::check::certificate::CertificateRecord;
use crate::net::certificate;

/// A certificate of a path.
#[derive(Debug)]
pub(in crate::check) struct Node {
    pub(super) der: CertificateDer<'static>,
    pub(super) record: CertificateRecord,
    pub(super) subject: DistinguishedName,
    pub(super) issuer: DistinguishedName,
    serial: Vec<u8>,
    key_id: Option<Vec<u8>>,
    authority: AuthorityKey,
    /// X.509 version 1 or 2, which have no extensions.
    pub(super) is_old: bool,
    /// Basic constraints: whether it is an authority, and how many authorities may be below it.
    pub(super) constraints: Option<(bool, Option<u32>)>,
    pub(super) key_usage: Option<KeyUsage>,
    /// Whether its extended key usage permits servers, if it has one.
    pub(super) serves: Option<bool>,
    pub(super) names: Vec<AlternativeName>,
    pub(super) common_names: Vec<String>,
    pub(super) name_constraints: Option<NameConstraints>,
    /// An extension that makes the certificate unusable.
    pub(super) defect: Option<String>,
}

/// What identifies the issuer's certificate beside its name (RFC 5280, 4.2.1.1).
#[derive(Debug, Default)]
struct AuthorityKey {
    key_id: Option<Vec<u8>>,
    issuer: Option<DistinguishedName>,
    serial: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeyUsage {
    pub(super) signs_certificates: bool,
    /// Signs handshakes, or takes part in a key exchange.
    pub(super) serves: bool,
}

#[derive(Debug)]
pub(super) struct NameConstraints {
    pub(super) permitted: Vec<AlternativeName>,
    pub(super) excluded: Vec<AlternativeName>,
}

/// Critical extensions that are supported beside those that are read, because they do not restrict a server: policies,
/// their mappings, constraints and inhibitions, distribution points, and Netscape's type.
const HARMLESS: [&str; 6] = ["2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54", "2.5.29.31", "2.16.840.1.113730.1.1"];

impl Node {
    /// `None` if the bytes are not a certificate.
    pub(in crate::check) fn new(der: CertificateDer<'static>) -> Option<Self> {
        let record = CertificateRecord::from(&certificate(&der)?);
        let bytes = der.clone();
        let (_, parsed) = X509Certificate::from_der(&bytes).ok()?;

        let common_names = parsed.subject().iter_common_name().filter_map(text).map(|name| name.to_ascii_lowercase());
        let mut node = Self {
            der,
            record,
            subject: DistinguishedName::of(parsed.subject()),
            issuer: DistinguishedName::of(parsed.issuer()),
            serial: parsed.raw_serial().to_vec(),
            key_id: None,
            authority: AuthorityKey::default(),
            is_old: parsed.version().0 < 2,
            constraints: None,
            key_usage: None,
            serves: None,
            names: Vec::new(),
            common_names: common_names.collect(),
            name_constraints: None,
            defect: None,
        };
        node.read_extensions(&parsed);
        Some(node)
    }

    fn read_extensions(&mut self, parsed: &X509Certificate<'_>) {
        let mut seen = Vec::new();
        for extension in parsed.extensions() {
            let oid = extension.oid.to_id_string();
            if seen.contains(&oid) {
                self.defect = Some(format!("it has the extension {oid} twice"));
            }

            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => self.key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    let names = id.authority_cert_issuer.iter().flatten().map(AlternativeName::of);
                    let issuer = names.into_iter().find_map(|name| match name {
                        AlternativeName::Directory(name) => Some(name),
                        _ => None,
                    });
                    self.authority = AuthorityKey {
                        key_id: id.key_identifier.as_ref().map(|id| id.0.to_vec()),
                        issuer,
                        serial: id.authority_cert_serial.map(<[u8]>::to_vec),
                    };
                }
                ParsedExtension::BasicConstraints(constraints) => {
                    self.constraints = Some((constraints.ca, constraints.path_len_constraint));
                }
                ParsedExtension::KeyUsage(usage) => {
                    self.key_usage = Some(KeyUsage {
                        signs_certificates: usage.key_cert_sign(),
                        serves: usage.digital_signature() || usage.key_encipherment() || usage.key_agreement(),
                    });
                }
                ParsedExtension::ExtendedKeyUsage(usage) => self.serves = Some(usage.server_auth),
                ParsedExtension::SubjectAlternativeName(names) => {
                    self.names = names.general_names.iter().map(AlternativeName::of).collect();
                }
                ParsedExtension::NameConstraints(constraints) => {
                    self.name_constraints = Some(NameConstraints {
                        permitted: subtrees(constraints.permitted_subtrees.as_deref()),
                        excluded: subtrees(constraints.excluded_subtrees.as_deref()),
                    });
                }
                ParsedExtension::ParseError { .. } => self.defect = Some(format!("its extension {oid} is invalid")),
                _ if extension.critical && !HARMLESS.contains(&oid.as_str()) => {
                    self.defect = Some(format!("its critical extension {oid} is not supported"));
                }
                _ => {}
            }
            seen.push(oid);
        }
    }

    /// The subject, as it is displayed.
    pub(super) fn name(&self) -> &str {
        &self.record.link.subject
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `issuer` may have issued this certificate, by its name and the key identifiers of both.
    pub(super) fn may_be_issued_by(&self, issuer: &Self) -> bool {
        fn agrees<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }

        self.issuer == issuer.subject
            && agrees(self.authority.key_id.as_ref(), issuer.key_id.as_ref())
            && agrees(self.authority.serial.as_ref(), Some(&issuer.serial))
            && agrees(self.authority.issuer.as_ref(), Some(&issuer.issuer))
    }

    /// Whether an alternative name covers a server name. The common name does not count (RFC 9525).
    pub(in crate::check) fn covers(&self, name: &ServerName<'_>) -> bool {
        match name {
            ServerName::DnsName(name) => {
                let requested = name.as_ref().trim_end_matches('.').to_ascii_lowercase();
                self.names.iter().any(|name| name.covers_dns(&requested))
            }
            ServerName::IpAddress(address) => {
                let address = IpAddr::from(*address);
                self.names.iter().any(|name| name.covers_ip(address))
            }
            _ => false,
        }
    }
}

fn subtrees(list: Option<&[GeneralSubtree<'_>]>) -> Vec<AlternativeName> {
    list.unwrap_or_default().iter().map(|subtree| AlternativeName::of(&subtree.base)).collect()
}
