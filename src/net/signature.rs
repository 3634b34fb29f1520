//! Signatures of certificates and handshakes.

use ring::signature::{self as ring_signature, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey as Key;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::certificate::{RSASSA_PSS, algorithm_name, public_key, rsa_key};

/// Schemes of RSA keys that sign with RSASSA-PSS only (RFC 8446, 4.2.3). The TLS library has no names for them.
pub(super) const RSA_PSS_PSS_SHA256: SignatureScheme = SignatureScheme::Unknown(0x0809);
pub(super) const RSA_PSS_PSS_SHA384: SignatureScheme = SignatureScheme::Unknown(0x080a);
pub(super) const RSA_PSS_PSS_SHA512: SignatureScheme = SignatureScheme::Unknown(0x080b);

/// Whether a signature is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureCheck {
    Valid,
    Invalid,
    /// This program cannot verify it, with what it lacks: `ecdsa-with-SHA512 signatures by EC keys with 521 bits`.
    Unsupported(String),
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
    Ed25519,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Verifies the signature of a certificate with the key of its issuer.
pub(crate) fn verify_certificate(certificate: &[u8], issuer: &[u8]) -> SignatureCheck {
    let (Ok((_, certificate)), Ok((_, issuer))) =
        (X509Certificate::from_der(certificate), X509Certificate::from_der(issuer))
    else {
        return SignatureCheck::Invalid;
    };
    // RFC 5280, 4.1.1.2: both fields must be the same.
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return SignatureCheck::Invalid;
    }

    let (method, key) = (method_of(&certificate.signature_algorithm), issuer.public_key());
    let name = algorithm_name(&certificate.signature_algorithm.algorithm);
    verify(method, &name, key, certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
}

/// Verifies a signature of a TLS handshake with the key of a certificate.
pub(crate) fn verify_handshake(
    scheme: SignatureScheme,
    certificate: &[u8],
    message: &[u8],
    signature: &[u8],
) -> SignatureCheck {
    use SignatureScheme as S;

    let name = scheme_name(scheme);
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return SignatureCheck::Unsupported("a certificate that cannot be parsed".to_owned());
    };

    let method = match scheme {
        S::RSA_PKCS1_SHA1 => Some(Method::RsaPkcs1(Hash::Sha1)),
        S::RSA_PKCS1_SHA256 => Some(Method::RsaPkcs1(Hash::Sha256)),
        S::RSA_PKCS1_SHA384 => Some(Method::RsaPkcs1(Hash::Sha384)),
        S::RSA_PKCS1_SHA512 => Some(Method::RsaPkcs1(Hash::Sha512)),
        S::RSA_PSS_SHA256 | RSA_PSS_PSS_SHA256 => Some(Method::RsaPss(Hash::Sha256)),
        S::RSA_PSS_SHA384 | RSA_PSS_PSS_SHA384 => Some(Method::RsaPss(Hash::Sha384)),
        S::RSA_PSS_SHA512 | RSA_PSS_PSS_SHA512 => Some(Method::RsaPss(Hash::Sha512)),
        S::ECDSA_SHA1_Legacy => Some(Method::Ecdsa(Hash::Sha1)),
        S::ECDSA_NISTP256_SHA256 => Some(Method::Ecdsa(Hash::Sha256)),
        S::ECDSA_NISTP384_SHA384 => Some(Method::Ecdsa(Hash::Sha384)),
        S::ECDSA_NISTP521_SHA512 => Some(Method::Ecdsa(Hash::Sha512)),
        S::ED25519 => Some(Method::Ed25519),
        _ => None,
    };
    verify(method, &name, certificate.public_key(), message, signature)
}

/// The name of a scheme, or its number.
fn scheme_name(scheme: SignatureScheme) -> String {
    scheme.as_str().map_or_else(|| format!("0x{:04x}", u16::from(scheme)), ToOwned::to_owned)
}

fn verify(
    method: Option<Method>,
    name: &str,
    key: &SubjectPublicKeyInfo<'_>,
    message: &[u8],
    signature: &[u8],
) -> SignatureCheck {
    let facts = public_key(key);
    let Some(algorithm) = method.and_then(|method| algorithm(method, key, facts.bits.unwrap_or(0))) else {
        let bits = facts.bits.map(|bits| format!(" with {bits} bits")).unwrap_or_default();
        return SignatureCheck::Unsupported(format!("{name} signatures by {} keys{bits}", facts.kind));
    };

    let key = UnparsedPublicKey::new(algorithm, &key.subject_public_key.data);
    match key.verify(message, signature) {
        Ok(()) => SignatureCheck::Valid,
        Err(_) => SignatureCheck::Invalid,
    }
}

