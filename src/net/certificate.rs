//! The facts of a certificate, from its bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::{PublicKey as Key, RSAPublicKey};
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::clean::Untrusted;
use crate::model::{Certificate, CertificateTime, Digest, PublicKey, TlsFacts};

/// The OID of keys and signatures of RSASSA-PSS.
pub(super) const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// Maximum number of certificates read from a chain: no client accepts longer ones.
const MAX_CERTIFICATES: usize = 10;
/// Maximum number of alternative names kept; `name_count` has the total.
const MAX_NAMES: usize = 100;
/// Maximum length of a name in bytes. A DNS name has at most 253, a URI may have more.
const MAX_NAME_BYTES: usize = 512;
/// Maximum number of parts of a distinguished name.
const MAX_PARTS: usize = 32;
/// A serial number has at most 20 octets (RFC 5280, 4.1.2.2).
const MAX_SERIAL: usize = 20;

/// The facts of a chain, without the negotiated parameters.
pub(super) fn facts(chain: &[CertificateDer<'_>]) -> TlsFacts {
    let readable = chain.iter().take(MAX_CERTIFICATES).filter_map(|der| certificate(der));
    TlsFacts { chain_length: chain.len(), certificates: readable.collect(), ..TlsFacts::default() }
}

/// The facts of one certificate; `None` if the bytes are not a certificate.
pub(crate) fn certificate(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let (names, name_count) = alternative_names(&parsed);

    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, der).as_ref());

    let serial = parsed.raw_serial();
    let serial = &serial[..serial.len().min(MAX_SERIAL)];

    Some(Certificate {
        subject: distinguished(parsed.subject()),
        common_name: parsed.subject().iter_common_name().next().map(value),
        issuer: distinguished(parsed.issuer()),
        names,
        name_count,
        not_before: Some(time(parsed.validity().not_before)),
        not_after: Some(time(parsed.validity().not_after)),
        key: public_key(parsed.public_key()),
        signature_algorithm: algorithm_name(&parsed.signature_algorithm.algorithm),
        sha256: Digest(sha256),
        serial: serial.iter().map(|byte| format!("{byte:02x}")).collect(),
        self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        authority: matches!(parsed.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca),
    })
}

fn time(time: ASN1Time) -> CertificateTime {
    CertificateTime::from_second(time.timestamp())
}

fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<Untrusted>, usize) {
    match certificate.subject_alternative_name() {
        Ok(Some(names)) => {
            let names = &names.value.general_names;
            (names.iter().take(MAX_NAMES).map(general_name).collect(), names.len())
        }
        _ => (Vec::new(), 0),
    }
}

fn general_name(name: &GeneralName<'_>) -> Untrusted {
    match name {
        GeneralName::DNSName(text) | GeneralName::URI(text) | GeneralName::RFC822Name(text) => text_of(text.as_bytes()),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(v4), _) => IpAddr::from(v4).to_string().into(),
            (_, Ok(v6)) => IpAddr::from(v6).to_string().into(),
            _ => text_of(bytes),
        },
        GeneralName::DirectoryName(name) => distinguished(name),
        GeneralName::RegisteredID(oid) => oid.to_id_string().into(),
        GeneralName::OtherName(_, bytes) | GeneralName::Invalid(_, bytes) => text_of(bytes),
        GeneralName::X400Address(any) | GeneralName::EDIPartyName(any) => text_of(any.data),
    }
}

/// `CN=example.org, O=Example`: the parts in their order.
fn distinguished(name: &X509Name<'_>) -> Untrusted {
    let parts = name.iter_attributes().take(MAX_PARTS).map(|part| {
        let word = match oid2abbrev(part.attr_type(), oid_registry()) {
            Ok(word) => Cow::Borrowed(word),
            Err(_) => Cow::Owned(part.attr_type().to_id_string()),
        };
        format!("{word}={}", value(part).as_raw())
    });
    parts.collect::<Vec<_>>().join(", ").into()
}

fn value(part: &AttributeTypeAndValue<'_>) -> Untrusted {
    text_of(part.as_slice())
}

fn text_of(bytes: &[u8]) -> Untrusted {
    Untrusted::from_bytes(&bytes[..bytes.len().min(MAX_NAME_BYTES)])
}

/// The name of an algorithm: `ecdsa-with-SHA256`, or its object identifier in dotted form.
pub(super) fn algorithm_name(oid: &Oid<'_>) -> Cow<'static, str> {
    oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string().into(), |name| name.to_owned().into())
}