/// The method of a certificate's signature; `None` if it is not supported.
fn method_of(algorithm: &AlgorithmIdentifier<'_>) -> Option<Method> {
    let oid = algorithm.algorithm.to_id_string();
    if oid == RSASSA_PSS {
        let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = SignatureAlgorithm::try_from(algorithm) else {
            return None;
        };
        let hash = match parameters.hash_algorithm_oid().to_id_string().as_str() {
            "2.16.840.1.101.3.4.2.1" => (Hash::Sha256, 32),
            "2.16.840.1.101.3.4.2.2" => (Hash::Sha384, 48),
            "2.16.840.1.101.3.4.2.3" => (Hash::Sha512, 64),
            _ => return None,
        };
        // ring expects a salt as long as the digest, and MGF1 with the same hash.
        let mask = parameters.mask_gen_algorithm().ok()?.hash;
        let usual = parameters.salt_length() == hash.1 && mask == *parameters.hash_algorithm_oid();
        return usual.then_some(Method::RsaPss(hash.0));
    }

    match oid.as_str() {
        "1.2.840.113549.1.1.5" => Some(Method::RsaPkcs1(Hash::Sha1)),
        "1.2.840.113549.1.1.11" => Some(Method::RsaPkcs1(Hash::Sha256)),
        "1.2.840.113549.1.1.12" => Some(Method::RsaPkcs1(Hash::Sha384)),
        "1.2.840.113549.1.1.13" => Some(Method::RsaPkcs1(Hash::Sha512)),
        "1.2.840.10045.4.1" => Some(Method::Ecdsa(Hash::Sha1)),
        "1.2.840.10045.4.3.2" => Some(Method::Ecdsa(Hash::Sha256)),
        "1.2.840.10045.4.3.3" => Some(Method::Ecdsa(Hash::Sha384)),
        "1.2.840.10045.4.3.4" => Some(Method::Ecdsa(Hash::Sha512)),
        "1.3.101.112" => Some(Method::Ed25519),
        _ => None,
    }
}

/// ring's algorithm for a method and a key; `None` if it has none.
fn algorithm(method: Method, key: &SubjectPublicKeyInfo<'_>, bits: u32) -> Option<&'static dyn VerificationAlgorithm> {
    // ring rounds the length of a modulus up to whole octets.
    let octets = bits.div_ceil(8);
    let rsa = rsa_key(key).filter(|rsa| has_usual_exponent(rsa.exponent));
    match (method, key.parsed().ok()?) {
        (Method::RsaPkcs1(hash), Key::RSA(_)) if rsa.is_some() => match hash {
            Hash::Sha1 if (128..=1024).contains(&octets) => {
                Some(&ring_signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY)
            }
            Hash::Sha256 if (128..=1024).contains(&octets) => {
                Some(&ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
            }
            Hash::Sha512 if (128..=1024).contains(&octets) => {
                Some(&ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
            }
            Hash::Sha384 if (256..=1024).contains(&octets) => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
            _ => None,
        },
        (Method::RsaPss(hash), _) if rsa.is_some() && (256..=1024).contains(&octets) => match hash {
            Hash::Sha1 => None,
            Hash::Sha256 => Some(&ring_signature::RSA_PSS_2048_8192_SHA256),
            Hash::Sha384 => Some(&ring_signature::RSA_PSS_2048_8192_SHA384),
            Hash::Sha512 => Some(&ring_signature::RSA_PSS_2048_8192_SHA512),
        },
        (Method::Ecdsa(hash), Key::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok())?.to_id_string();
            match (curve.as_str(), hash) {
                ("1.2.840.10045.3.1.7", Hash::Sha256) => Some(&ring_signature::ECDSA_P256_SHA256_ASN1),
                ("1.2.840.10045.3.1.7", Hash::Sha384) => Some(&ring_signature::ECDSA_P256_SHA384_ASN1),
                ("1.3.132.0.34", Hash::Sha256) => Some(&ring_signature::ECDSA_P384_SHA256_ASN1),
                ("1.3.132.0.34", Hash::Sha384) => Some(&ring_signature::ECDSA_P384_SHA384_ASN1),
                _ => None,
            }
        }
        (Method::Ed25519, _) if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => {
            Some(&ring_signature::ED25519)
        }
        _ => None,
    }
}

/// Whether ring accepts an exponent: at most 33 bits.
fn has_usual_exponent(exponent: &[u8]) -> bool {
    exponent.iter().skip_while(|byte| **byte == 0).count() <= 4
}