/// The kind and size of a key.
pub(super) fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    if let Some(key) = rsa_key(info) {
        return PublicKey { kind: "RSA".into(), bits: bits(key.modulus) };
    }

    let oid = info.algorithm.algorithm.to_id_string();
    match (oid.as_str(), info.parsed()) {
        // RFC 8410.
        ("1.3.101.112", _) => PublicKey { kind: "Ed25519".into(), bits: Some(256) },
        ("1.3.101.113", _) => PublicKey { kind: "Ed448".into(), bits: Some(456) },
        (_, Ok(Key::EC(point))) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
            let named = curve.and_then(|curve| match curve.to_id_string().as_str() {
                // RFC 5480: P-256, P-384, P-521, P-224.
                "1.2.840.10045.3.1.7" => Some(256),
                "1.3.132.0.34" => Some(384),
                "1.3.132.0.35" => Some(521),
                "1.3.132.0.33" => Some(224),
                _ => None,
            });
            PublicKey { kind: "EC".into(), bits: named.or(u32::try_from(point.key_size()).ok()) }
        }
        (_, Ok(Key::DSA(key))) => PublicKey { kind: "DSA".into(), bits: bits(key) },
        _ => PublicKey { kind: oid.into(), bits: None },
    }
}

/// An RSA key, also one that signs with RSASSA-PSS only (RFC 4055, 1.2).
pub(super) fn rsa_key<'a>(info: &'a SubjectPublicKeyInfo<'_>) -> Option<RSAPublicKey<'a>> {
    match info.parsed() {
        Ok(Key::RSA(key)) => Some(key),
        Ok(Key::Unknown(der)) if is_pss_key(info) => Some(RSAPublicKey::from_der(der).ok()?.1),
        _ => None,
    }
}

/// Whether a certificate's key signs with RSASSA-PSS only.
pub(crate) fn has_pss_key(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, parsed)| is_pss_key(parsed.public_key()))
}

/// Whether a certificate's key is on the curve P-521 (RFC 5480, 2.1.1.1).
pub(crate) fn has_p521_key(der: &[u8]) -> bool {
    const SECP521R1: &str = "1.3.132.0.35";
    let curve = X509Certificate::from_der(der).ok().and_then(|(_, parsed)| {
        let parameters = parsed.public_key().algorithm.parameters.as_ref()?;
        parameters.as_oid().ok().map(|oid| oid.to_id_string())
    });
    curve.as_deref() == Some(SECP521R1)
}

fn is_pss_key(info: &SubjectPublicKeyInfo<'_>) -> bool {
    info.algorithm.algorithm.to_id_string() == RSASSA_PSS
}

/// The length of a big-endian number in bits.
fn bits(number: &[u8]) -> Option<u32> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros)?;
    u32::try_from((number.len() - zeros) * 8).ok().map(|bits| bits - first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["example.test".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_read() {
        let der = made(|params| params.distinguished_name.push(DnType::CommonName, "example.test"));
        let read = certificate(&der).unwrap();
        let names: Vec<_> = read.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["example.test", "192.0.2.1"]);
        assert_eq!(read.common_name, Some("example.test".into()));
        assert_eq!((read.key.kind.as_ref(), read.key.bits), ("EC", Some(256)));
        assert_eq!(read.signature_algorithm, "ecdsa-with-SHA256");
        assert_eq!(read.sha256.to_string().len(), 64);
        assert!(read.self_issued && !read.authority);
        assert!(read.not_before < read.not_after);
    }

    #[test]
    fn excess_names_and_certificates_are_counted_and_dropped() {
        let der = made(|params| {
            let names = (0..10_000).map(|number| format!("h{number}.test").try_into().unwrap());
            params.subject_alt_names = names.map(rcgen::SanType::DnsName).collect();
        });
        let read = certificate(&der).unwrap();
        assert_eq!((read.names.len(), read.name_count), (MAX_NAMES, 10_000));
        let der = CertificateDer::from(made(|_| {}));
        let facts = facts(&vec![der; 200]);
        assert_eq!((facts.certificates.len(), facts.chain_length), (MAX_CERTIFICATES, 200));
    }

    #[test]
    fn a_name_with_a_nul_is_kept_and_displayed_escaped() {
        let der = made(|params| params.distinguished_name.push(DnType::CommonName, "good.test\0.evil.test"));
        let name = certificate(&der).unwrap().common_name.unwrap();
        assert_eq!(name.as_raw(), "good.test\0.evil.test");
        assert_eq!(name.to_string(), "good.test\\u{0}.evil.test");
    }

    #[test]
    fn bits_are_counted_from_the_first_one() {
        assert_eq!((bits(&[0, 0x80, 0]), bits(&[1, 0]), bits(&[]), bits(&[0])), (Some(16), Some(9), None, None));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(at in 0..400_usize, with: Vec<u8>, cut in 0..600_usize) {
            let mut der = made(|_| {});
            let end = (at + with.len()).min(der.len());
            if at < end {
                der[at..end].copy_from_slice(&with[..end - at]);
            }
            der.truncate(cut.max(1));
            let _ = certificate(&der);
            let _ = certificate(&with);
        }
    }
}
